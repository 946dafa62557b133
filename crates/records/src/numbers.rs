//! Numbers that stand for states in columns.

use model::flow::FlowState;
use model::member::{Hand, MemberQueue};

/// The number of a queue.
pub fn queue_number(queue: MemberQueue) -> i64 {
    match queue {
        MemberQueue::Refused => 0,
        MemberQueue::Pending => 1,
        MemberQueue::Running => 2,
        MemberQueue::Completed => 3,
        MemberQueue::Results => 4,
        MemberQueue::Failed => 5,
        MemberQueue::Cancelled => 6,
        MemberQueue::Expired => 7,
    }
}

/// The queue with this number.
pub fn queue_of(number: i64) -> Option<MemberQueue> {
    MemberQueue::ALL.into_iter().find(|queue| queue_number(*queue) == number)
}

/// The states of a flow by name; the place is the number.
pub const FLOW_STATES: [&str; 6] = ["queued", "running", "done", "failed", "cancelled", "expired"];

/// The number of a flow's state.
pub fn flow_state_number(state: &FlowState) -> i64 {
    match state {
        FlowState::Queued => 0,
        FlowState::Running => 1,
        FlowState::Done(_) => 2,
        FlowState::Failed(_) => 3,
        FlowState::Cancelled => 4,
        FlowState::Expired => 5,
    }
}

/// The number of what a person did to a membership.
pub fn hand_number(hand: Option<Hand>) -> i64 {
    match hand {
        None => 0,
        Some(Hand::Added) => 1,
        Some(Hand::Removed) => 2,
    }
}

/// What a person did to a membership; `None` for a number that stands for nothing.
pub fn hand_of(number: i64) -> Option<Option<Hand>> {
    [None, Some(Hand::Added), Some(Hand::Removed)]
        .into_iter()
        .find(|hand| hand_number(*hand) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_again() {
        for queue in MemberQueue::ALL {
            assert_eq!(queue_of(queue_number(queue)), Some(queue));
        }
        assert_eq!(queue_of(99), None);
        let number = flow_state_number(&FlowState::Cancelled);
        assert_eq!(FLOW_STATES[usize::try_from(number).unwrap()], FlowState::Cancelled.name());
    }
}
