//! Which failed attempts run again by themselves, and with which limits.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flow::{FlowFailure, FlowLimits};

/// How one class of failure is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryRule {
    /// At most so many attempts after the first.
    pub times: u32,
    /// The limit that was hit, in percent of what it was: 200 doubles it.
    pub limit_percent: u32,
}

/// How failed attempts are repeated, by class of failure. Classes that are not named are repeated by
/// hand only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    rules: BTreeMap<&'static str, RetryRule>,
}

impl RetryPlan {
    /// Nothing runs again.
    pub fn never() -> Self {
        Self { rules: BTreeMap::new() }
    }

    /// What hunts do unless they say otherwise: an agent that died gets one more chance, a timeout
    /// another with twice the time.
    pub fn of_hunts() -> Self {
        let twice = RetryRule { times: 1, limit_percent: 200 };
        Self::default().with(FlowFailure::Timeout.class(), twice)
    }

    /// The same plan, but this class of failure is repeated like this; `times` of 0 removes it.
    pub fn with(mut self, class: &'static str, rule: RetryRule) -> Self {
        if rule.times == 0 {
            self.rules.remove(class);
        } else {
            self.rules.insert(class, rule);
        }
        self
    }

    /// The rules by class.
    pub fn rules(&self) -> impl Iterator<Item = (&'static str, RetryRule)> + '_ {
        self.rules.iter().map(|(class, rule)| (*class, *rule))
    }

    /// Whether an attempt that failed like this is followed by another.
    pub fn grants(&self, failure: &FlowFailure, attempt: u32) -> bool {
        self.rules.get(failure.class()).is_some_and(|rule| attempt <= rule.times)
    }

    /// The limits of the attempt after one that failed like this within `limits`.
    pub fn raised(&self, limits: &FlowLimits, failure: &FlowFailure) -> FlowLimits {
        let Some(rule) = self.rules.get(failure.class()) else { return limits.clone() };
        let percent = u64::from(rule.limit_percent.max(100));
        let number = |limit: u64| limit.saturating_mul(percent) / 100;
        let time = |limit: Duration| {
            Duration::from_millis(number(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))
        };
        let mut raised = limits.clone();
        match failure {
            FlowFailure::Timeout => raised.timeout = time(limits.timeout),
            FlowFailure::NoProgress => raised.progress_timeout = time(limits.progress_timeout),
            FlowFailure::RowLimit => raised.rows_max = number(limits.rows_max),
            FlowFailure::UploadLimit => raised.upload_bytes_max = number(limits.upload_bytes_max),
            FlowFailure::AgentRestarted
            | FlowFailure::Query(_)
            | FlowFailure::Incomplete(_)
            | FlowFailure::Refused(_) => {}
        }
        raised
    }
}

impl Default for RetryPlan {
    /// An agent that died while it evaluated gets one more chance: the query may have been what
    /// killed it.
    fn default() -> Self {
        let once = RetryRule { times: 1, limit_percent: 100 };
        Self::never().with(FlowFailure::AgentRestarted.class(), once)
    }
}

/// Limits that a person gives to attempts that are repeated by hand. What is not given stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitChange {
    /// Rows over all sources.
    pub rows_max: Option<u64>,
    /// Bytes of all uploaded files.
    pub upload_bytes_max: Option<u64>,
    /// From delivery to the agent until the end.
    pub timeout: Option<Duration>,
    /// Longest stretch without progress.
    pub progress_timeout: Option<Duration>,
}

impl LimitChange {
    /// `limits` with what is given here.
    pub fn of(&self, limits: &FlowLimits) -> FlowLimits {
        FlowLimits {
            rows_max: self.rows_max.unwrap_or(limits.rows_max),
            upload_bytes_max: self.upload_bytes_max.unwrap_or(limits.upload_bytes_max),
            timeout: self.timeout.unwrap_or(limits.timeout),
            progress_timeout: self.progress_timeout.unwrap_or(limits.progress_timeout),
            cpu_percent: limits.cpu_percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_in_a_hunt_runs_once_more_with_twice_the_time() {
        let (plan, limits) = (RetryPlan::of_hunts(), FlowLimits::default());
        assert!(plan.grants(&FlowFailure::Timeout, 1) && !plan.grants(&FlowFailure::Timeout, 2));
        let raised = plan.raised(&limits, &FlowFailure::Timeout);
        assert_eq!(raised, FlowLimits { timeout: limits.timeout * 2, ..limits.clone() });
        assert_eq!(plan.raised(&limits, &FlowFailure::AgentRestarted), limits);
        assert!(!plan.grants(&FlowFailure::RowLimit, 1), "by hand only");
        let none = plan.with("timeout", RetryRule { times: 0, limit_percent: 100 });
        assert_eq!(none, RetryPlan::default());
    }

    #[test]
    fn only_a_restarted_agent_tries_again_and_only_once() {
        let plan = RetryPlan::default();
        assert!(plan.grants(&FlowFailure::AgentRestarted, 1));
        assert!(!plan.grants(&FlowFailure::AgentRestarted, 2));
        assert!(!plan.grants(&FlowFailure::Timeout, 1));
    }
}
