//! How an event moves the record of a flow, and when a flow is over by itself.
//!
//! Pure. Stores call [`after`] inside their transaction; the transition itself is
//! [`model::flow::FlowLife::on`].

use std::time::Duration;

use base::Timestamp;
use model::flow::{Flow, FlowEvent, FlowOrigin, FlowState};

/// How long a flow's results may be late before the server gives its attempt up.
pub const RESULTS_GRACE: Duration = Duration::from_secs(3_600);

/// The flow after `event`. `None` when the event changes nothing.
///
/// With `retry`, a direct flow that the event leaves failed is queued again as its next attempt.
/// A flow of a hunt stays failed until its member is admitted again. Both have the limits of the next
/// attempt from then on.
pub fn after(flow: &Flow, event: &FlowEvent, retry: bool, now: Timestamp) -> Option<Flow> {
    let life = flow.life.on(event)?;
    let mut moved = Flow { life, ..flow.clone() };
    match &moved.life.state {
        FlowState::Queued => (moved.started, moved.ended) = (None, None),
        FlowState::Running => moved.started = Some(now),
        FlowState::Done(_) | FlowState::Failed(_) | FlowState::Cancelled | FlowState::Expired => {
            moved.ended = Some(now);
        }
    }
    if retry && let FlowState::Failed(failure) = &moved.life.state {
        moved.limits = moved.retry.raised(&moved.limits, failure);
    }
    if matches!(event, FlowEvent::Ended { .. }) {
        // The end of a short attempt comes in place of its receipt: it was taken, too.
        moved.started.get_or_insert(now);
    }
    let again = retry
        && matches!(moved.life.state, FlowState::Failed(_))
        && moved.origin == FlowOrigin::Direct;
    if again && let Some(requeued) = after(&moved, &FlowEvent::RetryGranted, false, now) {
        return Some(requeued);
    }
    Some(moved)
}

/// From when on a flow that has not ended is given up; `None` when it is over or waits for ever.
pub fn due(flow: &Flow) -> Option<Timestamp> {
    match flow.life.state {
        FlowState::Queued => Some(flow.deliver_until),
        FlowState::Running if flow.limits.timeout.is_zero() => None,
        FlowState::Running => {
            // An agent may finish in time, lose its network, and come back while flows are still
            // delivered; only then is its silence final.
            let finished = flow.started.unwrap_or(flow.created).plus(flow.limits.timeout);
            Some(finished.max(flow.deliver_until).plus(RESULTS_GRACE))
        }
        FlowState::Done(_) | FlowState::Failed(_) | FlowState::Cancelled | FlowState::Expired => {
            None
        }
    }
}

/// Whether a flow is over because of time.
pub fn overdue(flow: &Flow, now: Timestamp) -> bool {
    due(flow).is_some_and(|due| due <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_flow;
    use model::flow::{FlowFailure, FlowLife};

    fn failed() -> FlowEvent {
        FlowEvent::Ended { attempt: 1, outcome: Err(FlowFailure::AgentRestarted) }
    }

    #[test]
    fn a_direct_flow_runs_again_at_once_and_a_hunts_waits_for_admission() {
        let now = Timestamp::from_secs(5);
        let direct = example_flow(1);
        let life = after(&direct, &failed(), true, now).unwrap().life;
        assert_eq!(life, FlowLife { state: FlowState::Queued, attempt: 2 });
        let origin = FlowOrigin::Hunt { hunt: base::HuntId::from_bits(1), round: 1 };
        let of_hunt = Flow { origin, ..direct };
        let ended = after(&of_hunt, &failed(), true, now).unwrap();
        assert_eq!(ended.life.state, FlowState::Failed(FlowFailure::AgentRestarted));
        assert_eq!(ended.ended, Some(now));
    }

    #[test]
    fn an_attempt_that_ends_before_its_receipt_has_begun_too() {
        let now = Timestamp::from_secs(5);
        let ended = after(&example_flow(1), &failed(), false, now).unwrap();
        assert_eq!((ended.started, ended.ended), (Some(now), Some(now)));
        let expired = after(&example_flow(1), &FlowEvent::Expire, false, now).unwrap();
        assert_eq!(expired.started, None);
    }

    #[test]
    fn a_flow_nobody_takes_is_over_at_its_time_and_one_that_runs_gets_grace() {
        let flow = example_flow(1);
        assert_eq!(due(&flow), Some(flow.deliver_until));
        let taken = after(&flow, &FlowEvent::Delivered { attempt: 1 }, false, flow.deliver_until);
        let taken = taken.unwrap();
        let end = flow.deliver_until.plus(flow.limits.timeout).plus(RESULTS_GRACE);
        assert_eq!(due(&taken), Some(end));
        assert!(overdue(&taken, end) && !overdue(&flow, flow.created));
    }
}
