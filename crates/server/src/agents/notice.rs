//! Telling every connected agent of a newer offer, before anything else is heard.
//!
//! Agents answer at once. Were the first answers heard while others are not told yet, the last agent
//! would be told when nearly all is over. So a session that was told waits with what its agent says
//! until all are told, for a bounded time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Sessions wait for others no longer than this...
const WAIT_MAX: Duration = Duration::from_secs(1);
/// ...in such a time, however many offers come one after the other.
const EACH: Duration = Duration::from_secs(10);

/// The newest offers, and who knows of them.
pub(crate) struct Notice {
    times: Mutex<Times>,
    /// Sessions that were not told yet. Those that end first stay among them.
    untold: AtomicUsize,
    longest_micros: AtomicU64,
    all_told: Notify,
}

struct Times {
    /// When there were newer offers.
    began: Instant,
    /// Since when sessions wait for others.
    waiting_since: Instant,
}

impl Notice {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            times: Mutex::new(Times { began: now, waiting_since: now }),
            untold: AtomicUsize::new(0),
            longest_micros: AtomicU64::new(0),
            all_told: Notify::new(),
        }
    }

    /// There are newer offers, and none of so many sessions knows.
    pub(crate) fn begin(&self, sessions: usize) {
        let now = Instant::now();
        let mut times = self.times.lock();
        times.began = now;
        if self.untold.load(Ordering::Relaxed) == 0 || now - times.waiting_since > EACH {
            times.waiting_since = now;
        }
        self.longest_micros.store(0, Ordering::Relaxed);
        self.untold.store(sessions, Ordering::Relaxed);
    }

    /// A session was told.
    pub(crate) fn told(&self) {
        let micros = self.times.lock().began.elapsed().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.longest_micros.fetch_max(micros, Ordering::Relaxed);
        let less = |untold: usize| untold.checked_sub(1);
        let before = self.untold.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if before == Ok(1) {
            self.all_told.notify_waiters();
        }
    }

    /// Whether those who were told should wait for others.
    pub(crate) fn is_under_way(&self) -> bool {
        self.time_left().is_some()
    }

    /// Waits until all are told, or have been waited for long enough.
    pub(crate) async fn over(&self) {
        loop {
            let all_told = self.all_told.notified();
            let Some(left) = self.time_left() else { return };
            // Either way the loop looks again.
            let _ = tokio::time::timeout(left, all_told).await;
        }
    }

    fn time_left(&self) -> Option<Duration> {
        if self.untold.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let waited = self.times.lock().waiting_since.elapsed();
        WAIT_MAX.checked_sub(waited).filter(|left| !left.is_zero())
    }

    /// How long it took to tell all of the newest offers, so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_micros.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_was_told_waits_for_the_others_and_not_for_ever() {
        let notice = Notice::new();
        assert!(!notice.is_under_way());
        notice.begin(2);
        notice.told();
        assert!(notice.is_under_way());
        tokio::join!(notice.over(), async { notice.told() });
        assert!(!notice.is_under_way());

        let began = Instant::now();
        notice.begin(1);
        notice.over().await;
        assert_eq!(began.elapsed(), WAIT_MAX, "the last one has gone");
        notice.begin(1);
        assert!(!notice.is_under_way(), "not again so soon");
        tokio::time::advance(EACH).await;
        notice.begin(1);
        assert!(notice.is_under_way());
    }
}
