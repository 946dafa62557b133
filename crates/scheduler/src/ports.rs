//! What the scheduler needs from whoever starts it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, Entropy, Timestamp};
use log_rules::Definitions;
use loghunt::channel::Channel;
use loghunt::engine::{EngineError, SqlEngine};
use loghunt::ports::{ControlStore, FindingStore, LedgerStore, OutboxStore};
use model::log::{EngineName, TenantName};
use parking_lot::Mutex;
use rows::Row;

/// Everything that the scheduler touches.
#[derive(Clone)]
pub struct Ports {
    /// Streams and their windows.
    pub ledger: Arc<dyn LedgerStore>,
    /// What was found.
    pub findings: Arc<dyn FindingStore>,
    /// Messages that wait.
    pub outbox: Arc<dyn OutboxStore>,
    /// What operators decided.
    pub control: Arc<dyn ControlStore>,
    /// Connections to the tenants' logs.
    pub engines: Arc<dyn Engines>,
    /// VQL over rows.
    pub post: Arc<dyn PostProcess>,
    /// Ways to tell somebody.
    pub channels: Arc<dyn Channels>,
    /// The clock, and waiting.
    pub time: Arc<dyn Time>,
    /// Chance, to spread retries.
    pub entropy: Arc<Mutex<Box<dyn Entropy>>>,
}

/// Connections to the tenants' logs, made when they are needed.
#[async_trait]
pub trait Engines: Send + Sync {
    /// An engine with the credential of this tenant. What it keeps of a connection is its own affair;
    /// it is asked for each run.
    async fn engine(
        &self,
        definitions: &Arc<Definitions>,
        tenant: &TenantName,
        engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError>;
}

/// VQL over rows.
#[async_trait]
pub trait PostProcess: Send + Sync {
    /// The rows of a query whose `source()` are these rows.
    async fn rows(&self, vql: &str, rows: Vec<Row>) -> Result<Vec<Row>, EngineError>;
}

/// Refuses: for schedulers whose rules have no VQL.
pub struct NoPostProcess;

#[async_trait]
impl PostProcess for NoPostProcess {
    async fn rows(&self, _vql: &str, _rows: Vec<Row>) -> Result<Vec<Row>, EngineError> {
        Err(EngineError::permanent(
            "VQL over rows cannot be evaluated here; remove `vql` from the rule",
        ))
    }
}

/// Ways to tell somebody.
pub trait Channels: Send + Sync {
    /// The channel with this name. `None` when the definitions have none.
    fn channel(&self, definitions: &Definitions, name: &str) -> Option<Arc<dyn Channel>>;
}

/// A clock that can be waited for.
#[async_trait]
pub trait Time: Clock {
    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// How long the scheduler has been running, by a clock that nobody sets.
    fn elapsed(&self) -> Duration;
}

/// Waits as tokio does; says the time of a clock.
pub struct TokioTime {
    clock: Arc<dyn Clock>,
    start: tokio::time::Instant,
}

impl TokioTime {
    /// Begins now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, start: tokio::time::Instant::now() }
    }
}

impl Clock for TokioTime {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[async_trait]
impl Time for TokioTime {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// How a scheduler behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name among several: whose leases are whose.
    pub owner: Arc<str>,
    /// How many pieces of work it runs at once.
    pub slots: u32,
    /// How many calls of blocking engines run at once.
    pub threads: u32,
    /// For how long a slice is leased; renewed at a third of it.
    pub lease: Duration,
    /// It stops working so long before its lease ends by its own count.
    pub lease_margin: Duration,
    /// A source whose clock is further from ours is not read.
    pub skew_max: Duration,
    /// How many rows one query may answer.
    pub rows_max: u64,
    /// How much memory one query may take in this process, in bytes.
    pub memory_max: u64,
    /// How many rules are evaluated in one pass at most.
    pub together_max: usize,
    /// How often what others may have changed is looked at: pauses, jobs, audits, the outbox.
    pub look_around: Duration,
    /// For how long settled windows and attempts are kept; `None` for ever.
    pub keep_runs: Option<Duration>,
    /// For how long findings are kept; `None` for ever. One that is found again afterwards is new.
    pub keep_findings: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            owner: "lycaon".into(),
            slots: 32,
            threads: 8,
            lease: Duration::from_secs(60),
            lease_margin: Duration::from_secs(5),
            skew_max: Duration::from_secs(3600),
            rows_max: 10_000,
            memory_max: 1 << 30,
            together_max: 512,
            look_around: Duration::from_secs(5),
            keep_runs: Some(Duration::from_secs(90 * 86_400)),
            keep_findings: None,
        }
    }
}
