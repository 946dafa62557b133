//! Compares, when an agent connects, what both sides believe to be under way.
//!
//! Pure. A lost request, a lost receipt, an agent that was restored from a snapshot and the
//! ordinary connection are the same case.

use std::collections::BTreeSet;

use base::FlowId;
use model::flow::{Flow, FlowState};
use model::results::AttemptId;

/// What is to be done so that both sides agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Send these requests, oldest first.
    pub to_send: Vec<Flow>,
    /// The agent holds these; note their delivery.
    pub taken: Vec<AttemptId>,
    /// The agent took these and holds them no longer: they ended as `agent_restarted`.
    pub lost: Vec<AttemptId>,
    /// The agent holds these and nobody wants them: tell it to stop.
    pub to_stop: BTreeSet<FlowId>,
}

/// `live` is what the store has queued or running for the client, oldest first; `held` is what the
/// agent says it holds: running, or with reports that are not acknowledged yet.
pub fn differences(live: &[Flow], held: &[AttemptId]) -> Differences {
    let held: BTreeSet<AttemptId> = held.iter().copied().collect();
    let mut found = Differences::default();
    for flow in live {
        let attempt = AttemptId { flow: flow.id, attempt: flow.life.attempt };
        let holds = held.contains(&attempt);
        match (&flow.life.state, holds) {
            (FlowState::Queued, false) => found.to_send.push(flow.clone()),
            (FlowState::Queued, true) => found.taken.push(attempt),
            (FlowState::Running, false) => found.lost.push(attempt),
            (FlowState::Running, true) => {}
            (
                FlowState::Done(_)
                | FlowState::Failed(_)
                | FlowState::Cancelled
                | FlowState::Expired,
                _,
            ) => {}
        }
    }
    found.to_stop = held
        .iter()
        .filter(|held| {
            !live.iter().any(|flow| flow.id == held.flow && flow.life.accepts(held.attempt))
        })
        .map(|held| held.flow)
        .collect();
    // A request for the next attempt makes the agent drop the former one by itself.
    for flow in live {
        found.to_stop.remove(&flow.id);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_flow;
    use model::flow::FlowLife;

    fn attempt(flow: u128, attempt: u32) -> AttemptId {
        AttemptId { flow: FlowId::from_bits(flow), attempt }
    }

    fn running(id: u128) -> Flow {
        let life = FlowLife { state: FlowState::Running, attempt: 1 };
        Flow { life, ..example_flow(id) }
    }

    #[test]
    fn each_disagreement_has_its_remedy() {
        let live = [example_flow(1), example_flow(2), running(3), running(4)];
        let held = [attempt(2, 1), attempt(4, 1), attempt(9, 1)];
        let found = differences(&live, &held);
        assert_eq!(found.to_send, [example_flow(1)]);
        assert_eq!(found.taken, [attempt(2, 1)]);
        assert_eq!(found.lost, [attempt(3, 1)]);
        assert_eq!(found.to_stop, [FlowId::from_bits(9)].into());
    }
}
