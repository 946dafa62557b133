//! Which stores a server runs on: SQLite for records, plain files for what was uploaded, Parquet files
//! for rows that rest. The only place that chooses.

use std::path::Path;
use std::sync::Arc;

use base::Chain;
use server::Ports;
use server::nodes::NodeParts;
use store_files::FileBlobs;
use store_segments::Turns;
use store_sqlite::SqliteStore;

use crate::complaint::{Complaint, Outcome};
use crate::machine::SystemClock;
use crate::segments;

/// Opens the records in a data directory; makes them when they are not there.
pub(crate) fn open_records(data: &Path) -> Outcome<SqliteStore> {
    SqliteStore::open(&data.join("records.sqlite"))
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))
}

/// Where a server keeps everything, and what makes it one node of several.
pub(crate) struct Storage {
    pub(crate) ports: Ports,
    pub(crate) nodes: NodeParts,
}

/// Opens everything in a data directory.
pub(crate) fn open(data: &Path) -> Outcome<Storage> {
    let records = Arc::new(open_records(data)?);
    let blobs = FileBlobs::open(&data.join("uploads"))
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    let place = segments::folder(data)?;
    let clock = Arc::new(SystemClock);
    let nodes = NodeParts::alone(Arc::new(records.leases(clock.clone())), clock);
    let ports = Ports {
        clients: records.clone(),
        tokens: records.clone(),
        accounts: records.clone(),
        settings: records.clone(),
        audit: records.clone(),
        flows: records.clone(),
        results: Arc::new(segments::results(records.clone(), place, Turns::Alone)),
        reports: records.clone(),
        uploads: records.clone(),
        monitoring: records.clone(),
        tools: records.clone(),
        blobs: Arc::new(blobs),
        hunts: records.clone(),
        members: records.clone(),
        admissions: records.clone(),
        roster: records.clone(),
        erasure: records,
    };
    Ok(Storage { ports, nodes })
}
