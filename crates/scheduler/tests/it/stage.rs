//! Tenants, a rule, records in memory, and an engine whose events, clock and failures a test sets.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, FixedClock, SeededEntropy, Timestamp};
use log_rules::{
    Dataset, Definitions, Engine, EngineKind, FirstFrom, Question, Retry, Rule, RuleClass,
    Schedule, Selection, Tenant, Ticks,
};
use loghunt::channel::Channel;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, Match, MatchSink, Query, Report,
    Scan, Source, SqlEngine,
};
use loghunt::memory::MemoryLog;
use loghunt::ports::{FindingQuery, FindingStore, LedgerStore, StreamQuery};
use model::log::{
    Completeness, DatasetName, Domain, EngineName, Finding, Position, RuleName, Severity,
    TenantName, Window,
};
use model::store::Paging;
use parking_lot::Mutex;
use rows::{Row, Value};
use scheduler::{Channels, Engines, NoPostProcess, Ports, Scheduler, Settings, Time, TokioTime};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// Something that happened.
pub(crate) struct Event {
    at: Timestamp,
    ingested: Timestamp,
    host: String,
    /// In which table: an empty name for all of them.
    table: &'static str,
}

impl Event {
    /// Where it stands, as positions are counted.
    fn position(&self, domain: Domain) -> Position {
        Position::at(if domain == Domain::IngestTime { self.ingested } else { self.at })
    }
}

/// A driven engine.
pub(crate) struct Logs {
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) failing: Mutex<Option<EngineError>>,
    pub(crate) identity: Mutex<String>,
    /// Tables that were made anew.
    pub(crate) anew: Mutex<Vec<&'static str>>,
    pub(crate) reads: Mutex<Vec<Window>>,
    /// Up to where cursors can be read.
    pub(crate) stable: Mutex<Option<Position>>,
    /// Happens once, after a horizon was looked up and before it is known to who asked.
    pub(crate) meanwhile: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    capabilities: Capabilities,
}

impl Logs {
    pub(crate) fn add(&self, moment: &str, host: &str) {
        self.add_to("", moment, host);
    }

    pub(crate) fn add_to(&self, table: &'static str, moment: &str, host: &str) {
        let at = at(moment);
        self.events.lock().push(Event { at, ingested: at, host: host.to_owned(), table });
    }

    /// A row that is seen later than it happened.
    pub(crate) fn add_late(&self, moment: &str, ingested: &str, host: &str) {
        let (at, ingested) = (at(moment), at(ingested));
        self.events.lock().push(Event { at, ingested, host: host.to_owned(), table: "" });
    }
}

#[async_trait]
impl SqlEngine for Logs {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let anew = self.anew.lock().contains(&&*source.table);
        let identity = format!("{}{}", self.identity.lock(), if anew { " anew" } else { "" });
        let identity = identity.into();
        let columns = vec![("at".into(), "timestamp".into()), ("host".into(), "text".into())];
        Ok(Description { identity, columns, parts: Vec::new(), oldest: None })
    }

    async fn horizon(&self, _source: &Source) -> Result<Horizon, EngineError> {
        let seen = Horizon { clock: Some(self.clock.now()), stable: *self.stable.lock() };
        let meanwhile = self.meanwhile.lock().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        Ok(seen)
    }

    async fn estimate(&self, _source: &Source, _window: Window) -> Result<Estimate, EngineError> {
        Ok(Estimate::default())
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let events = self.events.lock();
        let inside = |event: &&Event| window.contains(event.position(source.domain));
        let count = events.iter().filter(inside).count();
        Ok(Some(format!("{count}").into()))
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        if let Some(error) = self.failing.lock().clone() {
            return Err(error);
        }
        self.reads.lock().push(scan.read);
        let events = self.events.lock();
        let inside = events.iter().filter(|event| {
            let there = event.table.is_empty() || event.table == &*scan.source.table;
            there && scan.read.contains(event.position(scan.source.domain))
        });
        let found = |event: &Event| Match {
            row: Row::from([("host", Value::text(event.host.as_str()))]),
            position: event.position(scan.source.domain),
            event_time: Some(event.at),
            identity: None,
        };
        // The only question in SQL whose text matters here: the span of new rows.
        let asks_span =
            matches!(&scan.query, Query::Sql { text, .. } if text.contains("AS earliest"));
        let matches: Vec<Match> = if asks_span {
            let times: Vec<Timestamp> = inside.map(|event| event.at).collect();
            let span = times.iter().min().zip(times.iter().max());
            let time = |at: &Timestamp| {
                Value::Time(rows::Time::from_unix_nanos(i128::from(at.as_micros()) * 1_000))
            };
            let row =
                |(first, last)| Row::from([("earliest", time(first)), ("latest", time(last))]);
            let one =
                |row| Match { row, position: scan.read.from(), event_time: None, identity: None };
            span.map(row).map(one).into_iter().collect()
        } else {
            inside.map(found).collect()
        };
        let rows_read = matches.len() as u64;
        let _ = sink.take(matches);
        let (completeness, took) = (Completeness::Complete, Duration::ZERO);
        Ok(Report { completeness, bytes: 100, rows_read, took })
    }

    async fn cancel(&self, _tag: &str) -> Result<(), EngineError> {
        Ok(())
    }
}

struct OneEngine(Arc<Logs>);

#[async_trait]
impl Engines for OneEngine {
    async fn engine(
        &self,
        _definitions: &Arc<Definitions>,
        _tenant: &TenantName,
        _engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        Ok(self.0.clone())
    }
}

struct NoChannels;

impl Channels for NoChannels {
    fn channel(&self, _definitions: &Definitions, _name: &str) -> Option<Arc<dyn Channel>> {
        None
    }
}

pub(crate) fn schedule() -> Schedule {
    Schedule {
        ticks: Ticks::Every { every: Duration::from_secs(600), anchor: at("2026-01-01T12:00:00Z") },
        log_buffer: Duration::from_secs(60),
        start_delay: Duration::ZERO,
        jitter: Duration::ZERO,
        max_window: Duration::from_secs(6 * 3600),
        min_window: Duration::from_secs(60),
        first_from: FirstFrom::OneInterval,
        retry: Retry::Backoff,
        attempts_max: 8,
    }
}

pub(crate) fn rule() -> Rule {
    Rule {
        name: RuleName::new("whoami").expect("a name"),
        title: "whoami".into(),
        description: String::new(),
        severity: Severity::Medium,
        attack: Vec::new(),
        datasets: vec![DatasetName::new("processes").expect("a name")],
        tenants: Selection { include: vec!["*".into()], exclude: Vec::new() },
        schedule: schedule(),
        class: RuleClass::PerEvent,
        group_by: Vec::new(),
        question: Question::Sql("SELECT * FROM {table}".into()),
        vql: None,
        lists: Vec::new(),
        suppress: None,
        notify: Vec::new(),
        disabled: false,
        critical: false,
        on_poison: log_rules::OnPoison::Quarantine,
        catch_up: log_rules::CatchUp::OldestFirst,
        on_change: log_rules::OnChange::Forward,
        tests: Vec::new(),
        logic_hash: "0123456789abcdef0123".into(),
        meta_hash: "m".into(),
        pack: None,
        file: "rules/whoami.yaml".into(),
        source_text: "".into(),
    }
}

pub(crate) fn dataset() -> Dataset {
    Dataset {
        name: DatasetName::new("processes").expect("a name"),
        engine: EngineName::new("lake").expect("a name"),
        table: "processes".into(),
        domain: Domain::EventTime,
        event_time: Some("at".into()),
        ingest_time: None,
        cursor: None,
        identity: Vec::new(),
        columns: Vec::new(),
        schema: Vec::new(),
        log_source: None,
        retention: None,
        log_buffer: None,
        skew_max: Duration::from_secs(300),
        lateness_max: None,
        on_replace: log_rules::OnReplace::Stop,
        audit_ages: Vec::new(),
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant {
        name: TenantName::new(name).expect("a name"),
        datasets: vec![dataset()],
        weight: 1,
        concurrency: 4,
        bytes_per_day: None,
        secrets: Vec::new(),
        overrides: Vec::new(),
        lists: Vec::new(),
    }
}

pub(crate) fn definitions(tenants: &[&str], rules: Vec<Rule>) -> Definitions {
    Definitions {
        engines: vec![Engine {
            name: EngineName::new("lake").expect("a name"),
            kind: EngineKind::Null,
            concurrency: 100,
            timeout: Duration::from_secs(60),
        }],
        tenants: tenants.iter().map(|name| tenant(name)).collect(),
        rules,
        ..Definitions::default()
    }
}

/// Everything together.
pub(crate) struct Stage {
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) store: MemoryLog,
    pub(crate) logs: Arc<Logs>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(FixedClock::at(at("2026-01-01T12:00:00Z")));
        let store = MemoryLog::new(clock.clone());
        let logs = Arc::new(Logs {
            clock: clock.clone(),
            events: Mutex::default(),
            failing: Mutex::default(),
            identity: Mutex::new("first".into()),
            anew: Mutex::default(),
            reads: Mutex::default(),
            stable: Mutex::default(),
            meanwhile: Mutex::default(),
            capabilities: Capabilities {
                kind: "driven",
                domains: vec![Domain::EventTime, Domain::Cursor],
                like_is_cased: true,
                regex: None,
                rows_max: None,
                many_in_one_pass: true,
                blocking: false,
            },
        });
        Self { clock, store, logs }
    }

    pub(crate) fn scheduler(&self, definitions: Definitions) -> Scheduler {
        self.scheduler_with(definitions, Arc::new(TokioTime::new(self.clock.clone())))
    }

    pub(crate) fn scheduler_with(
        &self,
        definitions: Definitions,
        time: Arc<dyn Time>,
    ) -> Scheduler {
        self.scheduler_as(Settings::default(), definitions, time)
    }

    pub(crate) fn scheduler_as(
        &self,
        settings: Settings,
        definitions: Definitions,
        time: Arc<dyn Time>,
    ) -> Scheduler {
        let store = Arc::new(self.store.clone());
        let ports = Ports {
            ledger: store.clone(),
            findings: store.clone(),
            outbox: store.clone(),
            control: store,
            engines: Arc::new(OneEngine(self.logs.clone())),
            post: Arc::new(NoPostProcess),
            channels: Arc::new(NoChannels),
            time,
            entropy: Arc::new(Mutex::new(Box::new(SeededEntropy::new(1)))),
        };
        Scheduler::new(ports, settings, Arc::new(definitions))
    }

    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let query = FindingQuery { paging: Paging::ALL, ..FindingQuery::default() };
        self.store.findings(&query).await.expect("memory").items
    }

    /// Checkpoints as times of the day, by stream.
    pub(crate) async fn checkpoints(&self) -> Vec<String> {
        let query = StreamQuery { paging: Paging::ALL, ..StreamQuery::default() };
        let streams = self.store.streams(&query).await.expect("memory").items;
        let line = |stream: &loghunt::stream::Stream| {
            format!("{} {}", stream.key, stream.checkpoint.moment())
        };
        streams.iter().map(line).collect()
    }
}
