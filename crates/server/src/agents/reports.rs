//! What is done with reports: rows and logs into their store, parts of files into theirs, the end of
//! an attempt to its flow. A report's effect is durable when its verdict is there.
//!
//! Reports that come together are taken together: a small flow's receipt, rows and end are one step of
//! the records.

use base::{ClientId, UploadId};
use flows::completion::{self, SourceCount, Tally};
use flows::reports::{Burst, Report, Taken};
use flows::results::{Appended, LogBatch};
use flows::steer::{self, Ended, PartTaken, StatusReport, UploadPart};
use flows::uploads::NewUpload;
use model::flow::FlowState;
use model::results::AttemptId;
use model::store::StoreError;
use wire::{AttemptEnd, AttemptOutcome, FilePart, Reported};

use super::dialogue::flow_ended;
use super::hall::Tell;
use crate::core::Core;
use crate::live::Touched;

/// A report on its way into the records.
pub(crate) struct Pending {
    /// Its number; a receipt has none.
    pub(crate) number: Option<u64>,
    /// What the records are to take.
    pub(crate) report: Report,
}

/// What is to be done with what an agent reports.
pub(crate) enum Sorted {
    /// It can be taken together with others.
    Together(Pending),
    /// It is taken by itself: its bytes or rows go elsewhere.
    Alone(u64, AttemptId, Reported),
}

/// Sorts a report.
pub(crate) fn sort(number: u64, attempt: AttemptId, said: Reported) -> Sorted {
    let report = match said {
        Reported::Rows(batch) => Report::Rows(batch),
        Reported::Log(seq, lines) => Report::Log(LogBatch { attempt, seq, lines }),
        Reported::Ended(end) => Report::Ended(status(attempt, end)),
        Reported::Upload(_) | Reported::Events(_) => return Sorted::Alone(number, attempt, said),
    };
    Sorted::Together(Pending { number: Some(number), report })
}

/// Takes reports together. Gives the verdict on each that has a number; a verdict that is an error says
/// why the report will never be accepted. The outer error: the store failed and the agent is to send
/// all of them again.
pub(crate) async fn take_together(
    core: &Core,
    client: ClientId,
    pending: Vec<Pending>,
) -> Result<Vec<(u64, Result<(), String>)>, StoreError> {
    let (numbers, reports): (Vec<_>, Vec<_>) =
        pending.into_iter().map(|pending| (pending.number, pending.report)).unzip();
    let burst = Burst { client, reports, now: core.clock.now() };
    let taken = core.ports.reports.take(&burst).await?;
    let mut verdicts = Vec::with_capacity(numbers.len());
    for ((number, report), taken) in numbers.into_iter().zip(&burst.reports).zip(taken) {
        let verdict = note_taken(core, client, report, taken);
        verdicts.extend(number.map(|number| (number, verdict)));
    }
    Ok(verdicts)
}

/// Tells everybody who wants to know what became of a report.
fn note_taken(core: &Core, client: ClientId, report: &Report, taken: Taken) -> Result<(), String> {
    let flow = match report {
        Report::Delivered(attempt) => attempt.flow,
        Report::Rows(batch) => batch.attempt.flow,
        Report::Log(batch) => batch.attempt.flow,
        Report::Ended(report) => report.attempt.flow,
    };
    match taken {
        Taken::Delivered(true) | Taken::Appended(Appended::Stored) => {
            core.live.touch(Touched::Flow(flow));
            Ok(())
        }
        Taken::Delivered(false)
        | Taken::Appended(Appended::Duplicate)
        | Taken::Ended(Ended::Late) => Ok(()),
        Taken::Appended(Appended::Refused(why)) => Err(why.to_string()),
        Taken::Ended(Ended::NotYours) => Err(format!("this client has no flow {flow}")),
        Taken::Ended(Ended::Moved(flow)) => {
            flow_ended(core, &flow);
            if flow.life.state == FlowState::Queued {
                // The retry policy lets a direct flow run again at once.
                core.hall.tell(client, Tell::Flow(*flow));
            }
            Ok(())
        }
    }
}

/// Takes a report that is taken by itself. The inner error says why it will never be accepted; the
/// outer one that the store failed and the agent is to send it again.
pub(crate) async fn take_alone(
    core: &Core,
    client: ClientId,
    (attempt, said): (AttemptId, Reported),
) -> Result<Result<(), String>, StoreError> {
    match said {
        Reported::Upload(part) => take_part(core, client, (attempt, part)).await,
        Reported::Events(batch) => core.take_events(client, &batch).await,
        Reported::Rows(_) | Reported::Log(..) | Reported::Ended(_) => {
            Ok(Err("the server sorted this report wrongly; this is a fault in it".to_owned()))
        }
    }
}

async fn take_part(
    core: &Core,
    client: ClientId,
    (attempt, part): (AttemptId, FilePart),
) -> Result<Result<(), String>, StoreError> {
    let now = core.clock.now();
    let id = UploadId::mint(now, &mut **core.entropy.lock());
    let FilePart { number, path, accessor, declared_size, offset, data, sha256 } = part;
    let upload =
        NewUpload { id, client, attempt, number, path, accessor, declared_size, sha256: None };
    let part = UploadPart { upload, offset, data, sha256 };
    let taken = steer::take_part(&*core.ports.uploads, &*core.ports.blobs, &part, now).await?;
    Ok(match taken {
        PartTaken::Kept => Ok(()),
        PartTaken::Complete(_) => {
            core.live.touch(Touched::Flow(attempt.flow));
            Ok(())
        }
        PartTaken::Rejected(why) => Err(why),
    })
}

fn status(attempt: AttemptId, end: AttemptEnd) -> StatusReport {
    let counts = end
        .sources
        .into_iter()
        .map(|total| (total.source, SourceCount { rows: total.rows, batches: total.batches }));
    let declared = Tally {
        sources: counts.collect(),
        log_batches: end.log_batches,
        uploads: end.brought.uploads,
        upload_bytes: end.brought.upload_bytes,
    };
    StatusReport {
        attempt,
        end: match end.outcome {
            AttemptOutcome::Finished => completion::AttemptEnd::Finished,
            AttemptOutcome::Failed(failure) => completion::AttemptEnd::Failed(failure),
            AttemptOutcome::Cancelled => completion::AttemptEnd::Cancelled,
        },
        declared,
        cpu_millis: end.brought.cpu_millis,
        windows: end.windows,
    }
}
