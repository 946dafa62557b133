//! `lycaon migrate`: an installation of one node moves to PostgreSQL and an object store.
//!
//! # Invariants
//!
//! - The source is locked and only read; one that a server uses is refused.
//! - The target is empty, or holds the beginning of a copy of the same source: then it goes on there.
//! - Content comes before the records that name it, and is checked against its hash by the target.
//! - Nothing is dropped: a table or column that the target does not know is refused, unless it says nothing.

use std::path::{Path, PathBuf};

use base::{Chain, Clock, UploadId};
use clap::Args;
use flows::BlobStore;
use server::config::ServerConfig;
use store_files::FileBlobs;
use store_postgres::{ImportTable, RecordStore};
use store_sqlite::Dump;

use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::machine::{SystemClock, SystemEntropy};
use crate::remote::block_on;
use crate::storage::Files;
use crate::{serve, storage};

/// Copy an installation of one node to PostgreSQL and an object store
///
/// Stop the server first. A copy that was interrupted goes on when the command is given again. Files that
/// were still arriving are not copied: their agents collect again.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon migrate --from /srv/lycaon/data --to /etc/lycaon/server.yaml"
)]
pub(crate) struct MigrateArgs {
    /// The data directory of the installation
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The configuration of a node, with `store.postgres` and `objects`
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// What was copied.
#[derive(Debug, Default)]
pub(crate) struct Migrated {
    pub(crate) records: u64,
    pub(crate) files: u64,
}

/// Records that travel together; fewer of those that hold rows.
const RECORDS_MAX: u64 = 5_000;
const ROW_RECORDS_MAX: u64 = 200;
/// Bytes of a file that travel together.
const PIECE: usize = 4 << 20;

pub(crate) fn run(args: MigrateArgs) -> Outcome {
    let config = serve::read_config(&args.to)?;
    let migrated = block_on(migrate(&args.from, &config))?;
    note(&format!(
        "copied and counted again: {} records, {} files. {} is as it was.",
        migrated.records,
        migrated.files,
        args.from.display()
    ));
    Ok(())
}

fn told(error: &dyn std::error::Error) -> Complaint {
    Complaint::failed(Chain(error).to_string())
}

/// Copies everything, or what is left of it.
pub(crate) async fn migrate(from: &Path, config: &ServerConfig) -> Outcome<Migrated> {
    let file = from.join("records.sqlite");
    if !file.is_file() {
        return Err(Complaint::failed(format!("there are no records in {}", from.display()))
            .hint("`--from` names the data directory, in which `records.sqlite` lies"));
    }
    let Some(postgres) = &config.store.postgres else {
        return Err(Complaint::failed("the configuration has no `store.postgres`")
            .hint("`--to` names the configuration of a node; see docs/DEPLOY.md"));
    };
    let dump = Dump::open(&file).map_err(|error| told(&error))?;
    let store = storage::open_postgres(postgres).await?;
    let tables = store.import_tables().await.map_err(|error| told(&error))?;
    let plan = plan(&dump, tables)?;
    let source = file.canonicalize().unwrap_or(file).display().to_string();
    let taken: Vec<ImportTable> = plan.iter().map(|(table, _)| table.clone()).collect();
    let goes_on = store.import_begin(&source, &taken).await.map_err(|error| told(&error))?;
    if goes_on {
        note("going on with a copy that was interrupted");
    }
    let files = copy_files(&dump, from, config).await?;
    let mut migrated = Migrated { files, records: 0 };
    for (table, columns) in &plan {
        migrated.records += copy_table(&dump, &store, (table, columns)).await?;
    }
    store.import_end(&taken).await.map_err(|error| told(&error))?;
    Ok(migrated)
}

/// Which columns of which tables are copied; refuses when the two stores do not fit.
fn plan(dump: &Dump, tables: Vec<ImportTable>) -> Outcome<Vec<(ImportTable, Vec<String>)>> {
    let misfit = |what: String| {
        Complaint::failed(format!("the two stores of this program do not fit: {what}"))
            .hint("this is a fault of the program; nothing was copied")
    };
    let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let given = dump.tables().map_err(|error| told(&error))?;
    for unknown in given.iter().filter(|name| !known.contains(&name.as_str())) {
        if dump.count(unknown).map_err(|error| told(&error))? > 0 {
            return Err(misfit(format!("nothing takes the table `{unknown}`")));
        }
    }
    let mut plan = Vec::new();
    for table in tables {
        let mut there = dump.columns(&table.name).map_err(|error| told(&error))?;
        if there.is_empty() {
            continue;
        }
        let taken = |name: &String| table.columns.iter().any(|column| column.name == *name);
        for lost in there.iter().filter(|name| !taken(name)) {
            if !dump.says_nothing(&table.name, lost).map_err(|error| told(&error))? {
                return Err(misfit(format!("nothing takes `{lost}` of `{}`", table.name)));
            }
        }
        there.retain(|name| taken(name));
        let missing =
            table.columns.iter().find(|column| column.needed && !there.contains(&column.name));
        if let Some(missing) = missing {
            return Err(misfit(format!("`{}` needs a column `{}`", table.name, missing.name)));
        }
        plan.push((table, there));
    }
    Ok(plan)
}

async fn copy_table(
    dump: &Dump,
    store: &RecordStore,
    (table, columns): (&ImportTable, &[String]),
) -> Outcome<u64> {
    let failed = |error: model::store::StoreError| told(&error);
    let name = &table.name;
    let limit = if name.ends_with("batches") { ROW_RECORDS_MAX } else { RECORDS_MAX };
    let mut last = store.import_progress(name).await.map_err(failed)?.last;
    loop {
        let what = (columns, table.key.as_slice());
        let page = dump.page(name, what, last.as_deref(), limit).map_err(failed)?;
        let Some(reached) = page.last else { break };
        store.import((table, columns), &page.records, &reached).await.map_err(failed)?;
        last = Some(reached);
    }
    let (wanted, found) =
        (dump.count(name).map_err(failed)?, store.import_count(name).await.map_err(failed)?);
    if wanted != found {
        return Err(Complaint::failed(format!(
            "`{name}` has {wanted} records in the source and {found} in the target"
        ))
        .hint("empty the database and begin again; was something else writing into it?"));
    }
    Ok(found)
}

/// Copies content that the target does not have yet.
async fn copy_files(dump: &Dump, from: &Path, config: &ServerConfig) -> Outcome<u64> {
    let failed = |error: &dyn std::error::Error| told(error);
    let source = FileBlobs::open(&from.join("uploads")).map_err(|error| told(&error))?;
    let Files { blobs: target, segments, .. } = storage::open_files(config).await?;
    let rested = from.join("segments");
    if rested.is_dir() {
        let copied = store_objects::copy_folder(&rested, &segments).await;
        copied.map_err(|error| told(&error))?;
    }
    let contents = dump.contents().map_err(|error| told(&error))?;
    for sha256 in &contents {
        let size = source.size(sha256).await.map_err(|error| failed(&error))?;
        let Some(size) = size else {
            let what = format!("the source has no content {}", hex::encode(sha256));
            return Err(Complaint::failed(what).hint("put its `uploads` folder back from a backup"));
        };
        if target.size(sha256).await.map_err(|error| failed(&error))? == Some(size) {
            continue;
        }
        let id = UploadId::mint(SystemClock.now(), &mut SystemEntropy);
        target.open(id).await.map_err(|error| failed(&error))?;
        let mut offset = 0;
        while offset < size {
            let piece = source.read(sha256, offset, PIECE).await.map_err(|e| failed(&e))?;
            if piece.is_empty() {
                return Err(Complaint::failed(format!(
                    "the content {} is shorter than it was",
                    hex::encode(sha256)
                )));
            }
            offset = target.append(id, offset, &piece, size).await.map_err(|e| failed(&e))?;
        }
        target.seal(id, *sha256).await.map_err(|error| failed(&error))?;
        target.discard(id).await.map_err(|error| failed(&error))?;
    }
    Ok(contents.len() as u64)
}
