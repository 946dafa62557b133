//! One piece of work from its start to its end, and what is learned from it.

use std::sync::Arc;

use base::Timestamp;
use futures_util::future::join_all;
use log_rules::Retry;
use loghunt::breaker::Permit;
use loghunt::choice::Class;
use loghunt::command::{Applied, Command};
use loghunt::engine::EngineError;
use loghunt::ports::Step;
use loghunt::stream::StreamStatus;
use model::log::{EngineName, Failure, FailureClass, Lane, TenantName};
use model::store::StoreError;

use crate::measure;
use crate::prepare::{Due, Job, Moment, Prepared};
use crate::record::Recorded;
use crate::shared::{Held, HeldWhy, Shared, State};
use crate::tick::{Outcome, Ran};

/// When a stream is looked at again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Again {
    /// At once: more of it is ready.
    pub(crate) now: bool,
    /// Not before this moment.
    pub(crate) at: Option<Timestamp>,
}

/// What came of a stream.
pub(crate) struct Ended {
    pub(crate) name: Arc<str>,
    pub(crate) ran: Vec<Ran>,
    pub(crate) again: Again,
}

impl Shared {
    /// Runs one slice of each of these streams, which are of one tenant and engine.
    pub(crate) async fn work(&self, names: &[Arc<str>], moment: Moment) -> Vec<Ended> {
        let mut dues = self.dues(names);
        let Some(first) = dues.first() else { return Vec::new() };
        let tenant = first.assignment.tenant.name.clone();
        let engine = first.assignment.dataset.engine.clone();
        let mut ended = Vec::with_capacity(dues.len());
        if let Some(why) = self.set_aside(&tenant, moment.now) {
            self.heartbeats(&dues, moment).await;
            ended.extend(dues.iter().map(|due| self.aside(due, why.clone(), None)));
            return ended;
        }
        match self.permit(&tenant, &engine, moment.now) {
            Permit::Yes => {}
            Permit::No(until) => {
                self.heartbeats(&dues, moment).await;
                let why = Outcome::BreakerOpen { until };
                ended.extend(dues.iter().map(|due| self.aside(due, why.clone(), Some(until))));
                return ended;
            }
            Permit::Probe => {
                let soon = moment.now.plus(self.settings.look_around);
                let others = dues.split_off(1);
                self.heartbeats(&others, moment).await;
                let why = Outcome::BreakerOpen { until: soon };
                ended.extend(others.iter().map(|due| self.aside(due, why.clone(), Some(soon))));
                dues[0].probe = true;
            }
        }
        // One session for each dataset; nearly always there is just one.
        while let Some(first) = dues.first() {
            let dataset = first.assignment.dataset.name.clone();
            let of_one = |due: &Due| due.assignment.dataset.name == dataset;
            let (these, others): (Vec<Due>, Vec<Due>) = dues.into_iter().partition(of_one);
            dues = others;
            ended.extend(self.work_dataset(these, moment).await);
        }
        if self.probing(&tenant, &engine) {
            self.breaker(&tenant, &engine, |breaker| breaker.gave_back());
        }
        ended
    }

    fn dues(&self, names: &[Arc<str>]) -> Vec<Due> {
        let state = self.state.lock();
        let due = |name: &Arc<str>| {
            let target = state.targets.get(name)?;
            let (assignment, lane) = (target.assignment.clone(), target.lane.clone());
            if !state.job_may_read(&lane) {
                return None;
            }
            Some(Due { name: name.clone(), assignment, lane, probe: false })
        };
        names.iter().filter_map(due).collect()
    }

    /// Streams of one tenant and dataset.
    async fn work_dataset(&self, dues: Vec<Due>, moment: Moment) -> Vec<Ended> {
        let Some(first) = dues.first().map(|due| due.assignment.clone()) else { return Vec::new() };
        let domain = first.dataset.domain;
        let opened = self.within_time(first.timeout, self.session(&first, domain)).await;
        let opened = opened.unwrap_or_else(|| {
            Err(EngineError::transient(format!(
                "the engine did not say within {} s where its table stands",
                first.timeout.as_secs()
            )))
        });
        let there = (first.tenant.name.clone(), first.dataset.engine.clone());
        let session = match opened {
            Ok(session) => {
                self.state.lock().unreachable.remove(&there);
                session
            }
            Err(error) => {
                self.state.lock().unreachable.insert(there, error.message.clone());
                self.failed(&first.tenant.name, &first.dataset.engine, error.class, moment.now);
                self.heartbeats(&dues, moment).await;
                let ended = dues.iter().map(|due| self.unreachable(due, &error, moment));
                return ended.collect();
            }
        };
        let mut prepared: Vec<(usize, Prepared)> = Vec::new();
        let parts = session.parts.iter();
        let held: Vec<_> = dues.iter().map(|due| self.still_held(due, &session)).collect();
        let wanted = dues.iter().enumerate().filter(|(at, _)| held[*at].is_none());
        let pairs: Vec<_> =
            wanted.flat_map(|(at, due)| parts.clone().map(move |part| (at, due, part))).collect();
        let all =
            join_all(pairs.iter().map(|(_, due, part)| self.prepare(due, &session, part, moment)));
        prepared.extend(pairs.iter().map(|(at, ..)| *at).zip(all.await));
        let mut ended: Vec<Ended> = dues
            .iter()
            .zip(held.iter().cloned())
            .map(|(due, held)| Ended {
                name: due.name.clone(),
                ran: held.map(|why| Ran::without(due, Outcome::Held(why))).into_iter().collect(),
                again: Again::default(),
            })
            .collect();
        let mut jobs: Vec<(usize, Job)> = Vec::new();
        for (at, prepared) in prepared {
            match prepared {
                Prepared::Job(job) => jobs.push((at, *job)),
                other => self.not_run(&dues[at], other, &session, moment, &mut ended[at]),
            }
        }
        if !jobs.is_empty() {
            self.run_jobs(&jobs, moment, &mut ended).await;
        }
        ended
    }

    async fn run_jobs(&self, jobs: &[(usize, Job)], moment: Moment, ended: &mut [Ended]) {
        let only: Vec<&Job> = jobs.iter().map(|(_, job)| job).collect();
        for job in &only {
            measure::started(job, moment);
        }
        let Some(answers) = self.while_held(&only, self.ask_in_time(&only)).await else {
            for (at, job) in jobs {
                let why = "its lease could not be renewed".to_owned();
                self.learn(job, Recorded::Lost(why), moment, &mut ended[*at]);
            }
            return;
        };
        let recorded = join_all(only.iter().zip(answers).map(async |(job, answer)| match answer {
            Ok(answer) => self.commit(job, answer).await,
            Err(failure) => self.fail(job, failure).await,
        }))
        .await;
        for ((at, job), recorded) in jobs.iter().zip(recorded) {
            self.learn(job, recorded, moment, &mut ended[*at]);
        }
    }

    /// What follows for a stream of which nothing was run.
    fn not_run(
        &self,
        due: &Due,
        prepared: Prepared,
        session: &crate::session::Session,
        moment: Moment,
        ended: &mut Ended,
    ) {
        match prepared {
            Prepared::Job(_) => unreachable!("jobs are run"),
            Prepared::Nothing(ready_at) => ended.again.at = earlier(ended.again.at, ready_at),
            Prepared::Held(why) => {
                let schema = loghunt::lineage::schema(&session.description);
                ended.ran.push(Ran::without(due, Outcome::Held(why.clone())));
                self.hold(due, why, schema);
            }
            Prepared::Unreachable(error) => {
                let other = self.unreachable(due, &error, moment);
                ended.ran.extend(other.ran);
                ended.again.at = earlier(ended.again.at, other.again.at);
            }
            Prepared::Broken(error) => {
                self.store_failed(&error, moment.now);
                let why = base::Chain(&error).to_string();
                ended.ran.push(Ran::without(due, Outcome::Unreachable(why)));
                let soon = Some(moment.now.plus(self.settings.look_around));
                ended.again.at = earlier(ended.again.at, soon);
            }
        }
    }

    /// What follows from a run.
    fn learn(&self, job: &Job, recorded: Recorded, moment: Moment, ended: &mut Ended) {
        measure::ended(job, &recorded);
        self.moves.send_modify(|moves| *moves += 1);
        let (tenant, engine) = (&job.key.tenant, &job.due.assignment.dataset.engine);
        let retries = job.due.assignment.rule.schedule.retry == Retry::Backoff;
        let (outcome, applied) = match recorded {
            Recorded::Committed { applied, rows, findings_new, bytes } => {
                self.breaker(tenant, engine, |breaker| breaker.succeeded());
                self.read(job, bytes, moment.now);
                ended.again.now |= applied.as_ref().is_none_or(|applied| applied.open > 0);
                (Outcome::Committed { rows, findings_new }, applied)
            }
            Recorded::Failed { applied, failure } => {
                self.failed(tenant, engine, failure.class, moment.now);
                self.hold_permanent(job, &failure);
                let more = applied.as_ref().filter(|_| retries);
                let ready_at = more.and_then(|applied| applied.ready_at);
                ended.again.at = earlier(ended.again.at, ready_at);
                // The halves of a window that was too large are ready at once.
                ended.again.now |= retries
                    && failure.class == FailureClass::TooLarge
                    && ready_at.is_some_and(|at| at <= moment.now);
                (Outcome::Failed(failure), applied)
            }
            Recorded::Lost(why) => {
                self.forget_stream(&job.due, &job.key.part);
                let soon = moment.now.plus(self.settings.look_around);
                ended.again.at = earlier(ended.again.at, Some(soon));
                (Outcome::Lost(why), None)
            }
        };
        if let Some(applied) = &applied {
            self.remember_stream(&job.due, &applied.stream);
        }
        ended.ran.push(Ran::of(job, outcome, applied.as_deref()));
    }

    fn unreachable(&self, due: &Due, error: &EngineError, moment: Moment) -> Ended {
        let retries = due.assignment.rule.schedule.retry == Retry::Backoff;
        let at = retries.then(|| moment.now.plus(loghunt::breaker::WAIT_FIRST));
        let ran = vec![Ran::without(due, Outcome::Unreachable(error.message.clone()))];
        Ended { name: due.name.clone(), ran, again: Again { now: false, at } }
    }

    fn aside(&self, due: &Due, why: Outcome, at: Option<Timestamp>) -> Ended {
        let at = at.filter(|_| due.assignment.rule.schedule.retry == Retry::Backoff);
        let ran = vec![Ran::without(due, why)];
        Ended { name: due.name.clone(), ran, again: Again { now: false, at } }
    }

    /// Why nothing of a tenant is run now: it is paused, or has read what it may today. Ticks are
    /// skipped; no range is.
    fn set_aside(&self, tenant: &TenantName, now: Timestamp) -> Option<Outcome> {
        let limit = self.roster().bytes_per_day(tenant);
        let state = self.state.lock();
        if state.pauses.contains_key(tenant) {
            return Some(Outcome::Paused);
        }
        let spent = state.spent.get(tenant).filter(|(day, _)| *day == day_of(now));
        match (limit, spent) {
            (Some(limit), Some((_, bytes))) if *bytes >= limit => Some(Outcome::OverBudget),
            _ => None,
        }
    }

    /// Streams that are seen to, and not run.
    async fn heartbeats(&self, dues: &[Due], moment: Moment) {
        join_all(dues.iter().filter(|due| due.lane == Lane::Live).map(async |due| {
            let keys: Vec<_> = {
                let state = self.state.lock();
                let target = state.targets.get(&due.name);
                let streams = target.into_iter().flat_map(|target| target.streams.values());
                let active = streams.filter(|stream| stream.status == StreamStatus::Active);
                active.map(|stream| stream.key.clone()).collect()
            };
            let Some(tick) = crate::prepare::latest_tick(due, moment) else { return };
            for key in keys {
                let step = Step::of(key, vec![Command::Heartbeat { tick }]);
                let _ = self.ports.ledger.step(&step).await;
            }
        }))
        .await;
    }

    fn permit(&self, tenant: &TenantName, engine: &EngineName, now: Timestamp) -> Permit {
        self.breaker(tenant, engine, |breaker| breaker.ask(now))
    }

    fn probing(&self, tenant: &TenantName, engine: &EngineName) -> bool {
        let state = self.state.lock();
        let key = (tenant.clone(), engine.clone());
        state.breakers.get(&key).is_some_and(|breaker| breaker.open_until().is_some())
    }

    pub(crate) fn breaker<T>(
        &self,
        tenant: &TenantName,
        engine: &EngineName,
        see: impl FnOnce(&mut loghunt::breaker::Breaker) -> T,
    ) -> T {
        let mut state = self.state.lock();
        see(state.breakers.entry((tenant.clone(), engine.clone())).or_default())
    }

    fn failed(
        &self,
        tenant: &TenantName,
        engine: &EngineName,
        class: FailureClass,
        now: Timestamp,
    ) {
        self.breaker(tenant, engine, |breaker| breaker.failed(class, now));
    }

    pub(crate) fn store_failed(&self, error: &StoreError, now: Timestamp) {
        tracing::error!(error = %base::Chain(error), "the state store did not answer");
        let mut state = self.state.lock();
        state.store.failed(FailureClass::Transient, now);
    }

    /// Bytes that were read: what the next run is expected to cost, and what the day's budget loses.
    fn read(&self, job: &Job, bytes: u64, now: Timestamp) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.store.succeeded();
        if let Some(target) = state.targets.get_mut(&job.due.name) {
            target.cost = if target.cost == 0 { bytes } else { (target.cost * 3 + bytes) / 4 };
            state.tally.hold(&job.due.name, target, None);
        }
        if let Lane::Backfill(name) = &job.key.lane {
            state.spent_by_job.entry(name.clone()).or_default().since += bytes;
        }
        let today = day_of(now);
        let spent = state.spent.entry(job.key.tenant.clone()).or_insert((today, 0));
        if spent.0 != today {
            *spent = (today, 0);
        }
        spent.1 = spent.1.saturating_add(bytes);
    }

    fn hold_permanent(&self, job: &Job, failure: &Failure) {
        if failure.class == FailureClass::Permanent {
            // The columns are not known here: the next look at the source says them.
            self.hold(&job.due, HeldWhy::Permanent(failure.clone()), "".into());
        }
    }

    fn hold(&self, due: &Due, why: HeldWhy, schema: Arc<str>) {
        let mut state = self.state.lock();
        let State { targets, tally, .. } = &mut *state;
        if let Some(target) = targets.get_mut(&due.name) {
            let revision = due.assignment.revision();
            tally.hold(&due.name, target, Some(Held { why, revision, schema }));
        }
    }

    /// Whether a stream waits for a change that has not come. What waits for columns, clocks or
    /// people is looked at each time; what cannot succeed waits for another revision or schema.
    fn still_held(&self, due: &Due, session: &crate::session::Session) -> Option<HeldWhy> {
        let schema = loghunt::lineage::schema(&session.description);
        let mut state = self.state.lock();
        let State { targets, tally, .. } = &mut *state;
        let target = targets.get_mut(&due.name)?;
        let held = target.held()?;
        let why = held.why.clone();
        let lasts = matches!(why, HeldWhy::Permanent(_))
            && held.revision == due.assignment.revision()
            && (held.schema.is_empty() || held.schema == schema);
        if lasts {
            target.held_with(schema);
            return Some(why);
        }
        tally.hold(&due.name, target, None);
        None
    }

    /// What is done after a piece of work: its streams may be queued again.
    pub(crate) fn after_work(&self, ended: &[Ended]) {
        for one in ended {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            let Some(target) = state.targets.get_mut(&one.name) else { continue };
            state.tally.queue(target, false);
            let again = std::mem::take(&mut target.again) || one.again.now;
            let held = target.held().is_some();
            let live = target.lane == Lane::Live;
            if let Some(at) = one.again.at
                && !held
            {
                state.timers.retry(one.name.clone(), at);
            }
            drop(guard);
            if again && !held {
                self.queue(&one.name, live.then_some(Class::CatchUp));
            }
        }
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The day of a moment, counted from 1970.
fn day_of(moment: Timestamp) -> i64 {
    moment.as_micros().div_euclid(86_400_000_000)
}

/// What is shown of a stream after a step.
pub(crate) fn checkpoint(applied: Option<&Applied>) -> Option<model::log::Position> {
    applied.map(|applied| applied.stream.checkpoint)
}
