//! Runs the flows of one agent: several at once up to a bound, each watched for its limits.
//!
//! # Invariants
//! - **A4** an attempt that was accepted is begun at most once, and ends with exactly one status:
//!   here, or after a restart as `agent_restarted`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Clock, FlowId};
use link::{HeldFlow, Outbox, OutboxError};
use model::collect::CompiledCollection;
use model::flow::FlowFailure;
use model::results::AttemptId;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use wire::{AttemptOutcome, FlowRequest, Status, limits_of};

use super::recorder::{Recorder, RecorderParts};
use super::room::Room;
use super::window;
use crate::collector::{Collector, Evidence, Order, StopSign};
use crate::event;
use crate::labels::Labels;
use crate::tools::ToolBox;

/// How often a running flow is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a stopped evaluation may take to notice; then it is left to itself.
const GRACE: Duration = Duration::from_secs(30);

/// How long to wait before a status that could not be kept is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a runner needs.
#[derive(Clone)]
pub(crate) struct RunnerParts {
    /// Where reports go.
    pub(crate) outbox: Arc<dyn Outbox>,
    /// Tells about room in it.
    pub(crate) room: Arc<Room>,
    /// Evaluates.
    pub(crate) collector: Arc<dyn Collector>,
    /// Dates log lines.
    pub(crate) clock: Arc<dyn Clock>,
    /// For `config.Client_labels`.
    pub(crate) labels: Labels,
    /// Files that artifacts need.
    pub(crate) tools: Arc<ToolBox>,
    /// Flows that are evaluated at once.
    pub(crate) flows_at_once: usize,
}

/// Runs flows. Clones are the same runner.
#[derive(Clone)]
pub(crate) struct Runner(Arc<Inner>);

struct Inner {
    parts: RunnerParts,
    turns: Semaphore,
    running: Mutex<BTreeMap<AttemptId, Arc<Recorder>>>,
    stopping: AtomicBool,
}

impl Runner {
    /// A runner without flows.
    pub(crate) fn new(parts: RunnerParts) -> Self {
        let turns = Semaphore::new(parts.flows_at_once.max(1));
        let (running, stopping) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { parts, turns, running, stopping }))
    }

    /// Brings in order what an earlier process left: evaluations that had begun are lost, those that
    /// had not are run now.
    pub(crate) async fn recover(&self) -> Result<(), OutboxError> {
        let held = self.0.on_disk(|outbox| outbox.held()).await?;
        for HeldFlow { attempt, request, begun } in held {
            if begun {
                let failure = FlowFailure::AgentRestarted.class().to_owned();
                self.0.finish(attempt, Status { failure, ..Status::default() }).await;
            } else {
                self.start(attempt, request);
            }
        }
        Ok(())
    }

    /// Runs an accepted request. A running older attempt of the same flow is stopped.
    pub(crate) fn start(&self, attempt: AttemptId, request: FlowRequest) {
        let recorder = Arc::new(Recorder::new(RecorderParts {
            attempt,
            limits: limits_of(&request),
            outbox: Arc::clone(&self.0.parts.outbox),
            room: Arc::clone(&self.0.parts.room),
            clock: Arc::clone(&self.0.parts.clock),
            stop: StopSign::default(),
        }));
        let older: Vec<_> = {
            let mut running = self.0.running();
            running.insert(attempt, Arc::clone(&recorder));
            let first = AttemptId { flow: attempt.flow, attempt: 0 };
            running.range(first..attempt).map(|(_, recorder)| Arc::clone(recorder)).collect()
        };
        for recorder in older {
            recorder.end(AttemptOutcome::Failed(FlowFailure::Refused(
                "a newer attempt of the same flow has begun".to_owned(),
            )));
        }
        tokio::spawn(Arc::clone(&self.0).run(attempt, request, recorder));
    }

    /// Stops all attempts of a flow because the server said so.
    pub(crate) fn cancel(&self, flow: FlowId) {
        self.end_flow(flow, &AttemptOutcome::Cancelled, "the server asked for it");
    }

    /// Stops a flow whose reports the server refuses.
    pub(crate) fn give_up(&self, attempt: AttemptId, reason: &str) {
        let failure = FlowFailure::Incomplete(format!("the server refused a report: {reason}"));
        self.end_flow(attempt.flow, &AttemptOutcome::Failed(failure), reason);
    }

    fn end_flow(&self, flow: FlowId, outcome: &AttemptOutcome, reason: &str) {
        let recorders: Vec<_> = {
            let running = self.0.running();
            let of_flow = running.iter().filter(|(attempt, _)| attempt.flow == flow);
            of_flow.map(|(_, recorder)| Arc::clone(recorder)).collect()
        };
        for recorder in recorders {
            event::flow_cancelled(flow, reason);
            recorder.end(outcome.clone());
        }
    }

    /// How many flows wait or run.
    pub(crate) fn count(&self) -> usize {
        self.0.running().len()
    }

    /// The process is about to end: evaluations stop, and the next process reports them as
    /// restarted.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.turns.close();
        let recorders: Vec<_> = self.0.running().values().map(Arc::clone).collect();
        for recorder in recorders {
            recorder.end(AttemptOutcome::Failed(FlowFailure::AgentRestarted));
        }
    }
}

/// Why waiting for an evaluation ended.
enum Watched {
    Ended(Result<(), String>),
    Abandoned,
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Arc<Recorder>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the outbox something on a thread that may block.
    async fn on_disk<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Outbox) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let outbox = Arc::clone(&self.parts.outbox);
        match tokio::task::spawn_blocking(move || ask(&*outbox)).await {
            Ok(answer) => answer,
            Err(_) => Err(OutboxError::Disk {
                action: "finish a step of the spool".to_owned(),
                source: std::io::Error::other("its thread did not come back"),
            }),
        }
    }

    async fn run(
        self: Arc<Self>,
        attempt: AttemptId,
        request: FlowRequest,
        recorder: Arc<Recorder>,
    ) {
        let limits = limits_of(&request);
        let outcome = match self.wait_for_turn(&recorder, limits.timeout).await {
            Ok(_turn) => self.evaluate(attempt, request, &recorder).await,
            Err(()) => Watched::Ended(Ok(())),
        };
        if !self.stopping.load(Ordering::SeqCst) {
            let result = match outcome {
                Watched::Ended(result) => result,
                Watched::Abandoned => {
                    event::flow_abandoned(attempt);
                    Ok(())
                }
            };
            let closing = Arc::clone(&recorder);
            let closed = tokio::task::spawn_blocking(move || closing.close(result)).await;
            self.finish(attempt, closed.unwrap_or_else(|_| broken())).await;
        }
        self.running().remove(&attempt);
    }

    /// Waits until fewer flows run, within the flow's own time.
    async fn wait_for_turn(
        &self,
        recorder: &Recorder,
        timeout: Duration,
    ) -> Result<tokio::sync::SemaphorePermit<'_>, ()> {
        let mut turn = std::pin::pin!(self.turns.acquire());
        loop {
            match tokio::time::timeout(LOOK_EVERY, turn.as_mut()).await {
                Ok(turn) => return turn.map_err(|_| ()),
                Err(_) if recorder.is_stopped() => return Err(()),
                Err(_) if !timeout.is_zero() && recorder.now() >= timeout => {
                    recorder.end(AttemptOutcome::Failed(FlowFailure::Timeout));
                    return Err(());
                }
                Err(_) => {}
            }
        }
    }

    async fn evaluate(
        &self,
        attempt: AttemptId,
        request: FlowRequest,
        recorder: &Arc<Recorder>,
    ) -> Watched {
        if recorder.is_stopped() {
            return Watched::Ended(Ok(()));
        }
        if let Err(error) = self.on_disk(move |outbox| outbox.begin(attempt)).await {
            return Watched::Ended(Err(format!(
                "the agent's disk failed: {}",
                base::Chain(&error)
            )));
        }
        event::flow_began(attempt);
        let limits = limits_of(&request);
        let (mut windows, mut warnings) = (Vec::new(), Vec::new());
        let mut collections = Vec::with_capacity(request.collections.len());
        for collection in request.collections {
            match self.parts.tools.ready(&collection.tools).await {
                Ok(variables) => {
                    let asked = collection.window.clone();
                    let mut collection = CompiledCollection::from(collection);
                    collection.environment.extend(variables);
                    if let Some(asked) = asked {
                        let clock = self.parts.clock.now();
                        windows.extend(window::open(&asked, &mut collection, clock));
                        warnings.extend(window::warning(&asked, clock));
                    }
                    collections.push(collection);
                }
                Err(why) => return Watched::Ended(Err(why)),
            }
        }
        recorder.opened(windows);
        let order = Order {
            collections,
            time_max: limits.timeout,
            labels: self.parts.labels.all(),
            stop: recorder.stop_sign(),
        };
        let collector = Arc::clone(&self.parts.collector);
        let evidence = Arc::clone(recorder);
        let evaluation = tokio::task::spawn_blocking(move || {
            evidence.begin();
            for warning in warnings {
                evidence.log("WARN", &warning, false);
            }
            let result = collector.collect(order, Arc::clone(&evidence) as Arc<dyn Evidence>);
            evidence.measure();
            result
        });
        self.watch(evaluation, recorder, (limits.timeout, limits.progress_timeout)).await
    }

    /// Watches a running evaluation: its time, its progress, and whether it reacts to being stopped.
    async fn watch(
        &self,
        mut evaluation: JoinHandle<Result<(), String>>,
        recorder: &Arc<Recorder>,
        (timeout, progress_timeout): (Duration, Duration),
    ) -> Watched {
        let mut stopped_for = Duration::ZERO;
        loop {
            match tokio::time::timeout(LOOK_EVERY, &mut evaluation).await {
                Ok(Ok(result)) => return Watched::Ended(result),
                Ok(Err(panic)) => {
                    return Watched::Ended(Err(format!("the evaluation broke down: {panic}")));
                }
                Err(_) => {}
            }
            if recorder.is_stopped() {
                stopped_for += LOOK_EVERY;
                if stopped_for >= GRACE {
                    return Watched::Abandoned;
                }
            } else if !timeout.is_zero() && recorder.now() >= timeout {
                recorder.end(AttemptOutcome::Failed(FlowFailure::Timeout));
            } else if !progress_timeout.is_zero() && recorder.idle() >= progress_timeout {
                recorder.end(AttemptOutcome::Failed(FlowFailure::NoProgress));
            } else {
                let flushing = Arc::clone(recorder);
                // Not awaited: a full spool must not keep the watch from watching.
                drop(tokio::task::spawn_blocking(move || flushing.flush_stale()));
            }
        }
    }

    /// Keeps the end of an attempt, however long the disk refuses.
    async fn finish(&self, attempt: AttemptId, status: Status) {
        let rows = status.sources.iter().map(|source| source.rows).sum();
        event::flow_ended(attempt, &status.failure, &status.detail, rows);
        loop {
            let kept = status.clone();
            match self.on_disk(move |outbox| outbox.finish(attempt, kept)).await {
                Ok(_) => return self.parts.room.add(),
                Err(OutboxError::NotHeld(_)) => return,
                Err(error) => event::disk_failed("keep the end of a flow", &error),
            }
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

fn broken() -> Status {
    let outcome = FlowFailure::Incomplete("the agent's recorder broke down".to_owned());
    Status {
        failure: outcome.class().to_owned(),
        detail: outcome.detail().to_owned(),
        ..Status::default()
    }
}
