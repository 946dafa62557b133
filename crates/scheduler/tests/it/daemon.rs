//! The daemon on a virtual clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, FixedClock, Timestamp};
use loghunt::engine::EngineError;
use scheduler::Time;
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, at, definitions, rule};

/// tokio's paused time, shown by a clock.
pub(crate) struct Virtual {
    clock: Arc<FixedClock>,
    start: tokio::time::Instant,
    zero: Timestamp,
}

impl Virtual {
    pub(crate) fn new(clock: Arc<FixedClock>) -> Self {
        let zero = clock.now();
        Self { clock, start: tokio::time::Instant::now(), zero }
    }
}

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let now = self.zero.plus(self.start.elapsed());
        self.clock.set(now);
        now
    }
}

#[async_trait]
impl Time for Virtual {
    async fn sleep(&self, duration: Duration) {
        pass(duration).await;
        self.now();
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Lets virtual time pass: at once, as soon as nobody has anything to do before.
pub(crate) async fn pass(duration: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + duration).await;
}

#[tokio::test(start_paused = true)]
async fn a_day_is_read_without_a_gap_although_the_engine_is_down_for_an_hour() {
    let stage = Stage::new();
    for minute in (0..1440).step_by(10) {
        let moment = at("2026-01-01T12:00:00Z").plus(Duration::from_secs(minute * 60));
        stage.logs.add(&moment.to_string(), &format!("m{minute}"));
    }
    let time = Arc::new(Virtual::new(stage.clock.clone()));
    let tenants = ["a", "b", "c", "d"];
    let scheduler = stage.scheduler_with(definitions(&tenants, vec![rule()]), time);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });
    pass(Duration::from_secs(3 * 3600)).await;
    *stage.logs.failing.lock() = Some(EngineError::transient("down"));
    pass(Duration::from_secs(3600)).await;
    *stage.logs.failing.lock() = None;
    pass(Duration::from_secs(21 * 3600 + 60)).await;
    stop.cancel();
    running.await.expect("it ends");
    let checkpoints = stage.checkpoints().await;
    assert!(
        checkpoints.iter().all(|line| line.ends_with("2026-01-02T12:59:00Z")),
        "{checkpoints:?}"
    );
    assert_eq!(stage.findings().await.len(), 4 * 144);
}
