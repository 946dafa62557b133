//! States, failures and outcomes as columns and back: what every store in SQL writes. Moments and
//! stretches of time are microseconds; counts that a column cannot hold stop at its greatest.
//!
//! Reading answers `None` for columns that nothing here has written: damage, or a newer program.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use model::log::{Evidence, Failure, FailureClass, Lane, Lease, SliceState};
use model::org::Actor;

use crate::stream::{RunOutcome, StreamStatus};

/// The greatest count of a column stands for all that are greater.
pub fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads what [`int`] writes.
pub fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

fn length(column: i64) -> Duration {
    Duration::from_micros(count(column))
}

fn small(column: i64) -> Option<u32> {
    u32::try_from(column).ok()
}

/// Lanes sort by this and then by their words as [`Lane`]s do: live, repairs by level, jobs by name.
pub fn lane_order(lane: &Lane) -> i64 {
    match lane {
        Lane::Live => 0,
        Lane::Repair(level) => 1 + i64::from(*level),
        Lane::Backfill(_) => i64::MAX,
    }
}

/// A failure that may not be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureColumns {
    /// The class' word.
    pub class: Option<String>,
    /// How long a throttling engine asks to be left alone.
    pub wait: Option<i64>,
    /// What was said.
    pub message: Option<String>,
}

impl FailureColumns {
    /// The columns of a failure.
    pub fn of(failure: Option<&Failure>) -> Self {
        let Some(failure) = failure else { return Self::default() };
        let wait = match failure.class {
            FailureClass::Throttled { wait } => Some(micros(wait)),
            FailureClass::Transient
            | FailureClass::TooLarge
            | FailureClass::Permanent
            | FailureClass::SourceChanged => None,
        };
        let class = Some(failure.class.word().to_owned());
        Self { class, wait, message: Some(failure.message.clone()) }
    }

    /// The failure of columns; the outer `None` for unreadable ones.
    pub fn failure(self) -> Option<Option<Failure>> {
        let Some(word) = self.class else { return Some(None) };
        let class = match (FailureClass::parse(&word)?, self.wait) {
            (FailureClass::Throttled { .. }, Some(wait)) => {
                FailureClass::Throttled { wait: length(wait) }
            }
            (class, _) => class,
        };
        Some(Some(Failure { class, message: self.message.unwrap_or_default() }))
    }
}

/// Whether a stream may run, besides the status' word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusColumns {
    /// Why it is stopped.
    pub failure: FailureColumns,
    /// Why it is closed.
    pub reason: Option<String>,
}

impl StatusColumns {
    /// The columns of a status.
    pub fn of(status: &StreamStatus) -> Self {
        match status {
            StreamStatus::Active => Self::default(),
            StreamStatus::Stopped(failure) => {
                Self { failure: FailureColumns::of(Some(failure)), reason: None }
            }
            StreamStatus::Closed { reason } => {
                Self { failure: FailureColumns::default(), reason: Some(reason.clone()) }
            }
        }
    }

    /// The status of a word and columns.
    pub fn status(self, word: &str) -> Option<StreamStatus> {
        match word {
            "active" => Some(StreamStatus::Active),
            "stopped" => Some(StreamStatus::Stopped(self.failure.failure()??)),
            "closed" => Some(StreamStatus::Closed { reason: self.reason? }),
            _ => None,
        }
    }
}

/// Where a slice is in its life, besides the state's word. What a state does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateColumns {
    /// Whose it is.
    pub owner: Option<String>,
    /// Under which token it is held, or was committed.
    pub token: Option<i64>,
    /// Until when it is held.
    pub until: Option<i64>,
    /// By which the engine knows the query.
    pub query_tag: Option<String>,
    /// When it may be tried again.
    pub not_before: Option<i64>,
    /// Why it waits or was given up.
    pub failure: FailureColumns,
    /// Who left it out.
    pub actor: Option<String>,
    /// Why it was left out.
    pub reason: Option<String>,
    /// Which revision committed it.
    pub revision: Option<String>,
    /// Rows that matched.
    pub rows: Option<i64>,
    /// New findings.
    pub findings_new: Option<i64>,
    /// Bytes read.
    pub bytes: Option<i64>,
    /// The state of the source before the query.
    pub fingerprint: Option<String>,
    /// The source's clock.
    pub source_clock: Option<i64>,
    /// How long the engine took.
    pub took: Option<i64>,
    /// When it was committed.
    pub committed_at: Option<i64>,
    /// When to look at the source again.
    pub audit_at: Option<i64>,
    /// How often that was done.
    pub audits: Option<i64>,
}

impl StateColumns {
    /// The columns of a state.
    pub fn of(state: &SliceState) -> Self {
        let mut columns = Self::default();
        match state {
            SliceState::Planned | SliceState::Split | SliceState::Superseded => {}
            SliceState::Leased(lease) => columns.put_lease(lease),
            SliceState::Running { lease, query_tag } => {
                columns.put_lease(lease);
                columns.query_tag = Some(query_tag.to_string());
            }
            SliceState::Committed(evidence) => columns.put_evidence(evidence),
            SliceState::Backoff { not_before, failure } => {
                columns.not_before = Some(not_before.as_micros());
                columns.failure = FailureColumns::of(Some(failure));
            }
            SliceState::Quarantined { failure } => {
                columns.failure = FailureColumns::of(Some(failure));
            }
            SliceState::Waived { actor, reason } => {
                columns.actor = Some(actor.to_string());
                columns.reason = Some(reason.clone());
            }
        }
        columns
    }

    fn put_lease(&mut self, lease: &Lease) {
        self.owner = Some(lease.owner.to_string());
        self.token = Some(int(lease.token));
        self.until = Some(lease.until.as_micros());
    }

    fn put_evidence(&mut self, evidence: &Evidence) {
        self.token = Some(int(evidence.token));
        self.revision = Some(evidence.revision.to_string());
        self.rows = Some(int(evidence.rows));
        self.findings_new = Some(int(evidence.findings_new));
        self.bytes = Some(int(evidence.bytes));
        self.fingerprint = evidence.fingerprint.as_deref().map(str::to_owned);
        self.source_clock = evidence.source_clock.map(Timestamp::as_micros);
        self.took = Some(micros(evidence.took));
        self.committed_at = Some(evidence.committed_at.as_micros());
        self.audit_at = evidence.audit_at.map(Timestamp::as_micros);
        self.audits = Some(i64::from(evidence.audits));
    }

    /// The state of a word and columns.
    pub fn state(self, word: &str) -> Option<SliceState> {
        Some(match word {
            "planned" => SliceState::Planned,
            "split" => SliceState::Split,
            "superseded" => SliceState::Superseded,
            "leased" => SliceState::Leased(self.lease()?),
            "running" => {
                let query_tag = self.query_tag.as_deref()?.into();
                SliceState::Running { lease: self.lease()?, query_tag }
            }
            "committed" => SliceState::Committed(self.evidence()?),
            "backoff" => SliceState::Backoff {
                not_before: Timestamp::from_micros(self.not_before?),
                failure: self.failure.failure()??,
            },
            "quarantined" => SliceState::Quarantined { failure: self.failure.failure()?? },
            "waived" => {
                SliceState::Waived { actor: Actor::parse(&self.actor?), reason: self.reason? }
            }
            _ => return None,
        })
    }

    fn lease(self) -> Option<Lease> {
        Some(Lease {
            owner: self.owner?.into(),
            token: count(self.token?),
            until: Timestamp::from_micros(self.until?),
        })
    }

    fn evidence(self) -> Option<Evidence> {
        Some(Evidence {
            token: count(self.token?),
            revision: self.revision?.into(),
            rows: count(self.rows?),
            findings_new: count(self.findings_new?),
            bytes: count(self.bytes?),
            fingerprint: self.fingerprint.map(Arc::from),
            source_clock: self.source_clock.map(Timestamp::from_micros),
            took: length(self.took?),
            committed_at: Timestamp::from_micros(self.committed_at?),
            audit_at: self.audit_at.map(Timestamp::from_micros),
            audits: small(self.audits?)?,
        })
    }
}

/// How an attempt ended, besides the outcome's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeColumns {
    /// Rows that matched.
    pub rows: Option<i64>,
    /// New findings.
    pub findings_new: Option<i64>,
    /// Bytes read.
    pub bytes: Option<i64>,
    /// How long it took, in milliseconds.
    pub took_millis: Option<i64>,
    /// Why it failed.
    pub failure: FailureColumns,
}

impl OutcomeColumns {
    /// The word and the columns of an outcome.
    pub fn of(outcome: &RunOutcome) -> (&'static str, Self) {
        let none = Self::default();
        match outcome {
            RunOutcome::Committed { rows, findings_new, bytes, took_millis } => {
                let [rows, findings_new, bytes, took_millis] =
                    [rows, findings_new, bytes, took_millis].map(|number| Some(int(*number)));
                ("committed", Self { rows, findings_new, bytes, took_millis, ..none })
            }
            RunOutcome::Failed(failure) => {
                ("failed", Self { failure: FailureColumns::of(Some(failure)), ..none })
            }
            RunOutcome::Lost => ("lost", none),
        }
    }

    /// The outcome of a word and columns.
    pub fn outcome(self, word: &str) -> Option<RunOutcome> {
        Some(match word {
            "committed" => RunOutcome::Committed {
                rows: count(self.rows?),
                findings_new: count(self.findings_new?),
                bytes: count(self.bytes?),
                took_millis: count(self.took_millis?),
            },
            "failed" => RunOutcome::Failed(self.failure.failure()??),
            "lost" => RunOutcome::Lost,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: FailureClass) -> Failure {
        Failure { class, message: "no".into() }
    }

    #[track_caller]
    fn check_state(state: SliceState) {
        let columns = StateColumns::of(&state);
        assert_eq!(columns.clone().state(state.word()).as_ref(), Some(&state));
        if columns != StateColumns::default() {
            assert_eq!(StateColumns::default().state(state.word()), None, "{}", state.word());
        }
        assert_eq!(columns.state("no such state"), None);
    }

    #[test]
    fn every_state_reads_what_it_writes() {
        let lease = Lease { owner: "a".into(), token: 3, until: Timestamp::from_secs(9) };
        let wait = Duration::from_micros(1_500_001);
        let slow = failure(FailureClass::Throttled { wait });
        let evidence = Evidence {
            token: 4,
            revision: "r".into(),
            rows: 1,
            findings_new: 2,
            bytes: 3,
            fingerprint: Some("f".into()),
            source_clock: Some(Timestamp::from_micros(-5)),
            took: Duration::from_micros(6),
            committed_at: Timestamp::from_secs(7),
            audit_at: None,
            audits: 8,
        };
        let actor = Actor::User("ada".into());
        for state in [
            SliceState::Planned,
            SliceState::Leased(lease.clone()),
            SliceState::Running { lease, query_tag: "q".into() },
            SliceState::Committed(evidence),
            SliceState::Backoff { not_before: Timestamp::from_secs(1), failure: slow.clone() },
            SliceState::Quarantined { failure: slow },
            SliceState::Waived { actor, reason: "why".into() },
            SliceState::Split,
            SliceState::Superseded,
        ] {
            check_state(state);
        }
    }

    #[test]
    fn statuses_and_outcomes_read_what_they_write() {
        let no = failure(FailureClass::SourceChanged);
        for status in [
            StreamStatus::Active,
            StreamStatus::Stopped(no.clone()),
            StreamStatus::Closed { reason: "over".into() },
        ] {
            assert_eq!(StatusColumns::of(&status).status(status.word()), Some(status));
        }
        let committed =
            RunOutcome::Committed { rows: 1, findings_new: 2, bytes: 3, took_millis: 4 };
        for outcome in [committed, RunOutcome::Failed(no), RunOutcome::Lost] {
            let (word, columns) = OutcomeColumns::of(&outcome);
            assert_eq!(columns.outcome(word), Some(outcome));
        }
    }

    #[test]
    fn lanes_sort_as_themselves() {
        let mut lanes: Vec<Lane> =
            ["backfill.a", "repair.10", "live", "repair.2", "backfill.B", "repair.4294967295"]
                .iter()
                .filter_map(|word| Lane::parse(word))
                .collect();
        let mut by_columns = lanes.clone();
        lanes.sort();
        by_columns.sort_by_key(|lane| (lane_order(lane), lane.word()));
        assert_eq!(by_columns, lanes);
    }
}
