//! Playing one moment to its end, for people who want to see what a schedule does.

use std::sync::Arc;

use base::Timestamp;
use loghunt::command::Applied;
use model::log::{Domain, Failure, Lane, Position, Slice, StreamKey};

use crate::feedback::{Ended, checkpoint};
use crate::prepare::{Due, Job, Moment};
use crate::shared::{HeldWhy, Scheduler};

/// What became of one window, or why none was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Of which stream.
    pub key: StreamKey,
    /// What its positions count.
    pub domain: Domain,
    /// The slice as it was claimed; nothing when none was.
    pub slice: Option<Slice>,
    /// What became of it.
    pub outcome: Outcome,
    /// The stream's checkpoint afterwards, where it is known.
    pub checkpoint: Option<Position>,
}

/// What became of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was evaluated.
    Committed {
        /// Rows that matched.
        rows: u64,
        /// Of them, findings that nobody had before.
        findings_new: u64,
    },
    /// It failed.
    Failed(Failure),
    /// Another scheduler has it, or the lease could not be kept.
    Lost(String),
    /// The stream waits for somebody.
    Held(HeldWhy),
    /// The source, or the state store, could not be looked at.
    Unreachable(String),
    /// The engine is left alone for a while.
    BreakerOpen {
        /// Until when.
        until: Timestamp,
    },
    /// The tenant is paused.
    Paused,
    /// The tenant has read what it may today.
    OverBudget,
}

impl Outcome {
    /// Its word in lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Committed { .. } => "committed",
            Self::Failed(_) => "failed",
            Self::Lost(_) => "lost",
            Self::Held(HeldWhy::Inapplicable(_)) => "inapplicable",
            Self::Held(_) => "held",
            Self::Unreachable(_) => "unreachable",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Paused => "paused",
            Self::OverBudget => "over_budget",
        }
    }

    /// What else there is to say.
    pub fn detail(&self) -> String {
        match self {
            Self::Committed { .. } | Self::Paused => String::new(),
            Self::Failed(failure) => failure.to_string(),
            Self::Lost(why) | Self::Unreachable(why) => why.clone(),
            Self::Held(HeldWhy::Permanent(failure)) => failure.to_string(),
            Self::Held(HeldWhy::Inapplicable(columns)) => {
                format!("the source has no column {}", columns.join(", "))
            }
            Self::Held(HeldWhy::Skewed(why) | HeldWhy::Stopped(why)) => why.clone(),
            Self::BreakerOpen { until } => format!("asked again at {until}"),
            Self::OverBudget => "the tenant's `bytes_per_day` is spent".to_owned(),
        }
    }
}

impl Ran {
    pub(crate) fn of(job: &Job, outcome: Outcome, applied: Option<&Applied>) -> Self {
        Self {
            key: job.key.clone(),
            domain: job.slice.domain,
            slice: Some(job.slice.clone()),
            outcome,
            checkpoint: checkpoint(applied),
        }
    }

    pub(crate) fn without(due: &Due, outcome: Outcome) -> Self {
        let key = StreamKey { lane: due.lane.clone(), ..due.assignment.key.clone() };
        let domain = due.assignment.dataset.domain;
        Self { key, domain, slice: None, outcome, checkpoint: None }
    }
}

impl Scheduler {
    /// Runs what is due at a moment, all of it, and nothing else. The moment is the scheduler's and
    /// the source's clock; start delay, jitter and skew do not count. The clock of the state store
    /// should show the moment, too.
    pub async fn tick_at(&self, at: Timestamp) -> Vec<Ran> {
        let moment = Moment { now: at, replay: true };
        self.look_at_control().await;
        self.shared.sessions.forget();
        let mut ran = Vec::new();
        for mut names in self.groups() {
            while !names.is_empty() {
                let ended = self.shared.work(&names, moment).await;
                names.clear();
                for Ended { name, ran: these, again } in ended {
                    if again.now {
                        names.push(name);
                    }
                    ran.extend(these);
                }
            }
        }
        ran
    }

    /// All live streams, those of one dataset together.
    fn groups(&self) -> Vec<Vec<Arc<str>>> {
        let state = self.shared.state.lock();
        let live = state.targets.iter().filter(|(_, target)| target.lane == Lane::Live);
        let mut all: Vec<_> =
            live.map(|(name, target)| (target.assignment.key.clone(), name.clone())).collect();
        all.sort();
        let mut groups: Vec<Vec<Arc<str>>> = Vec::new();
        let mut last = None;
        for (key, name) in all {
            let place = (key.tenant, key.dataset);
            if last.as_ref() == Some(&place) {
                groups.last_mut().expect("it began with the place").push(name);
            } else {
                groups.push(vec![name]);
                last = Some(place);
            }
        }
        groups
    }
}
