//! Takes what agents report: reads ports, asks the decisions of this crate, writes ports.
//!
//! No sockets and no tasks: the server calls these functions with what it has received, the
//! simulation does the same. Each may be called again with the same report after a crash at any
//! point, with the same end.

use std::sync::Arc;

use async_trait::async_trait;
use base::{ClientId, FlowId, Timestamp, UploadId};
use model::flow::{Flow, FlowEvent, FlowState};
use model::results::{AttemptId, Upload};
use model::store::StoreError;
use model::window::WindowRead;

use crate::completion::{AttemptEnd, Tally, outcome};
use crate::life::overdue;
use crate::ports::{FlowStep, FlowStore};
use crate::reconcile::{Differences, differences};
use crate::reports::{Burst, Report, ReportStore, Taken};
use crate::results::ResultStore;
use crate::uploads::{
    AppendError, BlobProgress, BlobStore, NewUpload, SealError, UploadBegun, UploadStore,
};
use model::flow::FlowFailure;

/// The last report of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// Which attempt.
    pub attempt: AttemptId,
    /// How it ended.
    pub end: AttemptEnd,
    /// What it brought, as the agent counts.
    pub declared: Tally,
    /// Processor time used.
    pub cpu_millis: u64,
    /// The windows that its sources have read.
    pub windows: Vec<WindowRead>,
}

/// What became of the last report of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The flow has moved; this is how it is now.
    Moved(Box<Flow>),
    /// It was over before; the report is late or repeated.
    Late,
    /// This client has no such flow.
    NotYours,
}

/// Ends an attempt, or notes that it was over before.
pub async fn end_attempt(
    flows: &dyn FlowStore,
    results: &dyn ResultStore,
    (client, report): (ClientId, &StatusReport),
    now: Timestamp,
) -> Result<Ended, StoreError> {
    let flow = flows.get(report.attempt.flow).await?.filter(|flow| flow.client == client);
    let Some(flow) = flow else { return Ok(Ended::NotYours) };
    if !flow.life.accepts(report.attempt.attempt) {
        return Ok(Ended::Late);
    }
    let received = match report.end {
        AttemptEnd::Finished => Some(results.received(report.attempt).await?),
        AttemptEnd::Failed(_) | AttemptEnd::Cancelled => None,
    };
    let step = end_step(&flow, report, received.as_ref(), now);
    let applied = flows.apply(&step).await?;
    Ok(if applied.moved { Ended::Moved(Box::new(applied.flow)) } else { Ended::Late })
}

/// The step that ends an attempt. `received` is what has arrived of one that says it has finished.
pub fn end_step(
    flow: &Flow,
    report: &StatusReport,
    received: Option<&Tally>,
    now: Timestamp,
) -> FlowStep {
    let attempt = report.attempt.attempt;
    let event = match &report.end {
        AttemptEnd::Cancelled => FlowEvent::Cancel,
        AttemptEnd::Failed(failure) => FlowEvent::Ended { attempt, outcome: Err(failure.clone()) },
        AttemptEnd::Finished => {
            let nothing = Tally::default();
            let received = received.unwrap_or(&nothing);
            let outcome = outcome(None, &report.declared, received, report.cpu_millis);
            FlowEvent::Ended { attempt, outcome }
        }
    };
    let (retry, windows) = (grants(flow, &event), report.windows.clone());
    FlowStep { flow: flow.id, event, retry, windows, now }
}

/// Takes reports one after the other: the meaning of [`crate::ReportStore::take`], and its
/// implementation where a store has none of its own.
pub async fn take_burst(
    flows: &dyn FlowStore,
    results: &dyn ResultStore,
    burst: &Burst,
) -> Result<Vec<Taken>, StoreError> {
    let (client, now) = (burst.client, burst.now);
    let mut taken = Vec::with_capacity(burst.reports.len());
    for report in &burst.reports {
        taken.push(match report {
            Report::Delivered(attempt) => {
                Taken::Delivered(note_delivery(flows, client, *attempt, now).await?)
            }
            Report::Rows(batch) => Taken::Appended(results.append(client, batch, now).await?),
            Report::Log(batch) => Taken::Appended(results.append_log(client, batch, now).await?),
            Report::Ended(report) => {
                Taken::Ended(end_attempt(flows, results, (client, report), now).await?)
            }
        });
    }
    Ok(taken)
}

/// A [`ReportStore`] over two ports that know nothing of one another.
pub struct OneByOne {
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// Rows and logs.
    pub results: Arc<dyn ResultStore>,
}

#[async_trait]
impl ReportStore for OneByOne {
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError> {
        take_burst(&*self.flows, &*self.results, burst).await
    }
}

fn grants(flow: &Flow, event: &FlowEvent) -> bool {
    match event {
        FlowEvent::Ended { attempt, outcome: Err(failure) } => flow.retry.grants(failure, *attempt),
        FlowEvent::Ended { outcome: Ok(_), .. }
        | FlowEvent::Delivered { .. }
        | FlowEvent::Cancel
        | FlowEvent::Expire
        | FlowEvent::RetryGranted => false,
    }
}

/// Notes that the agent has a request on its disk. Whether that was news.
pub async fn note_delivery(
    flows: &dyn FlowStore,
    client: ClientId,
    attempt: AttemptId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let flow = flows.get(attempt.flow).await?.filter(|flow| flow.client == client);
    let waits = flow.is_some_and(|flow| {
        flow.life.attempt == attempt.attempt && flow.life.state == FlowState::Queued
    });
    if !waits {
        return Ok(false);
    }
    let event = FlowEvent::Delivered { attempt: attempt.attempt };
    Ok(flows.apply(&FlowStep::new(attempt.flow, event, now)).await?.moved)
}

/// What to tell an agent that has connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// Send these requests, oldest first.
    pub to_send: Vec<Flow>,
    /// Tell it to stop these.
    pub to_stop: Vec<FlowId>,
}

/// Brings both sides' beliefs together when an agent connects. `held` are the attempts it says it
/// holds.
pub async fn greet(
    flows: &dyn FlowStore,
    client: ClientId,
    held: &[AttemptId],
    now: Timestamp,
) -> Result<Greeting, StoreError> {
    let live = flows.live(client).await?;
    let Differences { mut to_send, taken, lost, to_stop } = differences(&live, held);
    for attempt in taken {
        note_delivery(flows, client, attempt, now).await?;
    }
    for lost in lost {
        let outcome = Err(FlowFailure::AgentRestarted);
        let event = FlowEvent::Ended { attempt: lost.attempt, outcome };
        let retry = live.iter().any(|flow| flow.id == lost.flow && grants(flow, &event));
        let step = FlowStep { retry, ..FlowStep::new(lost.flow, event, now) };
        let applied = flows.apply(&step).await?;
        if applied.flow.life.state == FlowState::Queued {
            to_send.push(applied.flow);
        }
    }
    Ok(Greeting { to_send, to_stop: to_stop.into_iter().collect() })
}

/// Gives up flows whose time is over, up to `limit` of them. Returns those that changed: their
/// clients are to be told to stop.
pub async fn expire_overdue(
    flows: &dyn FlowStore,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Flow>, StoreError> {
    let mut expired = Vec::new();
    for flow in flows.overdue(now, limit).await? {
        if !overdue(&flow, now) {
            continue;
        }
        let step = FlowStep::new(flow.id, FlowEvent::Expire, now);
        let applied = flows.apply(&step).await?;
        if applied.moved {
            expired.push(applied.flow);
        }
    }
    Ok(expired)
}

/// Gives up files that will never be complete, up to `limit` of them, with the bytes they hold.
/// Returns how many there were.
pub async fn sweep_uploads(
    uploads: &dyn UploadStore,
    blobs: &dyn BlobStore,
    limit: u64,
) -> Result<usize, StoreError> {
    let abandoned = uploads.abandoned(limit).await?;
    for id in &abandoned {
        // The bytes first: a record without bytes is found again, bytes without a record are not.
        blobs.discard(*id).await?;
        uploads.give_up(*id).await?;
    }
    Ok(abandoned.len())
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPart {
    /// Which file; its id counts only when the file is new.
    pub upload: NewUpload,
    /// Where the part begins.
    pub offset: u64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// With the last part: the hash of the whole file.
    pub sha256: Option<[u8; 32]>,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartTaken {
    /// Its bytes are durable.
    Kept,
    /// The file is complete.
    Complete(Upload),
    /// It will never be accepted; the text is for the agent's log.
    Rejected(String),
}

/// Keeps a part of a file, and completes the file with the last one.
pub async fn take_part(
    uploads: &dyn UploadStore,
    blobs: &dyn BlobStore,
    part: &UploadPart,
    now: Timestamp,
) -> Result<PartTaken, StoreError> {
    // With its hash the content is spoken for from here on: nobody takes it away before it is noted.
    let announced = NewUpload { sha256: part.sha256, ..part.upload.clone() };
    let (id, declared_size) = match uploads.begin(&announced).await? {
        UploadBegun::Open { id, declared_size } => (id, declared_size),
        UploadBegun::Complete(upload) => return Ok(PartTaken::Complete(upload)),
        UploadBegun::Refused(refusal) => return Ok(PartTaken::Rejected(refusal.to_string())),
    };
    if let BlobProgress::Open { .. } = blobs.open(id).await? {
        match blobs.append(id, part.offset, &part.data, declared_size).await {
            Ok(_) | Err(AppendError::Sealed) => {}
            Err(AppendError::Store(error)) => return Err(error),
            Err(refusal @ (AppendError::Gap { .. } | AppendError::TooLong { .. })) => {
                return Ok(PartTaken::Rejected(refusal.to_string()));
            }
        }
    }
    match part.sha256 {
        None => Ok(PartTaken::Kept),
        Some(sha256) => complete(uploads, blobs, (id, sha256), now).await,
    }
}

async fn complete(
    uploads: &dyn UploadStore,
    blobs: &dyn BlobStore,
    (id, sha256): (UploadId, [u8; 32]),
    now: Timestamp,
) -> Result<PartTaken, StoreError> {
    match blobs.seal(id, sha256).await {
        Ok(blob) => {
            let upload = uploads.finish(id, blob, now).await?;
            blobs.discard(id).await?;
            Ok(PartTaken::Complete(upload))
        }
        Err(SealError::Store(error)) => Err(error),
        Err(refusal @ SealError::WrongHash) => {
            uploads.give_up(id).await?;
            blobs.discard(id).await?;
            Ok(PartTaken::Rejected(refusal.to_string()))
        }
    }
}
