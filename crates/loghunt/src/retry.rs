//! What follows from a failed run: when it is tried again, in which size, and when to give up.

use std::time::Duration;

use base::Timestamp;
use model::log::{Failure, FailureClass, Slice, SliceState};

/// How failed runs are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Whether a run is tried again before the next tick.
    pub between_ticks: bool,
    /// The wait after the first failure; doubles with each.
    pub wait_first: Duration,
    /// The longest wait.
    pub wait_max: Duration,
    /// How often a window of the smallest size is tried.
    pub attempts_max: u32,
    /// The smallest window, in positions; one of up to twice this is not cut.
    pub width_min: u64,
    /// Whether windows may be cut: not those of opaque rules.
    pub may_split: bool,
    /// What happens when the attempts are spent: a gap (`true`), or the stream waits.
    pub quarantine: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            between_ticks: true,
            wait_first: Duration::from_secs(5),
            wait_max: Duration::from_secs(300),
            attempts_max: 8,
            width_min: 60_000_000,
            may_split: true,
            quarantine: true,
        }
    }
}

/// What follows from a failed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again, not before this moment.
    Again(Timestamp),
    /// It is cut in two, and both are tried.
    Split,
    /// It becomes a gap that everybody is told of.
    GiveUp,
    /// The stream waits for a person.
    Stop,
}

/// Decides what follows. `slice` is as it was while it ran.
pub fn verdict(
    policy: &RetryPolicy,
    slice: &Slice,
    failure: &Failure,
    now: Timestamp,
    jitter: f64,
) -> Verdict {
    let attempts = slice.attempts + 1;
    let spent = attempts >= policy.attempts_max;
    let cut_from = policy.width_min.saturating_mul(2).max(2);
    let splits = policy.may_split && slice.window.width() >= cut_from;
    let give_up = if policy.quarantine { Verdict::GiveUp } else { Verdict::Stop };
    match failure.class {
        FailureClass::SourceChanged => Verdict::Stop,
        FailureClass::TooLarge if splits => Verdict::Split,
        FailureClass::TooLarge if spent => give_up,
        // A window that fails whatever its cause for longer than is sensible may hold one row that
        // breaks the engine: smaller windows find it. An engine that asks to wait is only slow.
        FailureClass::Throttled { wait } => Verdict::Again(now.plus(wait.max(policy.wait_first))),
        FailureClass::Permanent | FailureClass::Transient | FailureClass::TooLarge => {
            Verdict::Again(now.plus(wait(policy, attempts, jitter)))
        }
    }
}

/// Decides what follows when nobody heard of a run until its lease was over, and as which failure it
/// counts; nothing the first time in a row. `slice` is as it was while it ran.
///
/// Whatever ran in a scheduler that died was lost with it: waits differ from window to window, so that
/// those which have nothing to do with its death run without the one that has.
pub fn verdict_on_loss(
    policy: &RetryPolicy,
    slice: &Slice,
    now: Timestamp,
) -> Option<(Verdict, Failure)> {
    let losses = slice.losses + 1;
    let failure = |class| {
        let message = format!(
            "the lease ran out {losses} times in a row without a word of how the run went: it may take its scheduler down"
        );
        Failure { class, message }
    };
    if losses >= policy.attempts_max.max(1) {
        // A smaller window may hold less than what a scheduler cannot bear.
        let failure = failure(FailureClass::TooLarge);
        let spent = Slice { attempts: policy.attempts_max, ..slice.clone() };
        return Some((verdict(policy, &spent, &failure, now, 0.0), failure));
    }
    if losses == 1 {
        return None;
    }
    // Ids are hashes: each window has its own jitter, and another one each time.
    let bits = (slice.id.0 >> (losses % 8 * 16)) & 0xffff;
    let jitter = bits as f64 / f64::from(0xffff);
    let failure = failure(FailureClass::Transient);
    Some((Verdict::Again(now.plus(wait(policy, losses, jitter))), failure))
}

/// The wait grows with each attempt up to the cap, with full jitter above a tenth of it.
fn wait(policy: &RetryPolicy, attempts: u32, jitter: f64) -> Duration {
    let doubled = policy.wait_first.saturating_mul(1 << (attempts - 1).min(20));
    let cap = doubled.min(policy.wait_max);
    cap.mul_f64(0.1 + 0.9 * jitter.clamp(0.0, 1.0))
}

/// Of two free slices that become one: what must be remembered. The longer wait counts.
pub(crate) fn later(kept: Option<Slice>, other: Slice) -> Slice {
    let Some(kept) = kept else { return other };
    let wait = |slice: &Slice| match &slice.state {
        SliceState::Backoff { not_before, .. } => Some(*not_before),
        _ => None,
    };
    let attempts = kept.attempts.max(other.attempts);
    let losses = kept.losses.max(other.losses);
    let later = if wait(&other) > wait(&kept) { other } else { kept };
    Slice { attempts, losses, ..later }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::slice;

    fn check(class: FailureClass, attempts: u32, width_secs: i64, expected: Verdict) {
        let now = Timestamp::from_secs(1_000);
        let mut slice = slice(0, width_secs);
        slice.attempts = attempts;
        let failure = Failure { class, message: "no".into() };
        assert_eq!(verdict(&RetryPolicy::default(), &slice, &failure, now, 1.0), expected);
    }

    #[test]
    fn what_follows_from_a_failure() {
        let at = |secs| Verdict::Again(Timestamp::from_secs(secs));
        check(FailureClass::Transient, 0, 600, at(1_005));
        check(FailureClass::Transient, 3, 600, at(1_040));
        check(FailureClass::Transient, 900, 600, at(1_300));
        check(FailureClass::Throttled { wait: Duration::from_secs(90) }, 0, 600, at(1_090));
        check(FailureClass::TooLarge, 0, 600, Verdict::Split);
        check(FailureClass::TooLarge, 0, 100, at(1_005));
        check(FailureClass::TooLarge, 7, 100, Verdict::GiveUp);
        check(FailureClass::SourceChanged, 0, 600, Verdict::Stop);
    }
}
