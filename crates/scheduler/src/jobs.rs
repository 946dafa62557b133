//! Jobs: stretches of the past that are read again, each in a lane of its own, within a budget.

use std::collections::HashSet;
use std::sync::Arc;

use loghunt::ports::{Job, JobState, StreamQuery};
use loghunt::stream::RunOutcome;
use model::log::{Lane, Position};
use model::store::{Paging, StoreError};

use crate::assignment::Assignment;
use crate::shared::{Shared, State};

impl Shared {
    /// Queues what running jobs still have to read, and ends those that are through.
    pub(crate) async fn look_at_jobs(&self) {
        let jobs: Vec<Job> = self.state.lock().jobs.values().cloned().collect();
        let (running, ended): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| job.state == JobState::Running);
        self.drop_lanes(&ended.iter().map(|job| job.name.clone()).collect());
        for job in running {
            if let Err(error) = self.look_at_job(&job).await {
                self.store_failed(&error, self.now());
            }
        }
    }

    async fn look_at_job(&self, job: &Job) -> Result<(), StoreError> {
        let spent = self.spent_by(job).await?;
        if job.bytes_max.is_some_and(|most| spent >= most) {
            return self.end_job(job, JobState::OverBudget).await;
        }
        let lane = Lane::Backfill(job.name.clone());
        let wanted = self.of_job(job);
        let query = StreamQuery {
            rule: Some(job.rule.clone()),
            lane: Some(lane.clone()),
            paging: Paging::ALL,
            ..StreamQuery::default()
        };
        let streams = self.ports.ledger.streams(&query).await?.items;
        let mut through = true;
        for assignment in &wanted {
            let key = &assignment.key;
            let mut own = streams
                .iter()
                .filter(|one| one.key.tenant == key.tenant && one.key.dataset == key.dataset)
                .peekable();
            let ended = own.peek().is_some()
                && own.all(|stream| {
                    let to = if stream.domain.is_time() {
                        Position::at(job.to)
                    } else {
                        stream.planned_to
                    };
                    stream.checkpoint >= to
                });
            if !ended {
                through = false;
                let name = self.know(assignment, lane.clone());
                self.queue_again(&name);
            }
        }
        if through { self.end_job(job, JobState::Done).await } else { Ok(()) }
    }

    /// The streams that a job reads again.
    fn of_job(&self, job: &Job) -> Vec<Arc<Assignment>> {
        let roster = self.roster();
        let wanted = |one: &&Arc<Assignment>| {
            one.rule.name == job.rule && job.tenants.contains(&one.tenant.name)
        };
        roster.by_name.values().filter(wanted).cloned().collect()
    }

    async fn end_job(&self, job: &Job, state: JobState) -> Result<(), StoreError> {
        self.ports.control.put_job(&Job { state, ..job.clone() }).await?;
        if let Some(known) = self.state.lock().jobs.get_mut(&job.name) {
            known.state = state;
        }
        self.drop_lanes(&[job.name.clone()].into());
        self.note("backfill", &job.name, format!("the job is {}", state.word())).await;
        Ok(())
    }

    /// Streams of jobs that are over are forgotten once nothing of them waits or runs.
    fn drop_lanes(&self, jobs: &HashSet<Arc<str>>) {
        if jobs.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let State { targets, tally, .. } = &mut *state;
        let over = |lane: &Lane| matches!(lane, Lane::Backfill(name) if jobs.contains(name));
        let gone = targets.extract_if(|_, target| !target.queued() && over(&target.lane));
        gone.for_each(|(name, mut target)| tally.hold(&name, &mut target, None));
    }

    /// Bytes that a job has read, whichever scheduler did. What was recorded since the last look is
    /// read only.
    async fn spent_by(&self, job: &Job) -> Result<u64, StoreError> {
        let mut known = {
            let mut state = self.state.lock();
            let known = state.spent_by_job.entry(job.name.clone()).or_default();
            known.since = 0;
            *known
        };
        let query = StreamQuery {
            rule: Some(job.rule.clone()),
            lane: Some(Lane::Backfill(job.name.clone())),
            ..StreamQuery::default()
        };
        let mut wanted = 1;
        loop {
            // The newest first.
            let page = self.ports.ledger.runs(&query, Paging::first(wanted)).await?;
            // Old runs may have been forgotten; what they read was read.
            known.runs = known.runs.min(page.total);
            let fresh = page.total - known.runs;
            if fresh > wanted {
                wanted = fresh;
                continue;
            }
            let fresh = page.items.iter().take(usize::try_from(fresh).unwrap_or(usize::MAX));
            let read = fresh.map(|run| match &run.outcome {
                RunOutcome::Committed { bytes, .. } => *bytes,
                RunOutcome::Failed(_) | RunOutcome::Lost => 0,
            });
            known.bytes += read.sum::<u64>();
            known.runs = page.total;
            break;
        }
        let mut state = self.state.lock();
        let spent = state.spent_by_job.entry(job.name.clone()).or_default();
        (spent.runs, spent.bytes) = (known.runs, known.bytes);
        Ok(known.bytes)
    }

    /// Queues a lane that has no ticks, unless it waits or runs already. One that is held is looked at,
    /// too: nothing else would ever see that what held it has changed.
    pub(crate) fn queue_again(&self, name: &Arc<str>) {
        let idle = self.state.lock().targets.get(name).is_some_and(|target| !target.queued());
        if idle {
            self.queue(name, None);
            self.wake.notify_one();
        }
    }
}

impl State {
    /// Whether a job may go on reading; other lanes may.
    pub(crate) fn job_may_read(&self, lane: &Lane) -> bool {
        let Lane::Backfill(name) = lane else { return true };
        let Some(job) = self.jobs.get(name) else { return false };
        let spent = self.spent_by_job.get(name).map_or(0, |spent| spent.bytes + spent.since);
        job.state == JobState::Running && job.bytes_max.is_none_or(|most| spent < most)
    }
}
