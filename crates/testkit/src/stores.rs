//! A whole set of record stores, and builders of the records that suites put into them.

use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, Entropy, FlowId, HuntId, Rate, SeededEntropy, Timestamp};
use fleet::enrolment::Enrolment;
use fleet::memory::MemFleet;
use fleet::{AccountStore, AuditLog, ClientStore, SettingStore, TokenStore};
use flows::memory::MemFlows;
use flows::ports::FlowStep;
use flows::{FlowStore, HotRows, MonitoringStore, ResultStore, ToolStore, UploadStore};
use hunts::memory::MemHunts;
use hunts::ports::{Decision, Grant, HuntStep, MemberKey, NewHunt};
use hunts::{AdmissionStore, EraseStore, HuntStore, MemberStore, RosterStore};
use model::client::{ClientFacts, EnrolmentToken};
use model::flow::FlowYield;
use model::flow::{ArtifactCall, Flow, FlowEvent, FlowFailure, FlowLife, FlowLimits, FlowOrigin};
use model::hunt::{Condition, EndReason, Hunt, HuntEvent, HuntLimits, HuntSpec};
use model::member::Refusal;
use model::org::{Actor, OrgId};
use model::results::{AttemptId, RowBatch};
use model::retry::RetryPlan;

/// Is told the host name of a client.
pub type Naming = Arc<dyn Fn(ClientId, &str) + Send + Sync>;

/// All record ports over one set of records.
#[derive(Clone)]
pub struct Stores {
    pub clients: Arc<dyn ClientStore>,
    pub tokens: Arc<dyn TokenStore>,
    pub accounts: Arc<dyn AccountStore>,
    pub settings: Arc<dyn SettingStore>,
    pub audit: Arc<dyn AuditLog>,
    pub flows: Arc<dyn FlowStore>,
    pub results: Arc<dyn ResultStore>,
    pub uploads: Arc<dyn UploadStore>,
    pub monitoring: Arc<dyn MonitoringStore>,
    pub tools: Arc<dyn ToolStore>,
    pub hunts: Arc<dyn HuntStore>,
    pub members: Arc<dyn MemberStore>,
    pub admissions: Arc<dyn AdmissionStore>,
    pub roster: Arc<dyn RosterStore>,
    pub erasure: Arc<dyn EraseStore>,
    /// Told of each client that [`Stores::enrol`] makes, for stores that cannot know host names.
    pub named: Naming,
}

impl Stores {
    /// The twins in memory.
    pub fn in_memory() -> Self {
        Self::over(Arc::new(MemFlows::new()))
    }

    /// The twins in memory, and the records of rows among them.
    pub fn in_memory_and_hot() -> (Self, Arc<dyn HotRows>) {
        let flows = Arc::new(MemFlows::new());
        (Self::over(flows.clone()), flows)
    }

    fn over(flows: Arc<MemFlows>) -> Self {
        let fleet = Arc::new(MemFleet::default());
        let hunts = Arc::new(MemHunts::new(flows.clone()));
        let names = flows.clone();
        Self {
            clients: fleet.clone(),
            tokens: fleet.clone(),
            accounts: fleet.clone(),
            settings: fleet.clone(),
            audit: fleet,
            flows: flows.clone(),
            results: flows.clone(),
            uploads: flows.clone(),
            monitoring: flows.clone(),
            tools: flows,
            hunts: hunts.clone(),
            members: hunts.clone(),
            admissions: hunts.clone(),
            roster: hunts.clone(),
            erasure: hunts,
            named: Arc::new(move |client, hostname| names.name_client(client, hostname)),
        }
    }

    /// One store that implements every port.
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: ClientStore + TokenStore + AccountStore + SettingStore + AuditLog + FlowStore,
        S: ResultStore
            + UploadStore
            + MonitoringStore
            + ToolStore
            + HuntStore
            + MemberStore
            + AdmissionStore
            + RosterStore
            + EraseStore
            + 'static,
    {
        Self {
            clients: store.clone(),
            tokens: store.clone(),
            accounts: store.clone(),
            settings: store.clone(),
            audit: store.clone(),
            flows: store.clone(),
            results: store.clone(),
            uploads: store.clone(),
            monitoring: store.clone(),
            tools: store.clone(),
            hunts: store.clone(),
            members: store.clone(),
            admissions: store.clone(),
            roster: store.clone(),
            erasure: store,
            named: Arc::new(|_, _| {}),
        }
    }

    /// Enrols the client with this number, which is part of its name and of its key.
    pub async fn enrol(&self, number: u8) -> ClientId {
        let token = token("suite", 1_000);
        if self.tokens.token("suite").await.unwrap().is_none() {
            self.tokens.create_token(&token, &ada(), at(0)).await.unwrap();
        }
        let hostname = format!("host-{number}");
        let enrolment = Enrolment {
            token: "suite".into(),
            secret_hash: token.secret_hash,
            key_hash: [number; 32],
            facts: ClientFacts {
                hostname: hostname.clone(),
                os: "linux".into(),
                ..ClientFacts::default()
            },
            address: None,
        };
        let client = self.clients.enrol(&enrolment, at(1)).await.unwrap().client;
        (self.named)(client.id, &hostname);
        client.id
    }

    /// Makes a hunt and starts it.
    pub async fn start_hunt(&self, number: u128, spec: HuntSpec, now: Timestamp) -> Hunt {
        let id = HuntId::from_bits(number);
        let new = NewHunt { id, org: OrgId::default(), spec, by: ada(), now, copied_from: None };
        self.hunts.create(&new).await.unwrap();
        self.step(id, HuntEvent::Start, now).await
    }

    /// Lets a person move a hunt.
    pub async fn step(&self, id: HuntId, event: HuntEvent, now: Timestamp) -> Hunt {
        let step = HuntStep { id, event, reason: EndReason::Asked, by: ada(), now };
        self.hunts.transition(&step).await.unwrap().hunt
    }

    /// Admits up to `most` members.
    pub async fn admit(&self, hunt: HuntId, most: u64, now: Timestamp) -> Vec<Flow> {
        let mut entropy = SeededEntropy::new(now.as_micros().unsigned_abs());
        let flow_ids = (0..most).map(|_| FlowId::mint(now, &mut entropy)).collect();
        let grant = Grant { hunt, flow_ids, ceiling: Rate::Unlimited, fence: None, now };
        self.admissions.admit(&grant).await.unwrap()
    }

    /// Ends an attempt of a flow.
    pub async fn end(
        &self,
        attempt: AttemptId,
        outcome: Result<FlowYield, FlowFailure>,
        retry: bool,
        now: Timestamp,
    ) -> bool {
        let event = FlowEvent::Ended { attempt: attempt.attempt, outcome };
        let step = FlowStep { retry, ..FlowStep::new(attempt.flow, event, now) };
        self.flows.apply(&step).await.unwrap().moved
    }

    /// Asserts that a hunt's counters are what a recount gives.
    pub async fn assert_counters_hold(&self, hunt: HuntId) {
        let kept = self.members.counts(hunt, 1).await.unwrap();
        assert_eq!(kept, self.members.recount(hunt, 1).await.unwrap(), "counters of {hunt}");
        let kept = self.hunts.get(hunt).await.unwrap().unwrap().progress;
        let recount = self.members.recount_progress(hunt).await.unwrap();
        assert_eq!(kept, recount, "progress of {hunt}");
    }
}

/// The moment so many seconds into 2025-06.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_750_000_000 + secs)
}

/// A person.
pub fn ada() -> Actor {
    Actor::User("ada".into())
}

/// A token that may be used so often.
pub fn token(id: &str, uses_max: u32) -> EnrolmentToken {
    EnrolmentToken {
        id: id.into(),
        secret_hash: [42; 32],
        org: OrgId::default(),
        labels: ["new".to_owned()].into(),
        expires: at(1_000_000),
        uses_max,
        uses: 0,
        revoked: false,
    }
}

/// What a hunt that everybody belongs into asks for.
pub fn spec() -> HuntSpec {
    HuntSpec {
        name: "Suspicious cron entries".into(),
        description: "who persists through cron".into(),
        artifacts: vec![ArtifactCall {
            name: "Linux.Sys.Crontab".into(),
            parameters: vec![("cronTabGlob".into(), "/etc/cron*/*".into())],
        }],
        condition: Condition::default(),
        rate: Rate::Unlimited,
        limits: HuntLimits { per_client: FlowLimits::default(), ..HuntLimits::default() },
        expires_after: Duration::from_secs(7 * 86_400),
        canary: None,
        retry: RetryPlan::of_hunts(),
        schedule: None,
        tags: ["sweep".to_owned()].into(),
    }
}

/// A decision under the first revision.
pub fn decision(hunt: HuntId, client: ClientId, verdict: Result<(), Refusal>) -> Decision {
    let key = MemberKey { hunt, round: 1, client };
    Decision { key, revision: 1, recheck: 0, verdict }
}

/// A direct flow on a client.
pub fn direct_flow(number: u128, client: ClientId) -> Flow {
    Flow {
        id: FlowId::from_bits(number),
        org: OrgId::default(),
        client,
        origin: FlowOrigin::Direct,
        actor: ada(),
        artifacts: spec().artifacts,
        limits: FlowLimits::default(),
        retry: RetryPlan::default(),
        window: None,
        life: FlowLife::new(),
        created: at(i64::try_from(number).unwrap_or(0)),
        started: None,
        ended: None,
        deliver_until: at(86_400),
    }
}

/// The first attempt of a flow.
pub fn first(flow: FlowId) -> AttemptId {
    AttemptId { flow, attempt: 1 }
}

/// A batch of rows of the source `A`.
pub fn batch(attempt: AttemptId, seq: u64, rows: &[&str]) -> RowBatch {
    let rows = rows.iter().map(|row| (*row).to_owned()).collect();
    RowBatch { attempt, source: "A".into(), seq, rows }
}

/// What an attempt brought that had so many rows.
pub fn rows(rows: u64) -> FlowYield {
    FlowYield { rows, ..FlowYield::default() }
}

/// A number below `end`.
pub fn pick(entropy: &mut dyn Entropy, end: u64) -> u64 {
    if end == 0 { 0 } else { entropy.next_u64() % end }
}
