//! How much somebody may do in a while: so much at once, and then so much in a second.
//!
//! Pure: the time is an argument.

use std::time::{Duration, Instant};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Allowance {
    /// In a second, in the long run.
    pub(crate) per_second: f64,
    /// At once.
    pub(crate) at_once: f64,
}

/// What somebody has left of an allowance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Below zero when more was taken than was there.
    left: f64,
    at: Instant,
}

impl Pace {
    /// All of it.
    pub(crate) fn new(allowance: Allowance, now: Instant) -> Self {
        Self { left: allowance.at_once, at: now }
    }

    /// Whether nothing would be lost by beginning anew.
    pub(crate) fn is_full(&self, allowance: Allowance, now: Instant) -> bool {
        self.left_at(allowance, now) >= allowance.at_once
    }

    /// Whether something may be done now.
    pub(crate) fn allows(&self, allowance: Allowance, now: Instant) -> bool {
        self.left_at(allowance, now) > 0.0
    }

    /// Takes some, whether or not it is there; gives how long to wait before the next time.
    pub(crate) fn take(&mut self, some: f64, allowance: Allowance, now: Instant) -> Duration {
        self.left = self.left_at(allowance, now) - some;
        self.at = now;
        if self.left >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-self.left / allowance.per_second)
    }

    fn left_at(&self, allowance: Allowance, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * allowance.per_second).min(allowance.at_once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_pace_is_kept() {
        let allowance = Allowance { per_second: 10.0, at_once: 20.0 };
        let start = Instant::now();
        let mut pace = Pace::new(allowance, start);
        assert_eq!(pace.take(20.0, allowance, start), Duration::ZERO);
        assert!(!pace.allows(allowance, start));
        assert_eq!(pace.take(5.0, allowance, start), Duration::from_millis(500));
        let later = start + Duration::from_secs(1);
        assert_eq!(pace.take(5.0, allowance, later), Duration::ZERO);
        assert!(pace.is_full(allowance, later + Duration::from_secs(60)));
        let rested = later + Duration::from_secs(60);
        assert_eq!(pace.take(20.0, allowance, rested), Duration::ZERO, "not more than at once");
        assert!(pace.take(1.0, allowance, rested) > Duration::ZERO);
    }
}
