//! Keeps an evaluation within its share of the processor, by letting its threads sleep.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crate::os::thread_cpu_time;

/// Sleeps shorter than this are saved up.
const NAP_MIN: Duration = Duration::from_millis(5);

/// Longest sleep at once, so that a stop is noticed.
const NAP_MAX: Duration = Duration::from_millis(200);

/// How long to sleep so that `used` of processor time in `wall` of real time becomes `percent`.
fn nap(used: Duration, wall: Duration, percent: u32) -> Duration {
    if percent == 0 {
        return Duration::ZERO;
    }
    let wanted = used.mul_f64(100.0 / f64::from(percent));
    let nap = wanted.saturating_sub(wall);
    if nap < NAP_MIN { Duration::ZERO } else { nap.min(NAP_MAX) }
}

/// Measures the threads of one evaluation.
#[derive(Debug)]
pub(crate) struct Pace {
    percent: u32,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Processor time of each thread when it was last seen.
    seen: HashMap<ThreadId, Duration>,
    used: Duration,
}

impl Pace {
    /// An evaluation that begins now and may use so many percent of one processor; 0: no limit.
    pub(crate) fn new(percent: u32) -> Self {
        Self { percent, began: Instant::now(), state: Mutex::default() }
    }

    /// Counts what the calling thread has used since it was last here; the first time is its start.
    pub(crate) fn measure(&self) -> Duration {
        let now = thread_cpu_time();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.seen.insert(std::thread::current().id(), now).unwrap_or(now);
        state.used += now.saturating_sub(before);
        state.used
    }

    /// Measures, and sleeps when too much was used.
    pub(crate) fn keep(&self) {
        let used = self.measure();
        let nap = nap(used, self.began.elapsed(), self.percent);
        if !nap.is_zero() {
            std::thread::sleep(nap);
        }
    }

    /// Processor time that was used.
    pub(crate) fn used(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_nap_makes_up_for_what_was_used_too_much() {
        assert_eq!(nap(millis(50), millis(50), 0), millis(0), "no limit");
        assert_eq!(nap(millis(50), millis(50), 50), millis(50));
        assert_eq!(nap(millis(50), millis(120), 50), millis(0), "it was slow anyway");
        assert_eq!(nap(millis(50), millis(98), 50), millis(0), "too short to bother");
        assert_eq!(nap(millis(5_000), millis(5_000), 1), NAP_MAX);
    }

    #[test]
    fn a_busy_thread_is_measured() {
        let pace = Pace::new(0);
        pace.measure();
        let mut sum = 0u64;
        while pace.measure() < millis(5) {
            sum = (0..10_000u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(pace.used() >= millis(5), "{sum}");
    }
}
