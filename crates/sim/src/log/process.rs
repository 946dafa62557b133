//! One scheduler, from its start to its death, behind everything that can go wrong between it and
//! the world.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, Entropy, SeededEntropy, Timestamp};
use log_rules::Definitions;
use parking_lot::Mutex;
use scheduler::{NoPostProcess, Ports, Scheduler, Settings, Time};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::channel::{Receiver, Way};
use super::engine::{EngineTrouble, Farm};
use super::gate::Gate;
use super::source::Source;
use super::spy::Spy;
use super::store::{Reached, Records, StoreTrouble};
use super::time::{StoreClock, TrueTime, WrongClock, pass};

/// Leases are short, so that they end often.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// Few, so that work waits for work.
pub(crate) const SLOTS: u32 = 12;

/// What all schedulers share: the world outside of them.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) time: TrueTime,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) sources: Arc<[Arc<Source>]>,
    pub(crate) spy: Arc<Spy>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) engine_trouble: Arc<Mutex<EngineTrouble>>,
    pub(crate) store_trouble: Arc<Mutex<StoreTrouble>>,
    pub(crate) store_clock: Arc<StoreClock>,
    /// The store works on threads of its own.
    pub(crate) store_is_real: bool,
}

/// A scheduler that runs.
pub(crate) struct Process {
    pub(crate) gate: Arc<Gate>,
    pub(crate) clock: Arc<WrongClock>,
    pub(crate) scheduler: Scheduler,
    task: JoinHandle<()>,
}

/// Waiting and the clock, as the scheduler has them.
struct ProcessTime {
    clock: Arc<WrongClock>,
    time: TrueTime,
    start: Timestamp,
    gate: Arc<Gate>,
}

impl Clock for ProcessTime {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[async_trait]
impl Time for ProcessTime {
    async fn sleep(&self, duration: Duration) {
        pass(duration).await;
        self.gate.pass().await;
    }

    fn elapsed(&self) -> Duration {
        self.time.now().since(self.start)
    }
}

impl Process {
    /// Starts one; everything about it follows from the seed.
    pub(crate) fn start(
        outside: &Outside,
        owner: &str,
        definitions: Arc<Definitions>,
        seed: u64,
    ) -> Self {
        let gate = Arc::new(Gate::new());
        let clock = Arc::new(WrongClock::new(outside.time, 0));
        let entropy = |salt: u64| SeededEntropy::new(seed.wrapping_mul(31).wrapping_add(salt));
        let shared = |salt: u64| Arc::new(Mutex::new(entropy(salt)));
        let reached = Arc::new(Reached {
            inner: outside.records.clone(),
            gate: gate.clone(),
            spy: outside.spy.clone(),
            trouble: outside.store_trouble.clone(),
            entropy: shared(1),
            clock: outside.store_clock.clone(),
            is_real: outside.store_is_real,
        });
        let farm = Farm {
            sources: outside.sources.clone(),
            gate: gate.clone(),
            spy: outside.spy.clone(),
            trouble: outside.engine_trouble.clone(),
            entropy: shared(2),
            below_live_max: (SLOTS as usize / 4).max(1),
            under_way: Arc::default(),
        };
        let way =
            Way { receiver: outside.receiver.clone(), gate: gate.clone(), entropy: shared(3) };
        let time = ProcessTime {
            clock: clock.clone(),
            time: outside.time,
            start: outside.time.now(),
            gate: gate.clone(),
        };
        let ports = Ports {
            ledger: reached.clone(),
            findings: reached.clone(),
            outbox: reached.clone(),
            control: reached,
            engines: Arc::new(farm),
            post: Arc::new(NoPostProcess),
            channels: Arc::new(way),
            time: Arc::new(time),
            entropy: Arc::new(Mutex::new(Box::new(entropy(4)) as Box<dyn Entropy>)),
        };
        let settings = Settings {
            owner: owner.into(),
            slots: SLOTS,
            lease: LEASE,
            lease_margin: Duration::from_secs(5),
            skew_max: Duration::from_secs(1800),
            ..Settings::default()
        };
        let scheduler = Scheduler::new(ports, settings, definitions);
        let running = scheduler.clone();
        let task = tokio::spawn(async move { running.run(CancellationToken::new()).await });
        Self { gate, clock, scheduler, task }
    }

    /// It is gone, whatever it was doing, and nothing of it reaches the world again.
    pub(crate) fn kill(self) {
        self.gate.die();
        self.task.abort();
    }

    /// It died by itself, in the middle of a call.
    pub(crate) fn is_dead(&self) -> bool {
        self.gate.is_dead() || self.task.is_finished()
    }
}
