//! Tries what has failed again and again, until it works: so trouble ends by itself, also when no agent
//! and no person does anything.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, UploadId};
use fleet::nodes::Node;
use tokio_util::sync::CancellationToken;

use super::trouble::{Cause, Place};
use crate::core::Core;
use crate::nodes::{duties, pulse};

/// Between two trials.
const PAUSE: Duration = Duration::from_secs(1);

/// So many bytes show that there is room for something.
const TRIAL_BYTES: usize = 64 << 10;

/// Waits for trouble until `stop`. `data` is the folder of this server.
pub(crate) async fn run(core: Arc<Core>, node: Node, data: PathBuf, stop: CancellationToken) {
    let records = async {
        loop {
            core.troubles.begun(Place::Records).await;
            until_records_work(&core, &node, &data).await;
        }
    };
    let files = async {
        loop {
            core.troubles.begun(Place::Files).await;
            until_files_work(&core).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = records => {}
        () = files => {}
    }
}

async fn until_records_work(core: &Arc<Core>, node: &Node, data: &Path) {
    while core.troubles.is_in(Place::Records) {
        let disk = try_disk(data.to_owned()).await;
        if disk != Cause::Unknown {
            core.troubles.note(Place::Records, disk, None);
        } else if try_records(core, node).await {
            core.troubles.worked(Place::Records);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What keeps this server from writing a file, where that is known: records in a file cannot say it so well.
async fn try_disk(data: PathBuf) -> Cause {
    let tried = tokio::task::spawn_blocking(move || {
        let path = data.join(".write-probe");
        let written = std::fs::File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; TRIAL_BYTES])?;
            file.sync_all()
        });
        // Whatever was written goes; a folder that is not there has nothing to remove.
        let _ = std::fs::remove_file(&path);
        written
    });
    match tried.await {
        Ok(Err(error)) => Cause::of(&error),
        Ok(Ok(())) | Err(_) => Cause::Unknown,
    }
}

/// Reads a record and writes those that this node writes all the time.
async fn try_records(core: &Arc<Core>, node: &Node) -> bool {
    let tried = async {
        core.ports.clients.get(ClientId::from_bits(0)).await?;
        duties::renew(core).await?;
        pulse::beat(core, node).await
    };
    match tried.await {
        Ok(_) => true,
        Err(error) => {
            core.note_trouble(&error);
            false
        }
    }
}

async fn until_files_work(core: &Core) {
    while core.troubles.is_in(Place::Files) {
        if try_files(core).await {
            core.troubles.worked(Place::Files);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes a file that is never completed, and takes it away. Failures are noted by whoever watches the files.
async fn try_files(core: &Core) -> bool {
    let blobs = &core.ports.blobs;
    let id = UploadId::from_bits(core.nodes.id.bits());
    let written = blobs.open(id).await.is_ok() && blobs.append(id, 0, b"lycaon", 6).await.is_ok();
    written && blobs.discard(id).await.is_ok()
}
