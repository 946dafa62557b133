//! What a local collection brought, as a folder or a zip with the layout of a server's download.
//!
//! # Invariants
//!
//! - The result appears whole or not at all: it is made beside its place, under a name that ends in
//!   `.part`.
//! - `manifest.json` names every other file with its size and SHA-256.
//! - No name inside comes unchanged from what was collected (`server::export::names`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{ExportManifest, ExportedFile};
use base::{Clock, Timestamp};
use model::collect::CompiledCollection;
use parking_lot::Mutex;
use serde_json::json;
use server::export::csv_rows;
use server::export::names::{self, Taken};
use sha2::{Digest, Sha256};
use vql_plugin::{LogLine, UploadFailed, UploadRecord, UploadRequest, Uploads};
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::complaint::{Complaint, Outcome};
use crate::machine::SystemClock;
use crate::uploads::{copy, sha256_of};

/// A collection that is being written down.
pub(super) struct Archive {
    /// Where the result shall be.
    target: PathBuf,
    /// Where it is made.
    draft: PathBuf,
    /// The folder of this machine inside, for instance `clients/web1_local`.
    folder: String,
    tables: BTreeMap<usize, Table>,
    log: Arc<Log>,
    kept: Arc<Kept>,
    started: Timestamp,
}

/// The rows of one source.
struct Table {
    source: String,
    name: String,
    columns: Vec<String>,
    rows: u64,
    out: BufWriter<File>,
}

impl Archive {
    /// Begins one; nothing may be at `target` but an empty folder.
    pub(super) fn begin(target: &Path, hostname: &str) -> Outcome<Self> {
        let is_empty_folder =
            || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
        if target.exists() && !is_empty_folder() {
            return Err(Complaint::failed(format!("{} is there already", target.display()))
                .hint("name another place, or remove it first"));
        }
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| Complaint::usage("--output needs a name for the result"))?;
        let draft = target.with_file_name(format!("{name}.part"));
        let folder = format!("clients/{}_local", names::part(hostname));
        let inside = draft.join(&folder);
        fs::create_dir_all(&inside).map_err(|e| Complaint::io("make", &inside, &e))?;
        let log_path = inside.join("log.ndjson");
        let log = File::create(&log_path).map_err(|e| Complaint::io("write", &log_path, &e))?;
        let uploads = inside.join("uploads");
        Ok(Self {
            target: target.to_owned(),
            draft,
            folder,
            tables: BTreeMap::new(),
            log: Arc::new(Log(Mutex::new((BufWriter::new(log), 0)))),
            kept: Arc::new(Kept { folder: uploads, state: Mutex::default() }),
            started: SystemClock.now(),
        })
    }

    /// Where the query's log goes.
    pub(super) fn log(&self) -> Arc<Log> {
        self.log.clone()
    }

    /// Where uploads go.
    pub(super) fn uploads(&self) -> Arc<dyn Uploads> {
        self.kept.clone()
    }

    /// One more row of a source.
    pub(super) fn row(&mut self, source: usize, name: &str, row: &rows::Row) -> Outcome {
        if let std::collections::btree_map::Entry::Vacant(free) = self.tables.entry(source) {
            let file = names::part(&name.replace('/', "."));
            let path = self.draft.join(&self.folder).join(format!("{file}.ndjson"));
            let out = File::create(&path).map_err(|e| Complaint::io("write", &path, &e))?;
            free.insert(Table {
                source: name.to_owned(),
                name: file,
                columns: Vec::new(),
                rows: 0,
                out: BufWriter::new(out),
            });
        }
        let Some(table) = self.tables.get_mut(&source) else { return Ok(()) };
        for (column, _) in row.iter() {
            if !table.columns.iter().any(|known| known == column.as_str()) {
                table.columns.push(column.to_string());
            }
        }
        table.rows += 1;
        writeln!(table.out, "{}", rows_json::row_to_json(row))
            .map_err(|e| Complaint::io("write", &self.draft, &e))
    }

    /// Completes it: tables as CSV, what was asked for, the manifest; then it gets its place. Gives
    /// the manifest.
    pub(super) fn finish(
        mut self,
        of: &CompiledCollection,
        hidden: &[String],
        outcome: &str,
    ) -> Outcome<ExportManifest> {
        let mut manifest = ExportManifest {
            manifest_version: 1,
            lycaon: env!("CARGO_PKG_VERSION").to_owned(),
            kind: "collection".to_owned(),
            name: of.artifact.clone(),
            exported: SystemClock.now().to_string(),
            clients: 1,
            ..ExportManifest::default()
        };
        let draft = self.draft.clone();
        let failed = move |e: std::io::Error| Complaint::io("write", &draft, &e);
        let counts: Vec<_> = self
            .tables
            .values()
            .map(|table| json!({"source": table.source, "rows": table.rows}))
            .collect();
        for table in std::mem::take(&mut self.tables).into_values() {
            manifest.rows += table.rows;
            manifest.files.extend(self.table(table).map_err(&failed)?);
        }
        manifest.files.push(self.log_file().map_err(&failed)?);
        for kept in std::mem::take(&mut self.kept.state.lock().files) {
            manifest.uploads += 1;
            manifest.upload_bytes += kept.size;
            let path = format!("{}/uploads/{}", self.folder, kept.path);
            manifest.files.push(ExportedFile { path, ..kept });
        }
        let asked = json!({
            "artifact": of.artifact,
            "parameters": of.environment.iter().map(|(name, text)| {
                let text = if hidden.contains(name) { "(hidden)" } else { text.as_str() };
                (name.clone(), text.to_owned())
            }).collect::<BTreeMap<_, _>>(),
            "started": self.started.to_string(),
            "finished": manifest.exported,
            "outcome": outcome,
            "sources": counts,
        });
        let name = "collection.json";
        fs::write(self.draft.join(name), format!("{asked:#}\n")).map_err(&failed)?;
        manifest.files.push(self.entry(name, "collection").map_err(&failed)?);
        let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
        fs::write(self.draft.join("manifest.json"), text).map_err(&failed)?;
        self.publish(&manifest).map_err(&failed)?;
        Ok(manifest)
    }

    /// Both forms of a table.
    fn table(&self, mut table: Table) -> std::io::Result<[ExportedFile; 2]> {
        table.out.flush()?;
        let rows = format!("{}/{}.ndjson", self.folder, table.name);
        let csv = format!("{}/{}.csv", self.folder, table.name);
        let mut out = BufWriter::new(File::create(self.draft.join(&csv))?);
        out.write_all(&csv_rows::header(&table.columns))?;
        for line in BufReader::new(File::open(self.draft.join(&rows))?).lines() {
            out.write_all(&csv_rows::json_row(&table.columns, &line?))?;
        }
        out.flush()?;
        let counted = |entry: ExportedFile| ExportedFile {
            rows: Some(table.rows),
            source: Some(table.source.clone()),
            ..entry
        };
        Ok([counted(self.entry(&rows, "rows")?), counted(self.entry(&csv, "csv")?)])
    }

    fn log_file(&self) -> std::io::Result<ExportedFile> {
        let mut log = self.log.0.lock();
        log.0.flush()?;
        let entry = self.entry(&format!("{}/log.ndjson", self.folder), "log")?;
        Ok(ExportedFile { rows: Some(log.1), ..entry })
    }

    /// A file of the draft as the manifest names it.
    fn entry(&self, path: &str, kind: &str) -> std::io::Result<ExportedFile> {
        let (sha256, size) = sha256_of(&self.draft.join(path))?;
        let (path, kind) = (path.to_owned(), kind.to_owned());
        let client = Some("local".to_owned());
        Ok(ExportedFile { path, size, sha256, kind, client, ..ExportedFile::default() })
    }

    /// The draft becomes the result.
    fn publish(&self, manifest: &ExportManifest) -> std::io::Result<()> {
        let is_zip = self.target.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
        if !is_zip {
            if self.target.exists() {
                fs::remove_dir(&self.target)?;
            }
            return fs::rename(&self.draft, &self.target);
        }
        let packed = self.draft.with_extension("zip.part");
        let mut zip = ZipWriter::new(File::create(&packed)?);
        let options = SimpleFileOptions::default().large_file(true).unix_permissions(0o600);
        let names = manifest.files.iter().map(|file| file.path.as_str());
        for name in names.chain(["manifest.json"]) {
            zip.start_file(name, options).map_err(std::io::Error::other)?;
            std::io::copy(&mut File::open(self.draft.join(name))?, &mut zip)?;
        }
        zip.finish().map_err(std::io::Error::other)?.sync_all()?;
        fs::rename(&packed, &self.target)?;
        fs::remove_dir_all(&self.draft)
    }
}

/// The query's log as JSON lines.
pub(super) struct Log(Mutex<(BufWriter<File>, u64)>);

impl Log {
    /// One more line.
    pub(super) fn line(&self, line: &LogLine) {
        let level = match line.level {
            vql_plugin::Level::Default => "INFO".to_owned(),
            level => level.to_string(),
        };
        let object = json!({
            "time": SystemClock.now().to_string(), "level": level, "text": line.text
        });
        let mut log = self.0.lock();
        // A log that cannot be written is told when the collection is completed.
        if writeln!(log.0, "{object}").is_ok() {
            log.1 += 1;
        }
    }
}

/// Uploads as files of the draft.
struct Kept {
    folder: PathBuf,
    state: Mutex<KeptState>,
}

#[derive(Default)]
struct KeptState {
    taken: Taken,
    files: Vec<ExportedFile>,
}

impl Kept {
    fn keep(&self, request: UploadRequest<'_>) -> std::io::Result<UploadRecord> {
        let original = request.name.to_string();
        let name = self.state.lock().taken.free(&names::path(&original));
        let path = self.folder.join(&name);
        let above = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(above)?;
        let mut file = tempfile::NamedTempFile::new_in(above)?;
        let mut hash = Sha256::new();
        let size = copy(request.content, file.as_file_mut(), &mut hash, request.stopped)?;
        file.persist(&path)?;
        let sha256 = hex::encode(hash.finalize());
        let mut state = self.state.lock();
        state.files.push(ExportedFile {
            path: name.clone(),
            size,
            sha256: sha256.clone(),
            kind: "upload".to_owned(),
            client: Some("local".to_owned()),
            original: Some(original),
            ..ExportedFile::default()
        });
        Ok(UploadRecord {
            path: request.name,
            components: request.components,
            size: request.size.unwrap_or(size),
            stored_size: size,
            sha256,
            md5: String::new(),
            upload_id: state.files.len().to_string(),
        })
    }
}

impl Uploads for Kept {
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed> {
        let name = request.name.to_string();
        self.keep(request).map_err(|error| UploadFailed(format!("cannot keep {name}: {error}")))
    }
}
