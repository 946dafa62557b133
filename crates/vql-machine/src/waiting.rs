//! Waiting, and asking while waiting whether the query was stopped.

use std::time::{Duration, Instant};

use vql_plugin::Scope;

/// Waits; false when the query was stopped meanwhile.
pub(crate) fn wait(duration: Duration, scope: &Scope) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let until = Instant::now() + duration;
    loop {
        if scope.stopped() {
            return false;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(STEP));
    }
}
