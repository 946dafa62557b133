//! The engine of the simulated sources, as one scheduler reaches it: slow, refusing, partial, cut off.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{SeededEntropy, Timestamp};
use log_rules::Definitions;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, Match, MatchSink, Query, QueryClass,
    Report, Scan, SqlEngine,
};
use loghunt::finding::INSTANT_COLUMN;
use model::log::{Completeness, Domain, EngineName, FailureClass, Position, TenantName, Window};
use parking_lot::Mutex;
use rows::{Row, Value};
use scheduler::Engines;
use testkit::stores::pick;

use super::gate::Gate;
use super::source::Source;
use super::spy::Spy;
use super::time::pass;

/// How badly engines behave, each in so many of a thousand calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EngineTrouble {
    pub(crate) errors: u64,
    pub(crate) throttles: u64,
    pub(crate) too_large: u64,
    pub(crate) partial: u64,
    pub(crate) truncated: u64,
    pub(crate) slow: u64,
    pub(crate) hangs: u64,
    pub(crate) permanent: u64,
    /// A slow call takes up to so many seconds.
    pub(crate) slow_secs: u64,
}

impl EngineTrouble {
    pub(crate) const USUAL: Self = Self {
        errors: 30,
        throttles: 10,
        too_large: 10,
        partial: 10,
        truncated: 10,
        slow: 20,
        hangs: 3,
        permanent: 5,
        slow_secs: 100,
    };
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Fails(FailureClass),
    Partial,
    Truncated,
    Slow,
    Hangs,
}

/// All sources, as one scheduler reaches them.
pub(crate) struct Farm {
    pub(crate) sources: Arc<[Arc<Source>]>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) spy: Arc<Spy>,
    pub(crate) trouble: Arc<Mutex<EngineTrouble>>,
    pub(crate) entropy: Arc<Mutex<SeededEntropy>>,
    /// How many pieces of work a scheduler may have that are not on schedule.
    pub(crate) below_live_max: usize,
    pub(crate) under_way: Arc<UnderWay>,
}

/// The slices that are not on schedule and are being read for one scheduler.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Vec<Arc<str>>>);

/// One of them, as long as it is read.
struct Reading {
    all: Arc<UnderWay>,
    tag: Arc<str>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        if let Some(at) = all.iter().position(|tag| *tag == self.tag) {
            all.remove(at);
        }
    }
}

#[async_trait]
impl Engines for Farm {
    async fn engine(
        &self,
        _definitions: &Arc<Definitions>,
        tenant: &TenantName,
        _engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        self.gate.pass().await;
        let source = self.sources.iter().find(|source| source.tenant == *tenant);
        let source = source.ok_or_else(|| EngineError::permanent("no such tenant"))?;
        Ok(Arc::new(TenantEngine {
            source: source.clone(),
            gate: self.gate.clone(),
            spy: self.spy.clone(),
            trouble: self.trouble.clone(),
            entropy: self.entropy.clone(),
            below_live_max: self.below_live_max,
            under_way: self.under_way.clone(),
            capabilities: capabilities(),
        }))
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        kind: "simulated",
        domains: Domain::ALL.to_vec(),
        like_is_cased: true,
        regex: None,
        rows_max: None,
        many_in_one_pass: true,
        blocking: false,
    }
}

/// One tenant's logs, with that tenant's credential.
struct TenantEngine {
    source: Arc<Source>,
    gate: Arc<Gate>,
    spy: Arc<Spy>,
    trouble: Arc<Mutex<EngineTrouble>>,
    entropy: Arc<Mutex<SeededEntropy>>,
    below_live_max: usize,
    under_way: Arc<UnderWay>,
    capabilities: Capabilities,
}

impl TenantEngine {
    fn some(&self, end: u64) -> u64 {
        pick(&mut *self.entropy.lock(), end)
    }

    fn fate(&self, is_query: bool) -> Fate {
        let trouble = *self.trouble.lock();
        let mut left = self.some(1000);
        let wait = Duration::from_secs(1 + self.some(90));
        let always = [
            (trouble.errors, Fate::Fails(FailureClass::Transient)),
            (trouble.slow, Fate::Slow),
            (trouble.hangs, Fate::Hangs),
            (trouble.permanent, Fate::Fails(FailureClass::Permanent)),
        ];
        let of_queries = [
            (trouble.throttles, Fate::Fails(FailureClass::Throttled { wait })),
            (trouble.too_large, Fate::Fails(FailureClass::TooLarge)),
            (trouble.partial, Fate::Partial),
            (trouble.truncated, Fate::Truncated),
        ];
        let queries = of_queries.into_iter().filter(|_| is_query);
        for (share, fate) in always.into_iter().chain(queries) {
            match left.checked_sub(share) {
                Some(rest) => left = rest,
                None => return fate,
            }
        }
        Fate::Fine
    }

    /// What happens before an answer is made.
    async fn begin(&self, is_query: bool) -> Result<Fate, EngineError> {
        self.gate.pass().await;
        let fate = self.fate(is_query);
        match fate {
            Fate::Fails(class) => {
                let message = format!("the simulated engine says {}", class.word());
                Err(EngineError { class, message })
            }
            Fate::Hangs => std::future::pending().await,
            Fate::Slow => {
                let most = self.trouble.lock().slow_secs;
                pass(Duration::from_secs(1 + self.some(most))).await;
                Ok(fate)
            }
            Fate::Fine | Fate::Partial | Fate::Truncated => {
                pass(Duration::from_millis(1 + self.some(400))).await;
                Ok(fate)
            }
        }
    }

    /// Repairs and jobs leave three quarters of the slots to what is on schedule.
    fn reading(&self, scan: &Scan) -> Option<Reading> {
        if !self.spy.is_below_live(&scan.tag) {
            return None;
        }
        let mut all = self.under_way.0.lock();
        all.push(scan.tag.clone());
        let mut slices: Vec<&Arc<str>> = all.iter().collect();
        slices.sort();
        slices.dedup();
        if slices.len() > self.below_live_max {
            let most = self.below_live_max;
            self.spy.blame(format!("{most} slots are for repairs and jobs, and {slices:?} run"));
        }
        drop(all);
        Some(Reading { all: self.under_way.clone(), tag: scan.tag.clone() })
    }

    fn bounds(&self, window: Window) -> Vec<Match> {
        let Some((earliest, latest)) = self.source.event_bounds(window) else { return Vec::new() };
        let row = Row::from([
            ("earliest", Value::from(earliest.as_micros())),
            ("latest", Value::from(latest.as_micros())),
        ]);
        vec![Match { row, position: Position(window.to().0 - 1), event_time: None, identity: None }]
    }

    fn answer(&self, scan: &Scan) -> Vec<Match> {
        let class = match &scan.query {
            Query::Sql { class, .. } => *class,
            Query::Predicate { .. } => QueryClass::PerEvent,
        };
        match class {
            QueryClass::PerEvent => self.source.hits(scan.emit),
            // Asked by positions of another kind, there is nothing new.
            QueryClass::Windowed { .. } if scan.source.domain != Domain::EventTime => Vec::new(),
            QueryClass::Windowed { span } => {
                let found = self.source.crossings(scan.read, span);
                found.into_iter().map(|(user, at)| crossing(user, at)).collect()
            }
            QueryClass::Opaque if asks_for_bounds(&scan.query) => self.bounds(scan.emit),
            QueryClass::Opaque => {
                let count = self.source.hits(scan.emit).len();
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                let row = Row::from([("hits", Value::from(count))]);
                let position = Position(scan.emit.to().0 - 1);
                let found = Match { row, position, event_time: None, identity: None };
                (count > 0).then_some(found).into_iter().collect()
            }
        }
    }
}

/// The scheduler's own question of which events are new.
fn asks_for_bounds(query: &Query) -> bool {
    matches!(query, Query::Sql { text, .. } if text.starts_with("SELECT min("))
}

fn crossing(user: u64, at: Timestamp) -> Match {
    let row = Row::from([
        (INSTANT_COLUMN, Value::from(at.as_micros())),
        ("user", Value::from(format!("u{user}"))),
    ]);
    Match { row, position: Position::at(at), event_time: Some(at), identity: None }
}

#[async_trait]
impl SqlEngine for TenantEngine {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn describe(
        &self,
        _source: &loghunt::engine::Source,
    ) -> Result<Description, EngineError> {
        self.begin(false).await?;
        let description = self.source.describe();
        self.gate.pass().await;
        Ok(description)
    }

    async fn horizon(&self, _source: &loghunt::engine::Source) -> Result<Horizon, EngineError> {
        self.begin(false).await?;
        let horizon = self.source.horizon();
        self.gate.pass().await;
        Ok(horizon)
    }

    async fn estimate(
        &self,
        _source: &loghunt::engine::Source,
        _window: Window,
    ) -> Result<Estimate, EngineError> {
        self.gate.pass().await;
        Ok(Estimate::default())
    }

    async fn fingerprint(
        &self,
        _source: &loghunt::engine::Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        self.begin(false).await?;
        let fingerprint = self.source.fingerprint(window);
        self.gate.pass().await;
        Ok(Some(fingerprint))
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        if *scan.source.table != *self.source.table {
            self.spy.blame(format!("I8: {} is asked for {}", self.source.table, scan.source.table));
        }
        let _reading = self.reading(scan);
        self.spy.note(&format!("{} {:?}", scan.tag, scan.emit));
        self.source.begin(&scan.tag, scan.emit);
        let fate = self.begin(true).await?;
        self.source.answer(&scan.tag);
        let mut matches = self.answer(scan);
        let rows_read = matches.len() as u64;
        let completeness = match fate {
            Fate::Partial => {
                matches.truncate(matches.len() / 2);
                Completeness::Partial("one of two shards failed".into())
            }
            Fate::Truncated => {
                matches.truncate(matches.len() / 2);
                Completeness::Truncated(rows_read / 2)
            }
            Fate::Fine | Fate::Slow | Fate::Hangs | Fate::Fails(_) => Completeness::Complete,
        };
        let broken_off = sink.take(matches).is_break();
        self.gate.pass().await;
        if completeness == Completeness::Complete && !broken_off {
            self.source.complete(&scan.tag);
        }
        Ok(Report {
            completeness,
            bytes: rows_read * 100,
            rows_read,
            took: Duration::from_millis(1),
        })
    }

    async fn cancel(&self, _tag: &str) -> Result<(), EngineError> {
        self.gate.pass().await;
        Ok(())
    }
}
