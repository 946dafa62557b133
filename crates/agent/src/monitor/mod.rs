//! Monitoring on this machine: every source of every wanted event artifact runs for as long as it is
//! wanted, connected or not.
//!
//! A source that ends or fails is started again, later each time. A source whose precondition does not
//! hold is asked again after an hour. Each start is a run with a name of its own, within which batches
//! are numbered.
//!
//! # Invariants
//! - **A8** what runs is what the last adopted list wants; a source that both lists want alike is not
//!   disturbed by the change.
//! - **A9** a row that was put into the outbox reaches the server once, whoever is killed meanwhile;
//!   a row waits for the outbox no longer than its batch.

mod recorder;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Clock, Entropy, FlowId, SeededEntropy};
use link::Outbox;
use model::collect::{CompiledCollection, SourceMode};
use model::monitoring::{MonitoringLimits, RunId};
use prost::Message;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::{Monitored, Monitoring, monitoring_limits};

use self::recorder::{EventRecorder, EventRecorderParts};
use crate::collector::{Collector, Evidence, Order};
use crate::event;
use crate::flow::Room;
use crate::labels::Labels;
use crate::tools::ToolBox;

/// What is on disk is started after this time, so that a list that brings the process down can be
/// replaced by the server before.
const START_AFTER: Duration = Duration::from_secs(2);

/// The first and the longest pause before a source that ended runs again.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// A source that ran for so long is taken as healthy: the next pause is the shortest again.
const HEALTHY_AFTER: Duration = Duration::from_secs(600);

/// When a precondition is asked again.
const SKIPPED_PAUSE: Duration = Duration::from_secs(3_600);

/// How long a stopped evaluation may take to notice; then it is left to itself.
const GRACE: Duration = Duration::from_secs(30);

/// How long the end of the process waits for what is still to be put on disk.
const FAREWELL: Duration = Duration::from_secs(2);

/// What monitoring needs.
pub(crate) struct MonitorParts {
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) room: Arc<Room>,
    pub(crate) collector: Arc<dyn Collector>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) labels: Labels,
    pub(crate) tools: Arc<ToolBox>,
    /// For the names of runs.
    pub(crate) seed: u64,
}

/// Runs what is monitored. Clones are the same.
#[derive(Clone)]
pub(crate) struct Monitor(Arc<Inner>);

struct Inner {
    parts: MonitorParts,
    entropy: Mutex<SeededEntropy>,
    /// Names the list that is on disk.
    kept: AtomicU64,
    /// A list was adopted since the process began.
    adopted: AtomicBool,
    /// By what exactly runs.
    running: Mutex<BTreeMap<Vec<u8>, CancellationToken>>,
    tasks: TaskTracker,
}

/// One source, or all sources of an artifact that share a scope.
struct Watched {
    name: String,
    collection: CompiledCollection,
    tools: Vec<wire::Tool>,
    limits: MonitoringLimits,
}

/// How one run ended.
enum RunEnd {
    Stopped,
    /// The source needs what this machine does not have.
    Skipped,
    Ended(Result<(), String>),
}

impl Monitor {
    /// Nothing runs yet; `kept` names the list on disk.
    pub(crate) fn new(parts: MonitorParts, kept: u64) -> Self {
        let entropy = Mutex::new(SeededEntropy::new(parts.seed));
        Self(Arc::new(Inner {
            parts,
            entropy,
            kept: AtomicU64::new(kept),
            adopted: AtomicBool::new(false),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Names the list on disk.
    pub(crate) fn kept(&self) -> u64 {
        self.0.kept.load(Ordering::SeqCst)
    }

    /// This list is on disk now.
    pub(crate) fn set_kept(&self, id: u64) {
        self.0.kept.store(id, Ordering::SeqCst);
    }

    /// Starts what was on disk, a moment later, unless the server has sent something newer by then.
    pub(crate) async fn resume(self, wanted: Monitoring) {
        tokio::time::sleep(START_AFTER).await;
        if !self.0.adopted.load(Ordering::SeqCst) {
            self.adopt(&wanted);
        }
    }

    /// Runs this list from now on, and nothing else.
    pub(crate) fn adopt(&self, wanted: &Monitoring) {
        self.0.adopted.store(true, Ordering::SeqCst);
        let wanted: BTreeMap<Vec<u8>, Monitored> =
            wanted.wanted.iter().flat_map(parts_of).map(|m| (m.encode_to_vec(), m)).collect();
        let mut running = self.0.running();
        running.retain(|key, stop| {
            let stays = wanted.contains_key(key);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for (key, monitored) in wanted {
            let Some(watched) = Watched::new(monitored) else { continue };
            running.entry(key).or_insert_with(|| {
                let stop = CancellationToken::new();
                event::monitoring_began(&watched.name);
                self.0.tasks.spawn(Arc::clone(&self.0).keep_running(watched, stop.clone()));
                stop
            });
        }
    }

    /// The process is about to end: what was found until now is put on disk.
    pub(crate) async fn stop(&self) {
        self.0.adopted.store(true, Ordering::SeqCst);
        for stop in std::mem::take(&mut *self.0.running()).into_values() {
            stop.cancel();
        }
        self.0.tasks.close();
        // What does not come back in time has lost at most one batch.
        let _ = tokio::time::timeout(FAREWELL, self.0.tasks.wait()).await;
    }
}

/// Sources that run apart, so that each can be started again by itself.
fn parts_of(monitored: &Monitored) -> Vec<Monitored> {
    let Some(collection) = monitored.collection.as_ref().filter(|c| c.parallel) else {
        return vec![monitored.clone()];
    };
    let alone = |source: &wire::Source| Monitored {
        collection: Some(wire::Collection { sources: vec![source.clone()], ..collection.clone() }),
        ..monitored.clone()
    };
    collection.sources.iter().map(alone).collect()
}

impl Watched {
    fn new(monitored: Monitored) -> Option<Self> {
        let limits = monitoring_limits(&monitored);
        let mut collection = monitored.collection?;
        let tools = std::mem::take(&mut collection.tools);
        let collection = CompiledCollection::from(collection);
        let name = match (collection.mode, collection.sources.as_slice()) {
            (_, []) => return None,
            (SourceMode::Parallel | SourceMode::Serial, [first, ..]) => first.name.clone(),
        };
        Some(Self { name, collection, tools, limits })
    }
}

/// The pause after so many ends in a row.
fn pause_after(ends: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1u32.checked_shl(ends).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_run(&self) -> RunId {
        let mut entropy = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
        let entropy: &mut dyn Entropy = &mut *entropy;
        RunId(FlowId::mint(self.parts.clock.now(), entropy).bits())
    }

    async fn keep_running(self: Arc<Self>, watched: Watched, stop: CancellationToken) {
        let mut ends = 0;
        loop {
            let began = Instant::now();
            let recorder = Arc::new(EventRecorder::new(EventRecorderParts {
                run: self.new_run(),
                source: watched.name.clone(),
                limits: watched.limits.clone(),
                outbox: Arc::clone(&self.parts.outbox),
                room: Arc::clone(&self.parts.room),
                clock: Arc::clone(&self.parts.clock),
            }));
            recorder.log("INFO", "monitoring begins", false);
            let end = self.one_run(&watched, &recorder, &stop).await;
            if began.elapsed() >= HEALTHY_AFTER {
                ends = 0;
            }
            let pause = match &end {
                RunEnd::Skipped => SKIPPED_PAUSE,
                RunEnd::Stopped | RunEnd::Ended(_) => pause_after(ends),
            };
            ends += 1;
            note_end(&recorder, &end, pause);
            let closing = Arc::clone(&recorder);
            // Its thread may wait for room; the next run must not be held up by a panic in it.
            let _ = tokio::task::spawn_blocking(move || closing.close()).await;
            if matches!(end, RunEnd::Stopped) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn one_run(
        &self,
        watched: &Watched,
        recorder: &Arc<EventRecorder>,
        stop: &CancellationToken,
    ) -> RunEnd {
        let variables = tokio::select! {
            variables = self.parts.tools.ready(&watched.tools) => match variables {
                Ok(variables) => variables,
                Err(why) => return RunEnd::Ended(Err(why)),
            },
            () = stop.cancelled() => return RunEnd::Stopped,
        };
        let mut evaluation = match self.start(watched, variables, recorder) {
            Ok(evaluation) => evaluation,
            Err(error) => {
                return RunEnd::Ended(Err(format!("no thread could be started: {error}")));
            }
        };
        let mut flush_at: Option<Instant> = None;
        let mut give_up_at: Option<Instant> = None;
        let far = Instant::now() + Duration::from_secs(86_400 * 365);
        loop {
            tokio::select! {
                result = &mut evaluation => {
                    if stop.is_cancelled() {
                        return RunEnd::Stopped;
                    }
                    let broken = || Err("the evaluation broke down".to_owned());
                    let result = result.unwrap_or_else(|_| broken());
                    return match recorder.was_skipped() {
                        true => RunEnd::Skipped,
                        false => RunEnd::Ended(result),
                    };
                }
                () = stop.cancelled(), if give_up_at.is_none() => {
                    recorder.stop();
                    give_up_at = Some(Instant::now() + GRACE);
                }
                () = tokio::time::sleep_until(give_up_at.unwrap_or(far)), if give_up_at.is_some() => {
                    event::monitoring_abandoned(&watched.name);
                    return RunEnd::Stopped;
                }
                () = recorder.flush_wanted(), if flush_at.is_none() => {
                    flush_at = Some(Instant::now() + watched.limits.batch_wait);
                }
                () = tokio::time::sleep_until(flush_at.unwrap_or(far)), if flush_at.is_some() => {
                    flush_at = None;
                    let flushing = Arc::clone(recorder);
                    // Not awaited: a full outbox must not keep the watch from watching.
                    drop(tokio::task::spawn_blocking(move || flushing.flush()));
                }
            }
        }
    }

    /// Starts the evaluation on a thread of its own: it never gives back one of a pool.
    fn start(
        &self,
        watched: &Watched,
        variables: Vec<(String, String)>,
        recorder: &Arc<EventRecorder>,
    ) -> std::io::Result<oneshot::Receiver<Result<(), String>>> {
        let mut collection = watched.collection.clone();
        collection.environment.extend(variables);
        let order = Order {
            collections: vec![collection],
            time_max: Duration::ZERO,
            labels: self.parts.labels.all(),
            stop: recorder.stop_sign(),
        };
        let (collector, evidence) = (Arc::clone(&self.parts.collector), Arc::clone(recorder));
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new().name("monitoring".to_owned()).spawn(move || {
            evidence.begin();
            let result = collector.collect(order, Arc::clone(&evidence) as Arc<dyn Evidence>);
            // Nobody waits any more when it was left to itself.
            let _ = answer.send(result);
        })?;
        Ok(answered)
    }
}

/// Says in the log of the source how a run ended.
fn note_end(recorder: &EventRecorder, end: &RunEnd, pause: Duration) {
    let again = base::format_duration(pause);
    match end {
        RunEnd::Stopped => recorder.log("INFO", "monitoring ends", false),
        RunEnd::Skipped => {
            let text = format!("its precondition does not hold here; asked again in {again}");
            recorder.log("INFO", &text, false);
        }
        RunEnd::Ended(Ok(())) => {
            recorder.log("WARN", &format!("the query has ended; it runs again in {again}"), false);
        }
        RunEnd::Ended(Err(why)) => {
            recorder.log("ERROR", &format!("{why}; it runs again in {again}"), true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let secs: Vec<u64> = (0..12).map(|ends| pause_after(ends).as_secs()).collect();
        assert_eq!(secs, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(pause_after(u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn sources_with_scopes_of_their_own_run_apart() {
        let source = |name: &str| wire::Source { name: name.into(), ..wire::Source::default() };
        let collection = |parallel| wire::Collection {
            sources: vec![source("A/x"), source("A/y")],
            parallel,
            ..wire::Collection::default()
        };
        let names = |parallel| -> Vec<(String, usize)> {
            let monitored =
                Monitored { collection: Some(collection(parallel)), ..Monitored::default() };
            let watched = parts_of(&monitored).into_iter().filter_map(Watched::new);
            watched.map(|w| (w.name, w.collection.sources.len())).collect()
        };
        assert_eq!(names(true), [("A/x".to_owned(), 1), ("A/y".to_owned(), 1)]);
        assert_eq!(names(false), [("A/x".to_owned(), 2)]);
    }
}
