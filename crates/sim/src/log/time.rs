//! The true time of the world and the clocks of its inhabitants, which may be wrong.
//!
//! True time is tokio's paused clock: it goes on when everybody waits, so hours pass in no time.

use std::sync::atomic::{AtomicI64, Ordering};

use base::{Clock, Timestamp};
use tokio::time::Instant;

/// Lets true time pass, which takes none of ours.
pub(crate) use tokio::time::sleep as pass;

/// True time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrueTime {
    start: Instant,
    epoch: Timestamp,
}

impl TrueTime {
    /// It is `epoch` now.
    pub(crate) fn starting(epoch: Timestamp) -> Self {
        Self { start: Instant::now(), epoch }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.epoch.plus(self.start.elapsed())
    }
}

/// True time for a store that looks at its clock from threads of its own, where tokio's clock is the real
/// one: they are told what it was when they were last asked something.
#[derive(Debug)]
pub(crate) struct StoreClock {
    time: TrueTime,
    last: AtomicI64,
}

impl StoreClock {
    pub(crate) fn new(time: TrueTime) -> Self {
        Self { time, last: AtomicI64::new(time.now().as_micros()) }
    }

    /// The store is about to be asked something.
    pub(crate) fn look(&self) {
        self.last.store(self.time.now().as_micros(), Ordering::SeqCst);
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.last.load(Ordering::SeqCst))
    }
}

/// A clock that is off by so many microseconds.
#[derive(Debug)]
pub(crate) struct WrongClock {
    time: TrueTime,
    off: AtomicI64,
}

impl WrongClock {
    pub(crate) fn new(time: TrueTime, off_secs: i64) -> Self {
        Self { time, off: AtomicI64::new(off_secs * 1_000_000) }
    }

    /// It jumps, so that from now on it is off by this.
    pub(crate) fn set_off(&self, secs: i64) {
        self.off.store(secs * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let off = self.off.load(Ordering::SeqCst);
        Timestamp::from_micros(self.time.now().as_micros() + off)
    }
}
