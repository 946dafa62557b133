//! Which failed attempts run again by themselves. Pure.

use std::collections::BTreeMap;

use model::flow::FlowFailure;

/// How many attempts each class of failure may cost before it is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Repetitions by class ([`FlowFailure::class`]); classes not named are never repeated.
    repeats: BTreeMap<&'static str, u32>,
}

impl RetryPolicy {
    /// Nothing runs again.
    pub fn never() -> Self {
        Self { repeats: BTreeMap::new() }
    }

    /// The same policy, but failures of this class run again `times` times.
    pub fn repeating(mut self, class: &'static str, times: u32) -> Self {
        self.repeats.insert(class, times);
        self
    }

    /// Whether an attempt that failed like this is followed by another.
    pub fn grants(&self, failure: &FlowFailure, attempt: u32) -> bool {
        self.repeats.get(failure.class()).is_some_and(|times| attempt <= *times)
    }
}

impl Default for RetryPolicy {
    /// An agent that died while it evaluated gets one more chance: the query may have been what
    /// killed it.
    fn default() -> Self {
        Self::never().repeating(FlowFailure::AgentRestarted.class(), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_restarted_agent_tries_again_and_only_once() {
        let policy = RetryPolicy::default();
        assert!(policy.grants(&FlowFailure::AgentRestarted, 1));
        assert!(!policy.grants(&FlowFailure::AgentRestarted, 2));
        assert!(!policy.grants(&FlowFailure::Timeout, 1));
    }
}
