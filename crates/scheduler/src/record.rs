//! Recording what came of a run: the commit with its findings, or the failure.
//!
//! An answer that was lost is never guessed: the ledger is read by the slice's id.

use std::time::Duration;

use base::Timestamp;
use loghunt::command::{Applied, Command, Refusal};
use loghunt::finding::Place;
use loghunt::frontier::retry_policy;
use loghunt::ports::{SliceQuery, Step, StreamQuery, Tell, TellHow};
use loghunt::repair::{audit_ages, next_audit};
use model::log::{Domain, Evidence, Failure, Lane, Slice, SliceState};
use model::store::{Paging, StoreError};

use crate::prepare::Job;
use crate::run::Answer;
use crate::shared::Shared;

/// What is on the ledger now.
pub(crate) enum Recorded {
    Committed {
        applied: Option<Box<Applied>>,
        rows: u64,
        findings_new: u64,
        bytes: u64,
    },
    Failed {
        applied: Option<Box<Applied>>,
        failure: Failure,
    },
    /// Somebody else has the slice, or will.
    Lost(String),
}

impl Shared {
    /// Commits an answer with its findings.
    pub(crate) async fn commit(&self, job: &Job, answer: Answer) -> Recorded {
        let assignment = &job.due.assignment;
        let now = self.now();
        let Answer { mut matches, report, fingerprint } = answer;
        if let Some((from, to)) = self.wanted_of_cursor(job) {
            let wanted = |at: Timestamp| from <= at && at < to;
            matches.retain(|one| one.found.event_time.is_none_or(wanted));
        }
        let rows = matches.len() as u64;
        let place = Place {
            slice: job.slice.id,
            window: job.slice.window,
            late: matches!(job.key.lane, Lane::Repair(_)),
            now,
        };
        let clock = job.horizon.clock.unwrap_or(job.slice.tick);
        let ages = audit_ages(&assignment.dataset);
        let audit_at =
            fingerprint.as_ref().and_then(|_| next_audit(job.slice.window, &ages, clock));
        let evidence = Evidence {
            rows,
            bytes: report.bytes,
            fingerprint,
            source_clock: job.horizon.clock,
            took: report.took,
            audit_at,
            ..Evidence::of(job.token, assignment.revision())
        };
        let step = Step {
            key: job.key.clone(),
            commands: vec![Command::Commit {
                slice: job.slice.id,
                evidence,
                frontier: job.frontier,
            }],
            findings: assignment.template.findings(matches, place),
            tell: self.tell(job),
            audit: None,
        };
        match self.surely(job, &step).await {
            Sure::Applied(applied) => {
                let findings_new = applied.findings_new;
                let applied = Some(applied);
                Recorded::Committed { applied, rows, findings_new, bytes: report.bytes }
            }
            Sure::Done(slice) => {
                let findings_new = match &slice.state {
                    SliceState::Committed(evidence) => evidence.findings_new,
                    _ => 0,
                };
                Recorded::Committed { applied: None, rows, findings_new, bytes: report.bytes }
            }
            Sure::Lost(why) => Recorded::Lost(why),
        }
    }

    /// Records a failure.
    pub(crate) async fn fail(&self, job: &Job, failure: Failure) -> Recorded {
        let policy = retry_policy(&job.due.assignment.rule, job.slice.domain);
        let fail = Command::Fail {
            slice: job.slice.id,
            token: job.token,
            failure: failure.clone(),
            policy,
            jitter_millionths: self.chance(),
        };
        let step = Step::of(job.key.clone(), vec![fail]);
        match self.surely(job, &step).await {
            Sure::Applied(applied) => Recorded::Failed { applied: Some(applied), failure },
            Sure::Done(_) => Recorded::Failed { applied: None, failure },
            Sure::Lost(why) => Recorded::Lost(why),
        }
    }

    /// A job over a cursor reads all of it, and keeps what happened in its stretch.
    fn wanted_of_cursor(&self, job: &Job) -> Option<(Timestamp, Timestamp)> {
        match &job.key.lane {
            Lane::Backfill(name) if job.slice.domain == Domain::Cursor => {
                self.state.lock().jobs.get(name).map(|job| (job.from, job.to))
            }
            _ => None,
        }
    }

    fn tell(&self, job: &Job) -> Tell {
        let assignment = &job.due.assignment;
        match &job.key.lane {
            Lane::Live | Lane::Repair(_) => assignment.tell(TellHow::Each),
            Lane::Backfill(name) => {
                let how = self.state.lock().jobs.get(name).map(|job| job.tell);
                assignment.tell(how.unwrap_or(TellHow::Nothing))
            }
        }
    }

    /// Does a step of a slice that we hold until it is known whether it was done: after a lost
    /// answer the ledger is read, and asked again while the lease lasts.
    async fn surely(&self, job: &Job, step: &Step) -> Sure {
        let time = &self.ports.time;
        let mut wait = Duration::from_millis(100);
        loop {
            let error = match self.ports.ledger.step(step).await {
                Ok(Ok(applied)) => return Sure::Applied(Box::new(applied)),
                Ok(Err(Refusal::NoSlice { .. })) => return Sure::Lost("the slice is gone".into()),
                // Perhaps our own commit, whose answer was lost, is what stands in the way.
                Ok(Err(refusal)) => match self.look(job).await {
                    Ok(Some(slice)) if is_done(&slice, job.token) => {
                        return Sure::Done(Box::new(slice));
                    }
                    Ok(_) => return Sure::Lost(refusal.to_string()),
                    Err(error) => error,
                },
                Err(error) => match self.look(job).await {
                    Ok(Some(slice)) if is_done(&slice, job.token) => {
                        return Sure::Done(Box::new(slice));
                    }
                    Ok(Some(slice)) if holds(&slice, job.token) => error,
                    Ok(_) => return Sure::Lost("another scheduler has the slice".into()),
                    Err(_) => error,
                },
            };
            let held = time.elapsed().saturating_sub(job.leased_at);
            if held > self.settings.lease * 3 {
                return Sure::Lost(base::Chain(&error).to_string());
            }
            tracing::warn!(stream = %job.key, error = %base::Chain(&error), "the state store did not answer");
            time.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// The slice of a job, as the ledger has it.
    async fn look(&self, job: &Job) -> Result<Option<Slice>, StoreError> {
        let query = SliceQuery {
            of: StreamQuery {
                tenant: Some(job.key.tenant.clone()),
                dataset: Some(job.key.dataset.clone()),
                rule: Some(job.key.rule.clone()),
                lane: Some(job.key.lane.clone()),
                epoch: Some(job.key.epoch),
                ..StreamQuery::default()
            },
            id: Some(job.slice.id),
            states: ALL_STATES.to_vec(),
            paging: Paging::first(1),
            ..SliceQuery::default()
        };
        Ok(self.ports.ledger.slices(&query).await?.items.pop())
    }
}

const ALL_STATES: [&str; 9] = [
    "planned",
    "leased",
    "running",
    "committed",
    "backoff",
    "quarantined",
    "waived",
    "split",
    "superseded",
];

enum Sure {
    Applied(Box<Applied>),
    Done(Box<Slice>),
    Lost(String),
}

fn is_done(slice: &Slice, token: u64) -> bool {
    matches!(&slice.state, SliceState::Committed(evidence) if evidence.token == token)
}

fn holds(slice: &Slice, token: u64) -> bool {
    slice.state.lease().is_some_and(|lease| lease.token == token)
}
