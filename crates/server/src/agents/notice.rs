//! How long it takes until the last connected agent is told of a newer offer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Of the newest offers.
pub(crate) struct Notice {
    since: Mutex<Instant>,
    longest_micros: AtomicU64,
}

impl Notice {
    pub(crate) fn new() -> Self {
        Self { since: Mutex::new(Instant::now()), longest_micros: AtomicU64::new(0) }
    }

    /// There are newer offers, and nobody knows.
    pub(crate) fn begin(&self) {
        *self.since.lock() = Instant::now();
        self.longest_micros.store(0, Ordering::Relaxed);
    }

    /// Somebody was told.
    pub(crate) fn told(&self) {
        let micros = self.since.lock().elapsed().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.longest_micros.fetch_max(micros, Ordering::Relaxed);
    }

    /// How long it took, so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_micros.load(Ordering::Relaxed))
    }
}
