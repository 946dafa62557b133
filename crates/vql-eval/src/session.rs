//! One run: its limits, its log, whether it must stop, and what it shares between scopes.

mod charge;
mod part;

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base::Timestamp;
use parking_lot::{Mutex, RwLock};
use rows::Value;
use vql_plugin::{Catalog, Host, Lambda, Level, LogLine, Memory, Stopped};

use crate::artifact::{ArtifactSource, NoArtifacts};

pub(crate) use charge::Charge;

/// How much one run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows that it may yield.
    pub rows_max: u64,
    /// How long it may take.
    pub time_max: Duration,
    /// Memory for what it keeps: stored rows, groups, sorted rows, collected values.
    pub memory_max_bytes: usize,
    /// How much text and how many array elements it may produce in all by joining and repeating,
    /// whether it keeps them or not.
    pub growth_max_bytes: usize,
    /// How many calls and rows it may work through.
    pub steps_max: u64,
    /// Disk space for what does not fit into memory, at any moment.
    pub disk_max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows_max: 10_000_000,
            time_max: Duration::from_secs(600),
            memory_max_bytes: 512 * 1024 * 1024,
            growth_max_bytes: 16 * 1024 * 1024 * 1024,
            steps_max: u64::MAX,
            disk_max_bytes: 8 * 1024 * 1024 * 1024,
        }
    }
}

/// Why a run ended before it was through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it.
    Cancelled,
    /// It yielded as many rows as it may.
    Rows,
    /// It took as long as it may.
    Time,
    /// It kept or produced as much as it may.
    Memory,
    /// It used as much disk space as it may for what does not fit into memory.
    Disk,
    /// It worked through as many calls and rows as it may.
    Steps,
    /// A plugin ended it.
    Plugin(String),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "it was cancelled",
            Self::Rows => "it reached its limit of rows",
            Self::Time => "it reached its limit of time",
            Self::Memory => "it reached its limit of memory",
            Self::Disk => "it reached its limit of temporary disk space",
            Self::Steps => "it reached its limit of work",
            Self::Plugin(reason) => reason,
        })
    }
}

/// Asks a run to end. Clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Takes the lines of a run's log. Called from several threads.
pub trait LogSink: Send + Sync {
    /// Takes one line.
    fn line(&self, line: LogLine);
}

impl<F: Fn(LogLine) + Send + Sync> LogSink for F {
    fn line(&self, line: LogLine) {
        self(line);
    }
}

/// Everything that a run is given.
pub struct Setup {
    /// What the program around it offers.
    pub host: Host,
    /// What queries given as text and lambdas may call; usually the catalog that the program was
    /// compiled with.
    pub catalog: Arc<Catalog>,
    /// How much it may use.
    pub limits: Limits,
    /// Where its log goes.
    pub log: Arc<dyn LogSink>,
    /// Asks it to end.
    pub cancel: Cancel,
    /// The artifacts that it may call.
    pub artifacts: Arc<dyn ArtifactSource>,
}

impl Setup {
    /// The same for another run: other limits, ended by somebody else.
    pub(crate) fn for_another(&self, limits: Limits, cancel: Cancel) -> Self {
        Self {
            host: self.host.clone(),
            catalog: self.catalog.clone(),
            limits,
            log: self.log.clone(),
            cancel,
            artifacts: self.artifacts.clone(),
        }
    }

    /// A setup with the usual limits, without artifacts, whose log nobody reads.
    pub fn new(host: Host, catalog: Arc<Catalog>) -> Self {
        Self {
            host,
            catalog,
            limits: Limits::default(),
            log: Arc::new(|_: LogLine| {}),
            cancel: Cancel::default(),
            artifacts: Arc::new(NoArtifacts),
        }
    }
}

/// The shared state of one run.
pub(crate) struct Session {
    pub(crate) setup: Setup,
    /// The run that this one is a part of.
    parent: Option<Arc<Session>>,
    /// How long it may go without a row, and since when it has, in microseconds.
    idle_max: Option<Duration>,
    idle_since: AtomicI64,
    pub(crate) memory: Arc<Memory>,
    pub(crate) lambdas: Mutex<HashMap<String, Result<Lambda, String>>>,
    /// The statement that is running, for messages.
    pub(crate) statement: RwLock<Arc<str>>,
    deadline: Timestamp,
    stopped: AtomicBool,
    reason: Mutex<Option<StopReason>>,
    kept_bytes: AtomicUsize,
    disk_bytes: AtomicU64,
    grown_bytes: AtomicUsize,
    steps: AtomicU64,
    rows: AtomicU64,
    said: Mutex<HashSet<String>>,
    /// Large values that were measured a moment ago: functions that keep a table return it often.
    measured: Mutex<VecDeque<Value>>,
}

/// The clock is read once in so many steps.
const STEPS_PER_LOOK: u64 = 64;
thread_local! {
    /// Steps of this thread, whichever run they belong to.
    static TICKS: Cell<u64> = const { Cell::new(1) };
}
/// How deep arrays and dicts may be nested in each other.
const NESTING_MAX: usize = 250;
/// Messages that are logged once are remembered up to this number.
const SAID_MAX: usize = 10_000;

impl Session {
    pub(crate) fn new(setup: Setup) -> Self {
        let deadline = setup.host.clock().now().plus(setup.limits.time_max);
        Self {
            setup,
            parent: None,
            idle_max: None,
            idle_since: AtomicI64::new(0),
            memory: Arc::default(),
            lambdas: Mutex::default(),
            statement: RwLock::new(Arc::from("")),
            deadline,
            stopped: AtomicBool::new(false),
            reason: Mutex::new(None),
            kept_bytes: AtomicUsize::new(0),
            disk_bytes: AtomicU64::new(0),
            grown_bytes: AtomicUsize::new(0),
            steps: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            said: Mutex::default(),
            measured: Mutex::default(),
        }
    }

    pub(crate) fn log(&self, level: Level, text: impl Into<String>) {
        self.setup.log.line(LogLine { level, text: text.into() });
    }

    /// Counts a value that was just put together, or came out of a function.
    pub(crate) fn built(&self, value: &Value) -> Result<(), Stopped> {
        const SMALL_BYTES: usize = 1024;
        const REMEMBERED_MAX: usize = 8;
        if !matches!(value, Value::Array(_) | Value::Dict(_)) {
            return Ok(());
        }
        let same = |known: &Value| match (known, value) {
            (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b),
            (Value::Dict(a), Value::Dict(b)) => a.same(b),
            _ => false,
        };
        if let Some(small) = value.measure(SMALL_BYTES, NESTING_MAX) {
            return if small < SMALL_BYTES { Ok(()) } else { self.grow(small) };
        }
        if self.measured.lock().iter().any(same) {
            return Ok(());
        }
        self.grow(self.measure(value)?)?;
        let mut measured = self.measured.lock();
        measured.push_back(value.clone());
        let forgotten = (measured.len() > REMEMBERED_MAX).then(|| measured.pop_front());
        drop(measured);
        drop(forgotten);
        Ok(())
    }

    /// Logs something only the first time that it is about `key`.
    pub(crate) fn log_once_about(&self, key: &str, level: Level, text: impl FnOnce() -> String) {
        let mut said = self.said.lock();
        if !said.contains(key) && said.len() < SAID_MAX {
            said.insert(key.to_owned());
            drop(said);
            self.log(level, text());
        }
    }

    /// Logs a text that repeats itself for every row only the first time.
    pub(crate) fn log_once(&self, level: Level, text: String) {
        let mut said = self.said.lock();
        if said.len() < SAID_MAX && said.insert(text.clone()) {
            drop(said);
            self.log(level, text);
        }
    }

    /// Whether the run must end. Does not count as work.
    pub(crate) fn is_stopped(&self) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return true;
        }
        if self.setup.cancel.is_cancelled() {
            self.stop(StopReason::Cancelled);
            return true;
        }
        self.parent.as_ref().is_some_and(|parent| parent.is_stopped())
    }

    /// Counts a call or a row. True when the run must end.
    pub(crate) fn step(&self) -> bool {
        if self.is_stopped() {
            return true;
        }
        if self.setup.limits.steps_max == u64::MAX {
            // Nobody counts, so that threads do not fight over the counter.
            let ticks = TICKS.get();
            TICKS.set(ticks.wrapping_add(1));
            return ticks.is_multiple_of(STEPS_PER_LOOK) && self.look_at_clock();
        }
        let steps = self.steps.fetch_add(1, Ordering::Relaxed);
        if steps >= self.setup.limits.steps_max {
            self.stop(StopReason::Steps);
            return true;
        }
        steps % STEPS_PER_LOOK == STEPS_PER_LOOK - 1 && self.look_at_clock()
    }

    /// Whether the run must end, asking the clock as well; for plugins that take long.
    pub(crate) fn look_at_clock(&self) -> bool {
        if self.is_stopped() {
            return true;
        }
        let now = self.setup.host.clock().now();
        if let Some(parent) = &self.parent {
            return self.is_late(now) || parent.look_at_clock();
        }
        if now > self.deadline {
            self.stop(StopReason::Time);
            return true;
        }
        false
    }

    /// The run is through: whatever still works for it in the background sees that it must end.
    pub(crate) fn over(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Ends the run. Only the first reason counts, and is logged.
    pub(crate) fn stop(&self, reason: StopReason) {
        if let Some(parent) = &self.parent {
            parent.stop(reason);
            return;
        }
        let mut known = self.reason.lock();
        if known.is_none() {
            *known = Some(reason.clone());
            drop(known);
            self.stopped.store(true, Ordering::Relaxed);
            let limits = &self.setup.limits;
            let text = match &reason {
                StopReason::Rows => format!("the query was ended after {} rows", limits.rows_max),
                StopReason::Time => {
                    format!("the query was ended after {}", base::format_duration(limits.time_max))
                }
                StopReason::Memory => format!(
                    "the query was ended: it needed more than its limit of {} bytes of memory",
                    limits.memory_max_bytes
                ),
                StopReason::Disk => format!(
                    "the query was ended: it needed more than its limit of {} bytes of temporary disk \
                     space",
                    limits.disk_max_bytes
                ),
                other => format!("the query was ended: {other}"),
            };
            self.log(Level::Error, text);
        }
    }

    /// The run is over: what still runs beside it ends.
    pub(crate) fn finish(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        self.reason.lock().clone()
    }

    /// Counts a row that the run yields. True when it is one too many.
    pub(crate) fn yield_row(&self) -> bool {
        let rows = self.rows.fetch_add(1, Ordering::Relaxed);
        if rows >= self.setup.limits.rows_max {
            self.stop(StopReason::Rows);
            return true;
        }
        false
    }

    /// Counts memory that is kept until the run ends.
    pub(crate) fn keep(&self, bytes: usize) -> Result<(), Stopped> {
        if let Some(parent) = &self.parent {
            parent.keep(bytes)?;
            return self.check();
        }
        let before = self.kept_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.setup.limits.memory_max_bytes {
            self.stop(StopReason::Memory);
            return Err(Stopped);
        }
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// Gives back memory that was kept.
    pub(crate) fn release(&self, bytes: usize) {
        if let Some(parent) = &self.parent {
            parent.release(bytes);
            return;
        }
        self.kept_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether what is kept comes near the limit.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        if let Some(parent) = &self.parent {
            return parent.is_short_of_memory();
        }
        let kept = self.kept_bytes.load(Ordering::Relaxed);
        kept >= self.setup.limits.memory_max_bytes / 4 * 3
    }

    /// Counts disk space that is used.
    pub(crate) fn occupy_disk(&self, bytes: u64) -> Result<(), Stopped> {
        if let Some(parent) = &self.parent {
            parent.occupy_disk(bytes)?;
            return self.check();
        }
        let before = self.disk_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.setup.limits.disk_max_bytes {
            self.disk_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.stop(StopReason::Disk);
            return Err(Stopped);
        }
        self.check()
    }

    /// Gives back disk space.
    pub(crate) fn leave_disk(&self, bytes: u64) {
        if let Some(parent) = &self.parent {
            parent.leave_disk(bytes);
            return;
        }
        self.disk_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether the run must end, for `?`.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// How large a value is in memory and in print; ends the run when it is too large or nested
    /// too deep to be kept, printed or compared.
    pub(crate) fn measure(&self, value: &Value) -> Result<usize, Stopped> {
        value.measure(self.setup.limits.memory_max_bytes, NESTING_MAX).ok_or_else(|| {
            self.stop(StopReason::Memory);
            Stopped
        })
    }

    /// Counts text or elements that joining or repeating is about to produce.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), Stopped> {
        if let Some(parent) = &self.parent {
            parent.grow(bytes)?;
            return self.check();
        }
        let before = self.grown_bytes.fetch_add(bytes, Ordering::Relaxed);
        let limits = &self.setup.limits;
        if bytes > limits.memory_max_bytes || before.saturating_add(bytes) > limits.growth_max_bytes
        {
            self.stop(StopReason::Memory);
            return Err(Stopped);
        }
        Ok(())
    }
}
