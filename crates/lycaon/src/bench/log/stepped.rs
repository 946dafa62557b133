//! A clock that jumps to the next tick when everything of the last one is done, so that hours of a
//! schedule are measured in the seconds that they cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::{Clock, Timestamp};
use parking_lot::Mutex;
use scheduler::Time;
use tokio::sync::watch;

/// Real time, and what was jumped over.
pub(super) struct Stepped {
    start: Instant,
    epoch: Timestamp,
    jumped: Mutex<Duration>,
    jumps: watch::Sender<u64>,
}

impl Stepped {
    pub(super) fn at(epoch: Timestamp) -> Arc<Self> {
        let jumps = watch::Sender::new(0);
        Arc::new(Self { start: Instant::now(), epoch, jumped: Mutex::default(), jumps })
    }

    /// It is this moment now, unless it is later already.
    pub(super) fn jump_to(&self, moment: Timestamp) {
        let ahead = moment.since(self.now());
        *self.jumped.lock() += ahead;
        self.jumps.send_modify(|jumps| *jumps += 1);
    }
}

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        self.epoch.plus(self.start.elapsed()).plus(*self.jumped.lock())
    }
}

#[async_trait]
impl Time for Stepped {
    async fn sleep(&self, duration: Duration) {
        let mut jumps = self.jumps.subscribe();
        let until = self.now().plus(duration);
        loop {
            let left = until.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = jumps.changed() => {}
            }
        }
    }

    /// What was jumped over has passed: nothing that was known before is fresh.
    fn elapsed(&self) -> Duration {
        self.start.elapsed() + *self.jumped.lock()
    }
}
