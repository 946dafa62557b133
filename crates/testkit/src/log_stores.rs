//! A whole set of stores of log hunts, and builders of what suites put into them. Times are seconds
//! since 1970 everywhere.

use std::sync::Arc;
use std::time::Duration;

use base::{FixedClock, Timestamp};
use loghunt::command::{Applied, Command, Cut, Order, Refusal};
use loghunt::memory::MemoryLog;
use loghunt::ports::{
    ControlStore, FindingQuery, FindingStore, LedgerStore, OutboxStore, SliceQuery, Step, Tell,
    TellHow,
};
use loghunt::retry::RetryPolicy;
use model::log::{
    DatasetName, Domain, Evidence, Failure, FailureClass, Finding, FindingId, Lane, Position,
    RuleName, Severity, Slice, SliceId, StreamKey, TenantName, Triage, Window,
};
use model::store::Paging;
use rows::{Row, Value};

/// All ports of log hunts over one set of records.
#[derive(Clone)]
pub struct LogStores {
    pub ledger: Arc<dyn LedgerStore>,
    pub findings: Arc<dyn FindingStore>,
    pub outbox: Arc<dyn OutboxStore>,
    pub control: Arc<dyn ControlStore>,
    /// Another client of the same records, as another process would be.
    pub other: Arc<dyn LedgerStore>,
    /// The store's clock.
    pub clock: Arc<FixedClock>,
}

impl LogStores {
    /// Two clients of the same records, which judge leases by this clock.
    pub fn of<S>(store: Arc<S>, other: Arc<S>, clock: Arc<FixedClock>) -> Self
    where
        S: LedgerStore + FindingStore + OutboxStore + ControlStore + 'static,
    {
        Self {
            ledger: store.clone(),
            findings: store.clone(),
            outbox: store.clone(),
            control: store,
            other,
            clock,
        }
    }

    /// The twin in memory.
    pub fn in_memory() -> Self {
        let clock = clock();
        let store = Arc::new(MemoryLog::new(clock.clone()));
        Self::of(store.clone(), store, clock)
    }

    /// Applies commands that are allowed.
    pub async fn does(&self, key: &StreamKey, commands: Vec<Command>) -> Applied {
        self.tries(&Step::of(key.clone(), commands)).await.expect("the step is allowed")
    }

    /// Applies a step.
    pub async fn tries(&self, step: &Step) -> Result<Applied, Refusal> {
        self.ledger.step(step).await.expect("the store works")
    }

    /// Opens a stream that starts at 0 and plans windows up to `frontier`.
    pub async fn planned(&self, key: &StreamKey, frontier: i64, max: u64) -> Applied {
        self.does(key, vec![open(0), plan(frontier, max)]).await
    }

    /// The oldest window that is ready, leased for a minute.
    pub async fn claim(&self, key: &StreamKey, owner: &str) -> Option<Slice> {
        self.does(key, vec![claim(owner)]).await.claimed
    }

    /// Opens a stream, plans one window of ten minutes, and leases it.
    pub async fn leased(&self, key: &StreamKey) -> Slice {
        self.planned(key, 600, 3_600).await;
        self.claim(key, "a").await.expect("a window is ready")
    }

    /// Commits a leased slice with what it found.
    pub async fn commits(&self, slice: &Slice, findings: Vec<Finding>, tell: Tell) -> Applied {
        let step = Step { findings, tell, ..Step::of(slice.key.clone(), vec![commit(slice)]) };
        self.tries(&step).await.expect("the lease is in force")
    }

    /// Stores findings of a stream that has none yet.
    pub async fn finds(&self, key: &StreamKey, findings: Vec<Finding>, tell: Tell) -> Applied {
        let slice = self.leased(key).await;
        self.commits(&slice, findings, tell).await
    }

    /// A slice as it is now.
    pub async fn slice(&self, id: SliceId) -> Option<Slice> {
        let query = SliceQuery { id: Some(id), ..SliceQuery::default() };
        self.other.slices(&query).await.expect("the store works").items.pop()
    }

    /// The windows of a stream's slices and their states.
    pub async fn windows(&self, key: &StreamKey) -> Vec<(i64, i64, &'static str)> {
        let mut query = SliceQuery { paging: Paging::ALL, ..SliceQuery::default() };
        query.of.rule = Some(key.rule.clone());
        let page = self.ledger.slices(&query).await.expect("the store works");
        let secs = |position: Position| position.0 / 1_000_000;
        let shown = |slice: &Slice| {
            (secs(slice.window.from()), secs(slice.window.to()), slice.state.word())
        };
        page.items.iter().filter(|slice| slice.key == *key).map(shown).collect()
    }

    /// How many findings there are.
    pub async fn count(&self, query: &FindingQuery) -> u64 {
        self.findings.findings(query).await.expect("the store works").total
    }
}

/// A clock that shows moment 1,000.
pub fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(at(1_000)))
}

/// A moment.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// The live stream of a rule at a tenant.
pub fn key(tenant: &str, rule: &str) -> StreamKey {
    StreamKey {
        tenant: TenantName::new(tenant).expect("a name"),
        dataset: DatasetName::new("process_creation").expect("a name"),
        part: "".into(),
        rule: RuleName::new(rule).expect("a name"),
        epoch: 0,
        lane: Lane::Live,
    }
}

/// A window.
pub fn window(from: i64, to: i64) -> Window {
    Window::new(Position(from * 1_000_000), Position(to * 1_000_000)).expect("it is not empty")
}

/// Makes a stream that starts there.
pub fn open(t0: i64) -> Command {
    let t0 = Position(t0 * 1_000_000);
    Command::Open { domain: Domain::IngestTime, t0, source_identity: Some("table-1".into()) }
}

/// Plans up to a frontier.
pub fn plan(frontier: i64, max: u64) -> Command {
    Command::Plan {
        tick: at(frontier),
        frontier: Position(frontier * 1_000_000),
        cut: Cut::Additive { max: max * 1_000_000 },
    }
}

/// Leases the oldest window for a minute.
pub fn claim(owner: &str) -> Command {
    Command::Claim {
        owner: owner.into(),
        ttl: Duration::from_secs(60),
        order: Order::OldestFirst,
        only_tick: None,
        policy: RetryPolicy::default(),
    }
}

/// The token under which a slice is held.
pub fn token(slice: &Slice) -> u64 {
    slice.state.lease().expect("somebody holds it").token
}

/// What a run of a slice knows.
pub fn evidence(token: u64) -> Evidence {
    Evidence {
        rows: 3,
        bytes: 4_096,
        fingerprint: Some("count=3".into()),
        source_clock: Some(at(990)),
        took: Duration::from_millis(250),
        audit_at: Some(at(5_000)),
        ..Evidence::of(token, "r1")
    }
}

/// Commits a slice as its holder.
pub fn commit(slice: &Slice) -> Command {
    commit_as(slice, token(slice))
}

/// Commits a slice under a token.
pub fn commit_as(slice: &Slice, token: u64) -> Command {
    Command::Commit { slice: slice.id, evidence: evidence(token), frontier: slice.window.to() }
}

/// Fails a slice as its holder.
pub fn fail(slice: &Slice, class: FailureClass) -> Command {
    Command::Fail {
        slice: slice.id,
        token: token(slice),
        failure: failure(class),
        policy: RetryPolicy::default(),
        jitter_millionths: 500_000,
    }
}

/// A failure of this class.
pub fn failure(class: FailureClass) -> Failure {
    Failure { class, message: "the engine said: ‘no’".into() }
}

/// A finding of a stream, at the moment of its number.
pub fn finding(key: &StreamKey, number: u128) -> Finding {
    let seconds = i64::try_from(number).unwrap_or(0);
    let mut row = Row::new();
    row.set("Host", Value::text(format!("h{number}")));
    row.set("Image", Value::text("C:\\Tools\\WhoAmI 100%_x.exe"));
    row.set("Pid", Value::Int(seconds));
    Finding {
        id: FindingId(number),
        tenant: key.tenant.clone(),
        dataset: key.dataset.clone(),
        rule: key.rule.clone(),
        title: "whoami run by a service account".into(),
        severity: Severity::Medium,
        attack: vec!["T1033".to_owned()].into(),
        revision_first: "r1".into(),
        revision_last: "r1".into(),
        slice: SliceId(7),
        window: window(0, 600),
        domain: Domain::IngestTime,
        position: Position(seconds * 1_000_000),
        instant: at(seconds),
        found_at: Timestamp::EPOCH,
        row,
        late: false,
        suppressed_by: None,
        bucket: None,
        notified: false,
        triage: Triage::default(),
    }
}

/// Everything that is stored of a finding, as text.
pub fn shown(found: &Finding) -> String {
    let mut json = Vec::new();
    rows::write_json_row(&found.row, &mut json);
    let rest = Finding { row: Row::new(), ..found.clone() };
    format!("{rest:?} {}", String::from_utf8_lossy(&json))
}

/// One message for each finding, to the channel `hook`.
pub fn each() -> Tell {
    Tell { channels: vec!["hook".into()], how: TellHow::Each }
}
