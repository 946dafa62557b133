//! The main loop: what is due is queued, what is chosen is run, what came of it is learned.
//!
//! One task decides. Work runs in tasks that end with the future of [`Scheduler::run`]. Nothing is
//! done for streams that are not due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use futures_util::future::select;
use loghunt::breaker::Permit;
use loghunt::choice::{Class, Work};
use model::log::{DatasetName, TenantName};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::feedback::Ended;
use crate::measure;
use crate::prepare::Moment;
use crate::shared::{Scheduler, Shared, State, Target};
use crate::timers::Kind;

/// The clock is looked at at least so often, in case somebody set it.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);

type Done = (Work<Arc<str>>, Vec<Ended>);

impl Scheduler {
    /// Runs until the token is cancelled; what runs then is let finish.
    pub async fn run(&self, stop: CancellationToken) {
        self.look_at_control().await;
        self.take_up_repairs().await;
        let main = std::pin::pin!(self.main_loop(stop.clone()));
        let others = std::pin::pin!(self.housekeeping());
        // The others never end.
        select(main, others).await;
    }

    async fn main_loop(&self, stop: CancellationToken) {
        let shared = &self.shared;
        let mut running: JoinSet<Done> = JoinSet::new();
        while !stop.is_cancelled() {
            let now = shared.now();
            shared.fire(now);
            self.start_work(&mut running, now);
            let wait = shared.until_next(now);
            let asleep = shared.ports.time.sleep(wait);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(done) = running.join_next() => shared.back(done),
                () = shared.wake.notified() => {}
                () = asleep => {}
            }
            // Whatever else has come back meanwhile is learned before the next choice.
            while let Some(done) = running.try_join_next() {
                shared.back(done);
            }
        }
        while let Some(done) = running.join_next().await {
            shared.back(done);
        }
    }

    fn start_work(&self, running: &mut JoinSet<Done>, now: Timestamp) {
        loop {
            let work = {
                let mut state = self.shared.state.lock();
                if let Permit::No(_) = state.store.ask(now) {
                    return;
                }
                state.store.gave_back();
                let Some(work) = state.choice.next(now) else {
                    measure::state(&state);
                    return;
                };
                work
            };
            let shared = self.shared.clone();
            running.spawn(async move {
                let moment = Moment { now: shared.now(), replay: false };
                let ended = shared.work(&work.streams, moment).await;
                (work, ended)
            });
        }
    }
}

impl Shared {
    fn back(&self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok((work, ended)) => {
                self.state.lock().choice.done(&work);
                self.after_work(&ended);
                // Streams that nothing was said of are not queued any more either.
                let mut state = self.state.lock();
                let State { targets, tally, .. } = &mut *state;
                for name in &work.streams {
                    if !ended.iter().any(|one| one.name == *name)
                        && let Some(target) = targets.get_mut(name)
                    {
                        tally.queue(target, false);
                    }
                }
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    /// Queues what is due, those of one dataset together where the engine can.
    fn fire(&self, now: Timestamp) {
        let mut retries = Vec::new();
        let mut state = self.state.lock();
        let state = &mut *state;
        let mut groups: HashMap<(TenantName, DatasetName, Class), Work<Arc<str>>> = HashMap::new();
        let mut alone = Vec::new();
        for (name, kind) in state.timers.due(now) {
            let Some(target) = state.targets.get_mut(&name) else { continue };
            if kind == Kind::Retry {
                retries.push(name);
                continue;
            }
            if let Some(at) = next_due(target, now) {
                state.timers.tick(name.clone(), at);
            }
            if target.queued() {
                target.again = true;
                continue;
            }
            state.tally.queue(target, true);
            let work = work_of(target, name, now);
            if !target.assignment.together {
                alone.push(work);
                continue;
            }
            let key = (work.tenant.clone(), target.assignment.dataset.name.clone(), work.class);
            match groups.entry(key) {
                std::collections::hash_map::Entry::Vacant(entry) => drop(entry.insert(work)),
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    let whole = entry.get_mut();
                    whole.cost = whole.cost.saturating_add(work.cost);
                    whole.streams.extend(work.streams);
                    if whole.streams.len() >= self.settings.together_max {
                        alone.push(entry.remove());
                    }
                }
            }
        }
        let mut all: Vec<Work<Arc<str>>> = groups.into_values().chain(alone).collect();
        // The order of a hash map is chance.
        all.sort_by(|a, b| (a.class, &a.tenant, &a.streams).cmp(&(b.class, &b.tenant, &b.streams)));
        all.into_iter().for_each(|work| state.choice.push(work));
        for name in retries {
            let Some(target) = state.targets.get_mut(&name) else { continue };
            if target.queued() {
                target.again = true;
                continue;
            }
            state.tally.queue(target, true);
            let live = target.lane == model::log::Lane::Live;
            let mut work = work_of(target, name, now);
            work.class = if live { Class::CatchUp } else { work.class };
            state.choice.push(work);
        }
    }

    fn until_next(&self, now: Timestamp) -> Duration {
        let state = self.state.lock();
        let next = state.timers.next().map_or(LOOK_AT_CLOCK, |at| at.since(now));
        let store = state.store.open_until().map_or(LOOK_AT_CLOCK, |at| at.since(now));
        let store = store.max(Duration::from_millis(100));
        next.min(store).min(LOOK_AT_CLOCK)
    }
}

fn work_of(target: &Target, name: Arc<str>, now: Timestamp) -> Work<Arc<str>> {
    Work {
        tenant: target.assignment.tenant.name.clone(),
        engine: target.assignment.dataset.engine.clone(),
        streams: vec![name],
        class: target.class(),
        cost: target.cost,
        since: now,
    }
}

/// When the tick after those that are due is due.
fn next_due(target: &Target, now: Timestamp) -> Option<Timestamp> {
    let assignment = &target.assignment;
    let schedule = &assignment.rule.schedule;
    let due = |tick| loghunt::ticks::due(tick, schedule, &assignment.key);
    let wait = due(Timestamp::EPOCH).since(Timestamp::EPOCH);
    assignment.clockwork.next_after(now.minus(wait)).map(due)
}
