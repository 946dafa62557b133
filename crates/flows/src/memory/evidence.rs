//! Rows, logs and files in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp, UploadId};
use model::flow::{Flow, FlowOrigin, FlowState};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultRow, ResultScope,
    RowBatch, SourceSummary, Upload,
};
use model::store::{Page, Paging, StoreError};

use super::{MemFlows, Records};
use crate::completion::{SourceCount, Tally};
use crate::facets::FacetCounter;
use crate::query::{Origin, Sifter, check, note_columns, on_one_line};
use crate::results::{
    Appended, BatchRefusal, LogBatch, ResultStore, RowRecount, Scan, ScanPiece, ScanPlace,
};
use crate::uploads::{Blob, NewUpload, UploadBegun, UploadStore, UploadsSoFar, admit};

#[derive(Default)]
pub(super) struct Evidence {
    /// By arrival number, from 1.
    pub(super) batches: BTreeMap<u64, StoredBatch>,
    newest: u64,
    pub(super) sources: BTreeMap<(AttemptId, String), KeptSource>,
    pub(super) logs: BTreeMap<AttemptId, (u64, Vec<LogLine>)>,
    /// In order of arrival, with their declared sizes.
    pub(super) uploads: Vec<(Upload, u64)>,
    /// Which content incomplete files were announced with.
    pub(super) announced: BTreeMap<UploadId, [u8; 32]>,
    /// Content that nobody refers to.
    pub(super) condemned: BTreeSet<[u8; 32]>,
}

pub(super) struct StoredBatch {
    pub(super) client: ClientId,
    pub(super) round: Option<u32>,
    pub(super) stored: Timestamp,
    pub(super) batch: RowBatch,
}

#[derive(Default)]
pub(super) struct KeptSource {
    count: SourceCount,
    columns: Vec<String>,
}

/// The flow, when it is the client's own and accepts the attempt.
fn live_flow(
    flow: Option<&Flow>,
    client: ClientId,
    attempt: AttemptId,
) -> Result<&Flow, BatchRefusal> {
    let flow =
        flow.filter(|flow| flow.client == client).ok_or(BatchRefusal::NotYours(attempt.flow))?;
    if flow.life.accepts(attempt.attempt) { Ok(flow) } else { Err(BatchRefusal::Over(attempt)) }
}

impl Records {
    /// Whether a row, log or file of this attempt belongs to a scope.
    pub(super) fn is_in(&self, scope: ResultScope, attempt: AttemptId) -> bool {
        let Some(flow) = self.flows.get(&attempt.flow) else { return false };
        let current = flow.life.attempt == attempt.attempt;
        let finished = current && matches!(flow.life.state, FlowState::Done(_));
        match scope {
            ResultScope::Flow(id) => current && flow.id == id,
            ResultScope::Hunt { hunt, round } => {
                finished && flow.origin == FlowOrigin::Hunt { hunt, round }
            }
            ResultScope::Rounds(wanted) => {
                finished && matches!(flow.origin, FlowOrigin::Hunt { hunt, .. } if hunt == wanted)
            }
        }
    }

    fn append(
        &mut self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, BatchRefusal> {
        let owned = self.flows.get(&batch.attempt.flow).filter(|flow| flow.client == client);
        let key = (batch.attempt, batch.source.clone());
        let next = self.evidence.sources.get(&key).map_or(0, |source| source.count.batches);
        if owned.is_some() && batch.seq < next {
            return Ok(Appended::Duplicate);
        }
        let flow = live_flow(owned, client, batch.attempt)?;
        let rows_max = flow.limits.rows_max;
        let round = match flow.origin {
            FlowOrigin::Hunt { round, .. } => Some(round),
            FlowOrigin::Direct => None,
        };
        if batch.seq > next {
            return Err(BatchRefusal::Gap { expected: next, found: batch.seq });
        }
        let before: u64 = self
            .evidence
            .sources
            .iter()
            .filter(|((attempt, _), _)| *attempt == batch.attempt)
            .map(|(_, source)| source.count.rows)
            .sum();
        if rows_max > 0 && before + batch.rows.len() as u64 > rows_max {
            return Err(BatchRefusal::RowLimit { rows_max });
        }
        let held = self.evidence.sources.get(&key);
        let mut columns = held.map(|source| source.columns.clone()).unwrap_or_default();
        for (index, row) in batch.rows.iter().enumerate() {
            note_columns(row, &mut columns).map_err(|why| BatchRefusal::BadRow { index, why })?;
        }
        let count = SourceCount {
            rows: held.map_or(0, |source| source.count.rows) + batch.rows.len() as u64,
            batches: next + 1,
        };
        self.evidence.sources.insert(key, KeptSource { count, columns });
        let rows = batch.rows.iter().map(|row| on_one_line(row).into_owned()).collect();
        let batch = RowBatch { rows, ..batch.clone() };
        self.evidence.newest += 1;
        let arrival = self.evidence.newest;
        self.evidence.batches.insert(arrival, StoredBatch { client, round, stored: now, batch });
        Ok(Appended::Stored)
    }

    pub(super) fn batches_in(
        &self,
        scope: ResultScope,
        source: Option<&str>,
    ) -> impl Iterator<Item = (u64, &StoredBatch)> {
        let batches = self.evidence.batches.iter().map(|(arrival, held)| (*arrival, held));
        batches.filter(move |(_, held)| {
            source.is_none_or(|source| held.batch.source == source)
                && self.is_in(scope, held.batch.attempt)
        })
    }
}

impl StoredBatch {
    fn rows(&self) -> impl Iterator<Item = ResultRow> {
        self.batch.rows.iter().map(|json| ResultRow {
            client: self.client,
            flow: self.batch.attempt.flow,
            round: self.round,
            source: self.batch.source.clone(),
            stored: self.stored,
            json: json.clone(),
        })
    }
}

/// The texts that the rows of a batch are compared with, besides their own columns.
struct Names {
    client: String,
    hostname: String,
    flow: String,
}

impl Names {
    fn of(flows: &MemFlows, held: &StoredBatch) -> Self {
        Self {
            client: held.client.to_string(),
            hostname: flows.hostname(held.client),
            flow: held.batch.attempt.flow.to_string(),
        }
    }

    fn origin<'a>(&'a self, held: &'a StoredBatch) -> Origin<'a> {
        Origin {
            client: &self.client,
            hostname: &self.hostname,
            flow: &self.flow,
            round: held.round,
            source: &held.batch.source,
            stored: held.stored,
            observed: None,
        }
    }
}

#[async_trait]
impl ResultStore for MemFlows {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        Ok(self.records.lock().append(client, batch, now).unwrap_or_else(Appended::Refused))
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        _now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let mut records = self.records.lock();
        let owned = records.flows.get(&batch.attempt.flow).filter(|flow| flow.client == client);
        let next = records.evidence.logs.get(&batch.attempt).map_or(0, |(next, _)| *next);
        if owned.is_some() && batch.seq < next {
            return Ok(Appended::Duplicate);
        }
        if let Err(refusal) = live_flow(owned, client, batch.attempt) {
            return Ok(Appended::Refused(refusal));
        }
        if batch.seq > next {
            let refusal = BatchRefusal::Gap { expected: next, found: batch.seq };
            return Ok(Appended::Refused(refusal));
        }
        let (held, lines) = records.evidence.logs.entry(batch.attempt).or_default();
        *held = next + 1;
        lines.extend(batch.lines.iter().cloned());
        Ok(Appended::Stored)
    }

    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError> {
        let records = self.records.lock();
        let evidence = &records.evidence;
        let sources = evidence
            .sources
            .iter()
            .filter(|((of, _), _)| *of == attempt)
            .map(|((_, name), source)| (name.clone(), source.count))
            .collect();
        let complete = evidence
            .uploads
            .iter()
            .map(|(upload, _)| upload)
            .filter(|upload| upload.attempt == attempt && upload.sha256.is_some());
        let (uploads, upload_bytes) =
            complete.fold((0, 0), |(files, bytes), upload| (files + 1, bytes + upload.size));
        let log_batches = evidence.logs.get(&attempt).map_or(0, |(next, _)| *next);
        Ok(Tally { sources, log_batches, uploads, upload_bytes })
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        check(query)?;
        let records = self.records.lock();
        let mut sifter = Sifter::new(query);
        for (_, held) in records.batches_in(query.scope, query.source.as_deref()) {
            let names = Names::of(self, held);
            for row in held.rows() {
                let json = row.json.clone();
                sifter.offer(names.origin(held), &json, || row);
            }
        }
        Ok(sifter.finish())
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        let records = self.records.lock();
        let mut counter = FacetCounter::new(query)?;
        for (_, held) in records.batches_in(query.of.scope, query.of.source.as_deref()) {
            let names = Names::of(self, held);
            for json in &held.batch.rows {
                counter.offer(held.client, names.origin(held), json)?;
            }
        }
        Ok(counter.finish())
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        let records = self.records.lock();
        let mut found: BTreeMap<&str, SourceSummary> = BTreeMap::new();
        for ((attempt, name), source) in &records.evidence.sources {
            if !records.is_in(scope, *attempt) {
                continue;
            }
            let summary = found.entry(name).or_insert_with(|| SourceSummary {
                source: name.clone(),
                rows: 0,
                columns: Vec::new(),
            });
            summary.rows += source.count.rows;
            for column in &source.columns {
                if !summary.columns.contains(column) {
                    summary.columns.push(column.clone());
                }
            }
        }
        Ok(found.into_values().collect())
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        let records = self.records.lock();
        let attempt = records.flows.get(&flow).map_or(1, |flow| flow.life.attempt);
        let lines = records.evidence.logs.get(&AttemptId { flow, attempt });
        Ok(Page::cut(lines.map(|(_, lines)| lines.clone()).unwrap_or_default(), paging))
    }

    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError> {
        let records = self.records.lock();
        let mut piece = ScanPiece::default();
        let after = |(at, _): &(u64, &StoredBatch)| scan.after.is_none_or(|place| *at > place.0);
        let mut last = None;
        for (at, held) in records.batches_in(scan.scope, scan.source.as_deref()).filter(after) {
            if piece.rows.len() as u64 >= scan.rows.max(1) {
                piece.next = last;
                break;
            }
            piece.rows.extend(held.rows());
            last = Some(ScanPlace(at));
        }
        Ok(piece)
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        let records = self.records.lock();
        let declared = records
            .flows
            .values()
            .filter(|flow| {
                records.is_in(scope, AttemptId { flow: flow.id, attempt: flow.life.attempt })
            })
            .map(|flow| match &flow.life.state {
                FlowState::Done(brought) => brought.rows,
                FlowState::Queued
                | FlowState::Running
                | FlowState::Failed(_)
                | FlowState::Cancelled
                | FlowState::Expired => 0,
            })
            .sum();
        let sources = &records.evidence.sources;
        let kept = sources
            .iter()
            .filter(|((attempt, _), _)| records.is_in(scope, *attempt))
            .map(|(_, source)| source.count.rows)
            .sum();
        let batches = records.batches_in(scope, None);
        let counted = batches.map(|(_, held)| held.batch.rows.len() as u64).sum();
        Ok(RowRecount { declared, kept, counted })
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        let mut records = self.records.lock();
        records.segments.doom_hunt(hunt, now);
        let of_hunt = |flow: FlowId, records: &Records| {
            let origin = records.flows.get(&flow).map(|flow| flow.origin);
            matches!(origin, Some(FlowOrigin::Hunt { hunt: of, .. }) if of == hunt)
        };
        let batches = records.evidence.batches.iter();
        let of_it = batches.filter(|(_, held)| of_hunt(held.batch.attempt.flow, &records));
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let gone: Vec<u64> = of_it.map(|(arrival, _)| *arrival).take(limit).collect();
        for arrival in &gone {
            records.evidence.batches.remove(arrival);
        }
        if gone.len() == limit {
            return Ok(true);
        }
        let logs = records.evidence.logs.keys().copied();
        let logs: Vec<AttemptId> = logs.filter(|of| of_hunt(of.flow, &records)).collect();
        let sources = records.evidence.sources.keys().cloned();
        let sources: Vec<_> = sources.filter(|(of, _)| of_hunt(of.flow, &records)).collect();
        logs.iter().for_each(|of| drop(records.evidence.logs.remove(of)));
        sources.iter().for_each(|of| drop(records.evidence.sources.remove(of)));
        Ok(false)
    }
}

#[async_trait]
impl UploadStore for MemFlows {
    async fn begin(&self, new: &NewUpload) -> Result<UploadBegun, StoreError> {
        let mut records = self.records.lock();
        let owned = records.flows.get(&new.attempt.flow).filter(|flow| flow.client == new.client);
        let of_attempt = |held: &&(Upload, u64)| held.0.attempt == new.attempt;
        let uploads = &records.evidence.uploads;
        let known = uploads.iter().filter(of_attempt).find(|held| held.0.number == new.number);
        if let Some((upload, _)) = known.filter(|_| owned.is_some())
            && upload.sha256.is_some()
        {
            return Ok(UploadBegun::Complete(upload.clone()));
        }
        let so_far = uploads.iter().filter(of_attempt).fold(
            UploadsSoFar::default(),
            |sum, (upload, declared)| UploadsSoFar {
                files: sum.files + 1,
                bytes: sum.bytes + if upload.sha256.is_some() { upload.size } else { *declared },
            },
        );
        if let Some((upload, declared_size)) = known {
            let unsized_again = NewUpload { declared_size: 0, ..new.clone() };
            let (id, declared_size) = (upload.id, *declared_size);
            return match admit(owned, &unsized_again, UploadsSoFar::default()) {
                Ok(()) => {
                    records.announce(id, new.sha256)?;
                    Ok(UploadBegun::Open { id, declared_size })
                }
                Err(refusal) => Ok(UploadBegun::Refused(refusal)),
            };
        }
        if let Err(refusal) = admit(owned, new, so_far) {
            return Ok(UploadBegun::Refused(refusal));
        }
        records.announce(new.id, new.sha256)?;
        let upload = Upload {
            id: new.id,
            client: new.client,
            attempt: new.attempt,
            number: new.number,
            path: new.path.clone(),
            accessor: new.accessor.clone(),
            size: 0,
            sha256: None,
            stored: None,
        };
        records.evidence.uploads.push((upload, new.declared_size));
        Ok(UploadBegun::Open { id: new.id, declared_size: new.declared_size })
    }

    async fn finish(&self, id: UploadId, blob: Blob, now: Timestamp) -> Result<Upload, StoreError> {
        let mut records = self.records.lock();
        let held = records.evidence.uploads.iter_mut().find(|(upload, _)| upload.id == id);
        let (upload, _) = held.ok_or_else(|| StoreError::not_found(format!("upload {id}")))?;
        if upload.sha256.is_none() {
            upload.sha256 = Some(blob.sha256);
            upload.size = blob.size;
            upload.stored = Some(now);
        }
        let upload = upload.clone();
        records.evidence.announced.remove(&id);
        Ok(upload)
    }

    async fn give_up(&self, id: UploadId) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        records.evidence.uploads.retain(|(held, _)| held.id != id || held.sha256.is_some());
        if let Some(sha256) = records.evidence.announced.remove(&id) {
            records.condemn(sha256);
        }
        Ok(())
    }

    async fn abandoned(&self, limit: u64) -> Result<Vec<UploadId>, StoreError> {
        let records = self.records.lock();
        let is_over = |attempt: AttemptId| {
            let flow = records.flows.get(&attempt.flow);
            flow.is_none_or(|flow| !flow.life.accepts(attempt.attempt))
        };
        let uploads = records.evidence.uploads.iter().map(|(upload, _)| upload);
        let dead = uploads.filter(|upload| upload.sha256.is_none() && is_over(upload.attempt));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(dead.map(|upload| upload.id).take(limit).collect())
    }

    async fn condemned(&self, limit: u64) -> Result<Vec<[u8; 32]>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.records.lock().evidence.condemned.iter().take(limit).copied().collect())
    }

    async fn absolve(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        self.records.lock().evidence.condemned.remove(sha256);
        Ok(())
    }

    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        let records = self.records.lock();
        let mut uploads = records.evidence.uploads.iter();
        Ok(uploads.find(|(upload, _)| upload.id == id).map(|(upload, _)| upload.clone()))
    }

    async fn uploads(
        &self,
        scope: ResultScope,
        paging: Paging,
    ) -> Result<Page<Upload>, StoreError> {
        let records = self.records.lock();
        let wanted = |(upload, _): &&(Upload, u64)| {
            upload.sha256.is_some() && records.is_in(scope, upload.attempt)
        };
        let found = records.evidence.uploads.iter().filter(wanted);
        Ok(Page::cut(found.map(|(upload, _)| upload.clone()).collect(), paging))
    }
}
