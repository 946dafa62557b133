//! What happens thousands of times in a second is not logged thousands of times.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Within this time...
const WHILE: Duration = Duration::from_secs(1);

/// ...so many lines are written.
const LINES_MAX: u32 = 5;

/// Lets some lines through and counts the others.
#[derive(Default)]
pub(crate) struct Hush(Mutex<State>);

#[derive(Default)]
struct State {
    since: Option<Instant>,
    said: u32,
    kept_back: u64,
}

impl Hush {
    /// Whether to write a line; if so, how many were not written since the last one.
    pub(crate) fn may_say(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        if state.since.is_none_or(|since| now.saturating_duration_since(since) >= WHILE) {
            (state.since, state.said) = (Some(now), 0);
        }
        if state.said == LINES_MAX {
            state.kept_back += 1;
            return None;
        }
        state.said += 1;
        Some(std::mem::take(&mut state.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_a_few_lines_and_a_number() {
        let (hush, start) = (Hush::default(), Instant::now());
        let said = (0..100).filter(|_| hush.may_say(start).is_some()).count();
        assert_eq!(said, LINES_MAX as usize);
        assert_eq!(hush.may_say(start + WHILE), Some(95));
        assert_eq!(hush.may_say(start + WHILE), Some(0));
    }
}
