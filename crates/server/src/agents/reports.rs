//! What is done with reports: rows and logs into their store, parts of files into theirs, the end of
//! an attempt to its flow. A report's effect is durable when [`take`] returns.

use base::{ClientId, UploadId};
use flows::completion::{self, SourceCount, Tally};
use flows::results::{Appended, LogBatch};
use flows::steer::{self, Ended, PartTaken, StatusReport, UploadPart};
use flows::uploads::NewUpload;
use model::flow::FlowState;
use model::results::{AttemptId, RowBatch};
use model::store::StoreError;
use wire::{AttemptEnd, AttemptOutcome, FilePart, Reported};

use super::dialogue::flow_ended;
use super::hall::Tell;
use crate::core::Core;
use crate::live::Touched;

/// Takes a report. The inner error says why it will never be accepted; the outer one that the store
/// failed and the agent is to send it again.
pub(crate) async fn take(
    core: &Core,
    client: ClientId,
    (attempt, said): (AttemptId, Reported),
) -> Result<Result<(), String>, StoreError> {
    match said {
        Reported::Rows(batch) => take_rows(core, client, &batch).await,
        Reported::Log(seq, lines) => {
            let batch = LogBatch { attempt, seq, lines };
            let now = core.clock.now();
            Ok(verdict(core.ports.results.append_log(client, &batch, now).await?))
        }
        Reported::Upload(part) => take_part(core, client, (attempt, part)).await,
        Reported::Events(batch) => core.take_events(client, &batch).await,
        Reported::Ended(end) => take_end(core, client, (attempt, end)).await,
    }
}

fn verdict(appended: Appended) -> Result<(), String> {
    match appended {
        Appended::Stored | Appended::Duplicate => Ok(()),
        Appended::Refused(why) => Err(why.to_string()),
    }
}

async fn take_rows(
    core: &Core,
    client: ClientId,
    batch: &RowBatch,
) -> Result<Result<(), String>, StoreError> {
    let appended = core.ports.results.append(client, batch, core.clock.now()).await?;
    if appended == Appended::Stored {
        core.live.touch(Touched::Flow(batch.attempt.flow));
    }
    Ok(verdict(appended))
}

async fn take_part(
    core: &Core,
    client: ClientId,
    (attempt, part): (AttemptId, FilePart),
) -> Result<Result<(), String>, StoreError> {
    let now = core.clock.now();
    let id = UploadId::mint(now, &mut **core.entropy.lock());
    let FilePart { number, path, accessor, declared_size, offset, data, sha256 } = part;
    let upload = NewUpload { id, client, attempt, number, path, accessor, declared_size };
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

async fn take_end(
    core: &Core,
    client: ClientId,
    (attempt, end): (AttemptId, AttemptEnd),
) -> Result<Result<(), String>, StoreError> {
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
    let report = StatusReport {
        attempt,
        end: match end.outcome {
            AttemptOutcome::Finished => completion::AttemptEnd::Finished,
            AttemptOutcome::Failed(failure) => completion::AttemptEnd::Failed(failure),
            AttemptOutcome::Cancelled => completion::AttemptEnd::Cancelled,
        },
        declared,
        cpu_millis: end.brought.cpu_millis,
        windows: end.windows,
    };
    let (flows, results) = (&*core.ports.flows, &*core.ports.results);
    let now = core.clock.now();
    Ok(match steer::end_attempt(flows, results, (client, &report), now).await? {
        Ended::Moved(flow) => {
            flow_ended(core, &flow);
            if flow.life.state == FlowState::Queued {
                // The retry policy lets a direct flow run again at once.
                core.hall.tell(client, Tell::Flow(*flow));
            }
            Ok(())
        }
        Ended::Late => Ok(()),
        Ended::NotYours => Err(format!("this client has no flow {}", attempt.flow)),
    })
}
