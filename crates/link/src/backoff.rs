//! How long an agent waits before it connects again: exponential with full jitter, so that a
//! fleet that lost its server at one moment does not come back at one moment.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// The pause after `failures` failed tries in a row (0: the connection had worked). `fraction` in
/// `[0, 1)` is the jitter; all of the pause is left to chance.
pub fn reconnect_after(failures: u32, fraction: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2u32.saturating_pow(failures.min(16)));
    doubled.min(LONGEST).mul_f64(fraction.clamp(0.0, 1.0))
}

/// The pause when the server itself said how long: at least that, at most twice that.
pub fn reconnect_when_asked(retry_secs: u32, fraction: f64) -> Duration {
    let asked = Duration::from_secs(u64::from(retry_secs)).min(LONGEST * 12);
    asked + asked.mul_f64(fraction.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_and_stops() {
        let ceiling = |failures| reconnect_after(failures, 1.0).as_secs();
        assert_eq!([0, 1, 2, 5].map(ceiling), [1, 2, 4, 32]);
        assert_eq!([9, 100, u32::MAX].map(ceiling), [300, 300, 300]);
    }

    #[test]
    fn the_whole_pause_is_jitter() {
        assert_eq!(reconnect_after(20, 0.0), Duration::ZERO);
        assert_eq!(reconnect_after(20, 0.5), Duration::from_secs(150));
        assert_eq!(reconnect_after(3, f64::INFINITY), Duration::from_secs(8));
    }

    #[test]
    fn the_servers_wish_is_a_least() {
        assert_eq!(reconnect_when_asked(60, 0.0), Duration::from_secs(60));
        assert_eq!(reconnect_when_asked(60, 0.5), Duration::from_secs(90));
        assert_eq!(reconnect_when_asked(u32::MAX, 0.0), Duration::from_secs(3_600));
    }
}
