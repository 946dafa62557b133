//! What goes into a zip, in which order: members, then a folder for each client with its rows, its
//! log and its files, then the manifest.

use std::io;
use std::sync::Arc;

use api::{ExportManifest, ExportedFile};
use base::{Chain, FlowId, Timestamp};
use flows::results::{Scan, ScanPlace};
use hunts::ports::{MemberList, MemberSort};
use model::flow::Flow;
use model::hunt::Hunt;
use model::member::{Member, MemberState};
use model::results::{ResultScope, SourceSummary, Upload};
use model::store::{Paging, StoreError};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::pack::{Chunk, Gone, Pack};
use super::{csv_rows, names};
use crate::core::Core;

/// Which zip.
pub(crate) struct ZipWanted {
    /// Of what.
    pub(crate) subject: Subject,
    /// When its content last changed.
    pub(crate) changed: Timestamp,
    /// Bytes that are left out.
    pub(crate) skip: u64,
}

/// What is exported.
pub(crate) enum Subject {
    /// Everything that finished in the hunt's round.
    Hunt(Box<Hunt>),
    /// One flow, finished or not.
    Flow(Box<Flow>),
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Gone(#[from] Gone),
    #[error(transparent)]
    Store(#[from] StoreError),
}

const MEMBERS_PAGE: u64 = 500;
const ROWS_PIECE: u64 = 2_000;
const UPLOADS_PAGE: u64 = 200;
const LOG_PAGE: u64 = 1_000;
const UPLOAD_PIECE: usize = 256 << 10;

/// The zip's bytes.
pub(crate) fn stream(core: Arc<Core>, wanted: ZipWanted) -> ReceiverStream<Chunk> {
    let (chunks, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        let export = Export {
            pack: Pack::start(chunks.clone(), wanted.skip),
            manifest: manifest(&wanted.subject, wanted.changed),
            core,
        };
        let done = export.all(&wanted.subject).await;
        if let Err(ExportError::Store(error)) = done {
            let text = Chain(&error).to_string();
            tracing::error!(name: "export_failed", error = text, "export failed");
            // The connection breaks, so that nobody takes the zip for a whole one.
            let _ = chunks.send(Err(io::Error::other(text))).await;
        }
    });
    ReceiverStream::new(receiver)
}

fn manifest(subject: &Subject, changed: Timestamp) -> ExportManifest {
    let (kind, id, name) = match subject {
        Subject::Hunt(hunt) => ("hunt", hunt.id.to_string(), hunt.spec.name.clone()),
        Subject::Flow(flow) => ("flow", flow.id.to_string(), String::new()),
    };
    ExportManifest {
        manifest_version: 1,
        lycaon: crate::VERSION.to_owned(),
        kind: kind.to_owned(),
        id,
        name,
        exported: changed.to_string(),
        clients: 0,
        rows: 0,
        uploads: 0,
        upload_bytes: 0,
        files: Vec::new(),
    }
}

fn gone(what: &str) -> StoreError {
    StoreError::conflict(format!("{what} was deleted while it was exported"))
}

struct Export {
    core: Arc<Core>,
    pack: Pack,
    manifest: ExportManifest,
}

/// Whose folder is being filled.
struct Folder<'a> {
    flow: FlowId,
    client: String,
    path: &'a str,
}

impl Export {
    async fn all(mut self, subject: &Subject) -> Result<(), ExportError> {
        match subject {
            Subject::Hunt(hunt) => self.hunt(hunt).await?,
            Subject::Flow(flow) => self.flow(flow).await?,
        }
        self.still_there(subject).await?;
        self.finish().await
    }

    /// Whoever deletes something first makes that nobody finds it: what is still there was whole.
    async fn still_there(&self, subject: &Subject) -> Result<(), ExportError> {
        let (what, found) = match subject {
            Subject::Hunt(hunt) => {
                let found = self.core.ports.hunts.get(hunt.id).await?;
                (format!("hunt {}", hunt.id), found.is_some())
            }
            Subject::Flow(flow) => {
                let found = self.core.ports.flows.get(flow.id).await?;
                (format!("flow {}", flow.id), found.is_some())
            }
        };
        if found { Ok(()) } else { Err(gone(&what).into()) }
    }

    async fn hunt(&mut self, hunt: &Hunt) -> Result<(), ExportError> {
        self.members(hunt).await?;
        let mut offset = 0;
        loop {
            let page = self.members_page(hunt, offset).await?;
            for member in &page {
                let finished =
                    matches!(member.state, MemberState::Results(_) | MemberState::Completed);
                if let Some(flow) = member.flow.filter(|_| finished) {
                    self.client(flow, member.client).await?;
                }
            }
            offset += MEMBERS_PAGE;
            if (page.len() as u64) < MEMBERS_PAGE {
                return Ok(());
            }
        }
    }

    /// A page in the order of decisions, to which later decisions only append.
    async fn members_page(&self, hunt: &Hunt, offset: u64) -> Result<Vec<Member>, ExportError> {
        let query = MemberList {
            sort: MemberSort::Decided,
            descending: false,
            paging: Paging { offset, limit: MEMBERS_PAGE },
            ..MemberList::of(hunt.id, hunt.round)
        };
        Ok(self.core.ports.members.members(&query).await?.items)
    }

    /// Who took part, and who did not and why.
    async fn members(&mut self, hunt: &Hunt) -> Result<(), ExportError> {
        self.pack.begin("members.csv").await?;
        let columns = ["Client", "Hostname", "State", "Reason", "Flow", "Attempt", "Updated"];
        self.pack.data(&csv_rows::texts(&columns)).await?;
        let mut count = 0;
        loop {
            let page = self.members_page(hunt, count).await?;
            for member in &page {
                let line = csv_rows::texts(&[
                    &member.client.to_string(),
                    &self.hostname(member.client).await?,
                    member.state.queue().name(),
                    &member.state.reason(),
                    &member.flow.map(|flow| flow.to_string()).unwrap_or_default(),
                    &member.attempt.to_string(),
                    &member.updated.to_string(),
                ]);
                self.pack.data(&line).await?;
            }
            count += page.len() as u64;
            if (page.len() as u64) < MEMBERS_PAGE {
                break;
            }
        }
        let entry = self.pack.end().await?;
        self.manifest.files.push(ExportedFile {
            kind: "members".into(),
            rows: Some(count),
            ..entry
        });
        Ok(())
    }

    async fn hostname(&self, client: base::ClientId) -> Result<String, ExportError> {
        let record = self.core.ports.clients.get(client).await?;
        Ok(record.map(|record| record.facts.hostname).unwrap_or_default())
    }

    async fn flow(&mut self, flow: &Flow) -> Result<(), ExportError> {
        self.client(flow.id, flow.client).await
    }

    async fn client(&mut self, flow: FlowId, client: base::ClientId) -> Result<(), ExportError> {
        let hostname = self.hostname(client).await?;
        let path = format!("clients/{}_{client}", names::part(&hostname));
        let folder = Folder { flow, client: client.to_string(), path: &path };
        self.manifest.clients += 1;
        let scope = ResultScope::Flow(flow);
        for source in self.core.ports.results.sources(scope).await? {
            self.rows(&folder, &source).await?;
        }
        self.log(&folder).await?;
        self.uploads(&folder).await
    }

    /// The rows of one source, as NDJSON and as CSV.
    async fn rows(&mut self, folder: &Folder<'_>, of: &SourceSummary) -> Result<(), ExportError> {
        let name = names::part(&of.source.replace('/', "."));
        for (extension, kind) in [("ndjson", "rows"), ("csv", "csv")] {
            self.pack.begin(&format!("{}/{name}.{extension}", folder.path)).await?;
            if kind == "csv" {
                self.pack.data(&csv_rows::header(&of.columns)).await?;
            }
            let mut count = 0;
            let mut after: Option<ScanPlace> = None;
            loop {
                let scan = Scan {
                    scope: ResultScope::Flow(folder.flow),
                    source: Some(of.source.clone()),
                    after,
                    rows: ROWS_PIECE,
                };
                let piece = self.core.ports.results.scan(&scan).await?;
                for row in &piece.rows {
                    if kind == "csv" {
                        self.pack.data(&csv_rows::row(&of.columns, row)).await?;
                    } else {
                        self.pack.data(row.json.as_bytes()).await?;
                        self.pack.data(b"\n").await?;
                    }
                }
                count += piece.rows.len() as u64;
                after = piece.next;
                if after.is_none() {
                    break;
                }
            }
            if count < of.rows {
                return Err(gone(&format!("a part of flow {}", folder.flow)).into());
            }
            if kind == "rows" {
                self.manifest.rows += count;
            }
            let entry = self.pack.end().await?;
            let source = Some(of.source.clone());
            let kind = kind.to_owned();
            self.note(folder, ExportedFile { kind, rows: Some(count), source, ..entry });
        }
        Ok(())
    }

    fn note(&mut self, folder: &Folder<'_>, entry: ExportedFile) {
        let (client, flow) = (Some(folder.client.clone()), Some(folder.flow.to_string()));
        self.manifest.files.push(ExportedFile { client, flow, ..entry });
    }

    async fn log(&mut self, folder: &Folder<'_>) -> Result<(), ExportError> {
        let mut offset = 0;
        loop {
            let paging = Paging { offset, limit: LOG_PAGE };
            let page = self.core.ports.results.log(folder.flow, paging).await?;
            if page.total == 0 {
                return Ok(());
            }
            if offset == 0 {
                self.pack.begin(&format!("{}/log.ndjson", folder.path)).await?;
            }
            for line in &page.items {
                let (time, level) = (line.time.to_string(), &line.level);
                let object = json!({ "time": time, "level": level, "text": line.text });
                self.pack.data(format!("{object}\n").as_bytes()).await?;
            }
            offset += page.items.len() as u64;
            if offset >= page.total || page.items.is_empty() {
                let entry = self.pack.end().await?;
                self.note(folder, ExportedFile { kind: "log".into(), rows: Some(offset), ..entry });
                return Ok(());
            }
        }
    }

    async fn uploads(&mut self, folder: &Folder<'_>) -> Result<(), ExportError> {
        let scope = ResultScope::Flow(folder.flow);
        let mut offset = 0;
        loop {
            let paging = Paging { offset, limit: UPLOADS_PAGE };
            let page = self.core.ports.uploads.uploads(scope, paging).await?;
            for upload in &page.items {
                self.upload(folder, upload).await?;
            }
            offset += page.items.len() as u64;
            if offset >= page.total || page.items.is_empty() {
                return Ok(());
            }
        }
    }

    async fn upload(&mut self, folder: &Folder<'_>, upload: &Upload) -> Result<(), ExportError> {
        let Some(sha256) = upload.sha256 else { return Ok(()) };
        let name = format!("{}/uploads/{}", folder.path, names::path(&upload.path));
        self.pack.begin(&name).await?;
        let mut offset = 0;
        while offset < upload.size {
            let piece = self.core.ports.blobs.read(&sha256, offset, UPLOAD_PIECE).await?;
            if piece.is_empty() {
                let short = io::Error::other(format!("{offset} of {} bytes", upload.size));
                return Err(StoreError::broken(format!("read file {}", upload.id), short).into());
            }
            self.pack.data(&piece).await?;
            offset += piece.len() as u64;
        }
        let entry = self.pack.end().await?;
        self.manifest.uploads += 1;
        self.manifest.upload_bytes += upload.size;
        let original = Some(upload.path.clone());
        self.note(folder, ExportedFile { kind: "upload".into(), original, ..entry });
        Ok(())
    }

    async fn finish(mut self) -> Result<(), ExportError> {
        let text = serde_json::to_vec_pretty(&self.manifest)
            .map_err(|error| StoreError::broken("write a manifest", error))?;
        self.pack.whole("manifest.json", &text).await?;
        Ok(self.pack.finish().await?)
    }
}
