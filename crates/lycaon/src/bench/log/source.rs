//! Generated events and the simulated source that has them, over virtual time.
//!
//! Events happen evenly over the time of the benchmark; 95 % arrive with a median delay of 5 s, 4.5 % of
//! 3 min, 0.5 % of 2 h. Delays are exponential. Every event counts as one that a rule is about.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, Entropy, SeededEntropy, Timestamp};
use log_rules::Definitions;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, MatchSink, Report, Scan, Source,
    SqlEngine,
};
use model::log::{Completeness, Domain, EngineName, Position, TenantName, Window};
use parking_lot::Mutex;
use scheduler::Engines;

/// When things happened and when the store took them, in microseconds; sorted by the first.
pub(super) struct Events {
    happened: Vec<i64>,
    taken: Vec<i64>,
    /// Places of events, sorted by when they were taken.
    by_taken: Vec<u32>,
}

impl Events {
    /// The same for the same seed.
    pub(super) fn generate(count: u64, (from, to): (Timestamp, Timestamp), seed: u64) -> Self {
        let mut entropy = SeededEntropy::new(seed);
        let span = to.since(from).as_micros() as f64;
        let mut both: Vec<(i64, i64)> = (0..count)
            .map(|_| {
                let at = from.as_micros() + (entropy.next_fraction() * span) as i64;
                (at, at + delay(&mut entropy).as_micros() as i64)
            })
            .collect();
        both.sort_unstable();
        let (happened, taken): (Vec<i64>, Vec<i64>) = both.into_iter().unzip();
        let mut by_taken: Vec<u32> = (0..taken.len() as u32).collect();
        by_taken.sort_unstable_by_key(|place| taken[*place as usize]);
        Self { happened, taken, by_taken }
    }

    pub(super) fn count(&self) -> usize {
        self.happened.len()
    }

    /// Events in a window of one clock that the store had at `now`; `see` is called with their places.
    pub(super) fn read(
        &self,
        domain: Domain,
        window: Window,
        now: Timestamp,
        mut see: impl FnMut(usize),
    ) {
        let (from, to, now) = (window.from().0, window.to().0, now.as_micros());
        if domain == Domain::EventTime {
            let first = self.happened.partition_point(|at| *at < from);
            let last = self.happened.partition_point(|at| *at < to);
            (first..last).filter(|place| self.taken[*place] <= now).for_each(see);
            return;
        }
        let taken = |place: &u32| self.taken[*place as usize];
        let first = self.by_taken.partition_point(|place| taken(place) < from);
        let last = self.by_taken.partition_point(|place| taken(place) < to.min(now + 1));
        self.by_taken[first..last.max(first)].iter().for_each(|place| see(*place as usize));
    }
}

fn delay(entropy: &mut SeededEntropy) -> Duration {
    let median = match entropy.next_u64() % 1_000 {
        0..950 => 5.0,
        950..995 => 180.0,
        _ => 7_200.0,
    };
    // The median of an exponential is its mean times ln 2.
    let mean = median / std::f64::consts::LN_2;
    Duration::from_secs_f64(-mean * (1.0 - entropy.next_fraction()).ln())
}

/// What was found of the events, and what it cost.
pub(super) struct Tally {
    seen: Mutex<Vec<bool>>,
    read: AtomicU64,
}

impl Tally {
    pub(super) fn of(events: &Events) -> Self {
        Self { seen: Mutex::new(vec![false; events.count()]), read: AtomicU64::new(0) }
    }

    /// Reads a window and takes note of it.
    pub(super) fn read(
        &self,
        events: &Events,
        domain: Domain,
        window: Window,
        now: Timestamp,
    ) -> u64 {
        let mut seen = self.seen.lock();
        let mut count = 0;
        events.read(domain, window, now, |place| {
            seen[place] = true;
            count += 1;
        });
        self.read.fetch_add(count, Ordering::Relaxed);
        count
    }

    /// The share of events that were evaluated, and how often an event was read on average.
    pub(super) fn figures(&self) -> (f64, f64) {
        let seen = self.seen.lock();
        let found = seen.iter().filter(|seen| **seen).count() as f64;
        let all = seen.len().max(1) as f64;
        (100.0 * found / all, self.read.load(Ordering::Relaxed) as f64 / all)
    }
}

/// The source as an engine: queries fail in two of a hundred cases.
#[derive(Clone)]
pub(super) struct SimulatedSource {
    pub(super) events: Arc<Events>,
    pub(super) tally: Arc<Tally>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) chance: Arc<Mutex<SeededEntropy>>,
    /// It can say whether a window has grown.
    pub(super) counts: bool,
    pub(super) capabilities: Arc<Capabilities>,
}

impl SimulatedSource {
    pub(super) fn new(events: Arc<Events>, clock: Arc<dyn Clock>, counts: bool) -> Self {
        let capabilities = Capabilities {
            kind: "simulated",
            domains: Domain::ALL.to_vec(),
            like_is_cased: true,
            regex: None,
            rows_max: None,
            many_in_one_pass: false,
            blocking: false,
        };
        Self {
            tally: Arc::new(Tally::of(&events)),
            events,
            clock,
            chance: Arc::new(Mutex::new(SeededEntropy::new(2))),
            counts,
            capabilities: Arc::new(capabilities),
        }
    }

    /// Two of a hundred.
    pub(super) fn fails(&self) -> bool {
        self.chance.lock().next_u64() % 100 < 2
    }
}

#[async_trait]
impl Engines for SimulatedSource {
    async fn engine(
        &self,
        _definitions: &Arc<Definitions>,
        _tenant: &TenantName,
        _engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl SqlEngine for SimulatedSource {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let (columns, parts, oldest) = (Vec::new(), Vec::new(), None);
        Ok(Description { identity: source.table.clone(), columns, parts, oldest })
    }

    async fn horizon(&self, _source: &Source) -> Result<Horizon, EngineError> {
        Ok(Horizon { clock: Some(self.clock.now()), stable: None })
    }

    async fn estimate(&self, _source: &Source, _window: Window) -> Result<Estimate, EngineError> {
        Ok(Estimate::default())
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        if !self.counts {
            return Ok(None);
        }
        let mut count = 0u64;
        self.events.read(source.domain, window, self.clock.now(), |_| count += 1);
        Ok(Some(count.to_string().into()))
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        if self.fails() {
            return Err(EngineError::transient("two of a hundred runs fail"));
        }
        // Rows without a time and rows from the future are asked for, too, and there are none.
        let real = scan.read.from() > Position::MIN && scan.read.to() < Position::MAX;
        let rows_read = if real {
            self.tally.read(&self.events, scan.source.domain, scan.read, self.clock.now())
        } else {
            0
        };
        let completeness = match sink.take(Vec::new()) {
            ControlFlow::Continue(()) => Completeness::Complete,
            ControlFlow::Break(()) => Completeness::Partial("nobody took the rest".into()),
        };
        Ok(Report { completeness, bytes: rows_read, rows_read, took: Duration::ZERO })
    }

    async fn cancel(&self, _tag: &str) -> Result<(), EngineError> {
        Ok(())
    }
}
