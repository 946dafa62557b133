//! Feeding a tracker: the threads that run its queries, and when they end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rows::{Dict, Time, Value};
use vql_plugin::{Failure, Lambda, Level, Query, Scope};

use super::state::{Bounds, Change, News, Sighting};
use super::{Installed, ProcessTracker, cache, entry};

/// What a tracker is fed with.
pub(crate) struct Feed {
    pub(crate) sync: Option<Query>,
    pub(crate) period: Duration,
    pub(crate) updates: Option<Query>,
    pub(crate) bounds: Bounds,
    pub(crate) enrichments: Vec<Lambda>,
    pub(crate) cache: Option<std::path::PathBuf>,
}

/// How often a feeding thread asks whether to go on.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Makes a new tracker the one that answers, and feeds it as long as the query goes on. The first
/// list is taken before this returns.
pub(crate) fn install(feed: Feed, scope: &Scope) -> Result<(), Failure> {
    let place = ProcessTracker::of(scope)
        .ok_or("this program keeps no process tracker; an agent and `lycaon query` do")?;
    let tracker = Installed::new(feed.bounds);
    let fed = Arc::new(Fed { tracker: tracker.clone(), place, feed, scope: scope.clone() });
    if let Some(path) = &fed.feed.cache {
        fed.recall(path);
    }
    fed.take_list()?;
    fed.place.put(tracker.clone());
    // Dropped when the query is over, whoever else still holds its scope. It holds the scope that
    // holds it until then: the threads may end before the query does.
    let guard = Guard { fed: fed.clone() };
    scope.keep(&format!("process_tracker {:p}", Arc::as_ptr(&tracker)), || guard);
    if fed.feed.sync.is_some() {
        let fed = fed.clone();
        spawn("vql tracker sync", move || fed.take_lists())?;
    }
    if fed.feed.updates.is_some() {
        spawn("vql tracker updates", move || fed.take_updates())?;
    }
    Ok(())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Failure::new(format!("no thread could be started: {error}")))
}

/// Ends a tracker with the query that installed it.
struct Guard {
    fed: Arc<Fed>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.fed.tracker.over.store(true, Ordering::Relaxed);
        self.fed.place.remove(&self.fed.tracker);
        self.fed.remember();
    }
}

struct Fed {
    tracker: Arc<Installed>,
    place: Arc<ProcessTracker>,
    feed: Feed,
    scope: Scope,
}

impl Fed {
    fn log(&self, text: &str) {
        self.scope.log(Level::Default, &format!("process_tracker: {text}"));
    }

    fn now(&self) -> Time {
        Time::from(self.scope.host().clock().now())
    }

    fn goes_on(&self) -> bool {
        !self.tracker.is_over() && !self.scope.stopped()
    }

    /// Takes a list every period.
    fn take_lists(&self) {
        let mut waited = Duration::ZERO;
        while self.goes_on() {
            let step = LOOK_AGAIN.min(self.feed.period.saturating_sub(waited));
            if !step.is_zero() {
                crate::waiting::wait(step, &self.scope);
                waited += step;
                continue;
            }
            waited = Duration::ZERO;
            if let Err(failure) = self.take_list() {
                self.log(&failure.to_string());
            }
            self.remember();
        }
    }

    fn take_list(&self) -> Result<(), Failure> {
        let Some(query) = &self.feed.sync else { return Ok(()) };
        let began = self.now();
        let mut list = Vec::new();
        for row in query.rows(&self.scope) {
            if !self.goes_on() {
                return Ok(());
            }
            match entry::sighting(&row, &self.scope) {
                Ok(sighting) => list.push(self.enriched(sighting)),
                Err(wrong) => return Err(Failure::new(format!("sync_query gave {wrong}"))),
            }
        }
        // A list that could not be made does not mean that nothing runs.
        if list.is_empty() {
            return Err("sync_query gave no rows, so nothing is known to have ended".into());
        }
        let changes = self.tracker.processes.lock().sync(list, began, self.now());
        self.tell(&changes);
        self.tracker.tell_counts();
        Ok(())
    }

    fn take_updates(&self) {
        let Some(query) = &self.feed.updates else { return };
        for row in query.rows(&self.scope) {
            if !self.goes_on() {
                return;
            }
            let news = match entry::news(&row, &self.scope) {
                Ok(News::Start(sighting)) => News::Start(self.enriched(sighting)),
                Ok(exit) => exit,
                Err(wrong) => {
                    self.log(&format!("update_query gave a row that is left out: {wrong}"));
                    continue;
                }
            };
            let changes = {
                let mut processes = self.tracker.processes.lock();
                let changes = processes.apply(news, self.now());
                if self.feed.sync.is_none() {
                    processes.expire(self.now());
                }
                changes
            };
            self.tell(&changes);
        }
        if self.goes_on() {
            self.scope.log(Level::Debug, "process_tracker: update_query has ended");
        }
    }

    /// With what the lambdas add to the data of a process that is not known yet.
    fn enriched(&self, mut sighting: Sighting) -> Sighting {
        if self.feed.enrichments.is_empty() || !self.tracker.processes.lock().is_new(&sighting) {
            return sighting;
        }
        for lambda in &self.feed.enrichments {
            let process = Dict::new()
                .with("Id", sighting.id.as_str())
                .with("ParentId", sighting.parent.as_deref())
                .with("StartTime", sighting.start)
                .with("Data", sighting.data.clone());
            let more = self.scope.call(lambda, &[Value::Dict(process)]);
            match self.scope.materialise(&more) {
                Value::Dict(more) => {
                    for (name, value) in more.iter() {
                        sighting.data.set(name.clone(), value.clone());
                    }
                }
                Value::Null => {}
                other => self.log(&format!(
                    "the enrichment `{}` should give a dict not {}",
                    lambda.text,
                    other.type_name()
                )),
            }
        }
        sighting
    }

    fn tell(&self, changes: &[Change]) {
        if !changes.is_empty() {
            self.tracker.tell(changes.iter().map(entry::update).collect());
        }
    }

    fn recall(&self, path: &std::path::Path) {
        match cache::read(path) {
            Ok(list) => {
                let mut processes = self.tracker.processes.lock();
                for known in list {
                    processes.recall(known);
                }
            }
            Err(wrong) => self.log(&wrong),
        }
    }

    fn remember(&self) {
        let Some(path) = &self.feed.cache else { return };
        let rows: Vec<Dict> =
            self.tracker.processes.lock().all().into_iter().map(entry::dict).collect();
        if let Err(error) = cache::write(path, &rows) {
            self.log(&format!("cannot write the cache `{}`: {error}", path.display()));
        }
    }
}
