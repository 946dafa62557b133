//! Rows of hunts, hot and in segments, as one result store.
//!
//! # Invariants
//!
//! - **SR-1** A question is answered from one view: every batch of its scope, once. When a batch has
//!   left the record store, or an object is gone, before it was read, the question is asked again of a
//!   new view.
//! - **SR-2** What compares is `flows::cell`, whether a row is hot or in a segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::completion::Tally as Received;
use flows::hot::{ColumnKind, HotBatch, HotRows};
use flows::query::{Conditions, Origin, check, takes_all};
use flows::results::{
    Appended, LogBatch, ResultStore, RowRecount, Scan, ScanPiece, ScanPlace, SqlAnswer, SqlQuery,
    TableEncoder,
};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultRow, ResultScope,
    RowBatch, SourceSummary,
};
use model::store::{Page, Paging, StoreError};

use crate::best::{Best, Candidate};
use crate::cells::{encode, sort_key};
use crate::columns::{Need, Piece};
use crate::compactor::Compactor;
use crate::encode::ParquetEncoder;
use crate::file::SegmentFile;
use crate::keeper::{Keeper, Turns};
use crate::open_files::OpenFiles;
use crate::opened::{Lost, Opened, flow_of};
use crate::order::{Entry, in_segments, merged};
use crate::place::Place;
use crate::reading::Wanted;
use crate::shape::COLUMNS_MAX;
use crate::tally::{Numbers, Tally};
use crate::work::{on_own_threads, permits, workers};

/// Times that a question is asked again because rows moved meanwhile.
const VIEWS_MAX: usize = 8;
/// Hot batches that are read at once.
const HOT_AT_ONCE: usize = 256;

/// Rows in a record store and in segments.
#[derive(Clone)]
pub struct SegmentedResults {
    pub(crate) hot: Arc<dyn HotRows>,
    pub(crate) files: Arc<OpenFiles>,
    /// Moves rows for as long as somebody has these results.
    keeper: Option<Arc<Keeper>>,
}

impl SegmentedResults {
    /// Rows of `hot` that have not left, and the segments at `place`.
    pub fn new(hot: Arc<dyn HotRows>, place: Place) -> Self {
        Self { hot, files: Arc::new(OpenFiles::new(place)), keeper: None }
    }

    /// The same, with somebody who moves their rows for as long as these results, or a clone of them,
    /// are there.
    pub fn kept(self, compactor: Arc<Compactor>, turns: Turns) -> Self {
        Self { keeper: Some(Arc::new(Keeper::start(compactor, turns))), ..self }
    }

    /// The same rows for somebody who does not keep their mover at work.
    pub fn unkept(&self) -> Self {
        Self { keeper: None, ..self.clone() }
    }

    /// Whether anybody moves rows.
    pub fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    pub(crate) async fn open(
        &self,
        scope: ResultScope,
        source: Option<&str>,
    ) -> Result<Opened, Lost> {
        let view = self.hot.view(scope, source).await?;
        let files = self.files.all(&view.segments).await?;
        Ok(Opened { view, files, flow: flow_of(scope) })
    }

    /// Asks again while rows move.
    pub(crate) async fn steady<T, F>(&self, ask: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Lost>>,
    {
        let mut gone = None;
        for _ in 0..VIEWS_MAX {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(Lost::Failed(error)) => return Err(error),
                Err(Lost::Moved(of)) => gone = of,
            }
        }
        if let Some(gone) = gone {
            // A segment that was replaced is not in a view that was made afterwards.
            return Err(gone);
        }
        Err(StoreError::conflict(
            "the rows were moved again and again while they were read; ask again",
        ))
    }

    /// Reads hot batches of a view, a few at a time.
    pub(crate) async fn each_hot(
        &self,
        arrivals: &[u64],
        visit: &mut (dyn FnMut(&HotBatch) -> Result<(), StoreError> + Send),
    ) -> Result<(), Lost> {
        for some in arrivals.chunks(HOT_AT_ONCE) {
            let batches = self.hot.read_hot(some).await?;
            if batches.len() != some.len() {
                return Err(Lost::Moved(None));
            }
            for batch in &batches {
                visit(batch)?;
            }
        }
        Ok(())
    }

    /// Whether everything of a scope is still in the record store.
    async fn all_hot(&self, scope: ResultScope) -> Result<bool, StoreError> {
        Ok(!self.hot.has_segments(scope).await?)
    }

    /// Reads all row groups of a view, each into the state of one of the workers.
    pub(crate) async fn each_piece<S, V>(
        &self,
        opened: &Arc<Opened>,
        need: Need,
        visit: V,
    ) -> Result<Vec<S>, StoreError>
    where
        S: Default + Send + 'static,
        V: Fn(&mut S, &mut Piece<'_>, usize) -> Result<(), StoreError> + Send + Sync + 'static,
    {
        let groups = Arc::new(opened.groups());
        let shared = Arc::new((need, visit, AtomicUsize::new(0)));
        workers(|| {
            let (opened, groups, shared) = (opened.clone(), groups.clone(), shared.clone());
            async move {
                let mut state = S::default();
                let (need, visit, next) = &*shared;
                while let Some((number, group)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _permit = permits().acquire_owned().await;
                    let mut piece = Piece::read(&opened.files[*number], *group, need).await?;
                    opened.restrict(&mut piece);
                    visit(&mut state, &mut piece, *number)?;
                }
                Ok(state)
            }
        })
        .await
    }

    async fn sifted(&self, query: &ResultQuery) -> Result<ResultPage, Lost> {
        let opened = Arc::new(self.open(query.scope, query.source.as_deref()).await?);
        let depth = query.offset.saturating_add(query.limit);
        let descending = query.sort.as_ref().is_some_and(|(_, descending)| *descending);
        let columns = query.sort.iter().map(|(column, _)| column.clone()).collect();
        let need = Need { conditions: Conditions::of(query), columns, rows: false };
        let visit = move |state: &mut Option<Best>, piece: &mut Piece<'_>, _| {
            let best = state.get_or_insert_with(|| Best::new(depth, descending));
            sift(piece, best);
            Ok(())
        };
        let mut best = Best::new(depth, descending);
        for state in self.each_piece(&opened, need, visit).await?.into_iter().flatten() {
            best.merge(state);
        }
        let conditions = Conditions::of(query);
        let hot: Vec<u64> = opened.view.hot.iter().map(|head| head.arrival).collect();
        self.each_hot(&hot, &mut |batch| {
            each_cell(batch, &conditions, &mut |cell, place| {
                let mut bytes = Vec::new();
                let key = encode(cell, &mut bytes).then(|| sort_key(&bytes));
                best.offer(key, batch.arrival, place);
                Ok(())
            })
        })
        .await?;
        let (candidates, total) = best.finish(query.offset);
        Ok(ResultPage { rows: self.fetch(&opened, &candidates).await?, total })
    }

    /// The rows of a page.
    async fn fetch(
        &self,
        opened: &Opened,
        candidates: &[Candidate],
    ) -> Result<Vec<ResultRow>, Lost> {
        let order = self.order(opened);
        let mut wanted = Vec::with_capacity(candidates.len());
        for one in candidates {
            let at = order.binary_search_by_key(&one.arrival, |entry| entry.arrival);
            let entry = match at {
                Ok(at) => order[at],
                Err(_) => Entry { arrival: one.arrival, rows: u32::MAX, place: None },
            };
            wanted.push(Wanted { entry, skip: one.place, rows: 1 });
        }
        self.read(opened, &wanted).await
    }

    fn order(&self, opened: &Opened) -> Arc<Vec<Entry>> {
        match opened.flow {
            None => self.files.order(&opened.files),
            flow => Arc::new(in_segments(opened.files.iter().map(|file| &**file), flow)),
        }
    }

    /// A page in order of arrival without conditions.
    async fn plain(&self, query: &ResultQuery) -> Result<ResultPage, Lost> {
        let opened = self.open(query.scope, query.source.as_deref()).await?;
        let order = self.order(&opened);
        let in_segments: u64 = order.iter().map(|entry| u64::from(entry.rows)).sum();
        let total = in_segments + opened.view.hot.iter().map(|head| head.rows).sum::<u64>();
        let (mut skip, mut left) = (query.offset, query.limit);
        let mut wanted = Vec::new();
        for entry in merged(&order, &opened.view.hot, 0) {
            let rows = u64::from(entry.rows);
            if left == 0 {
                break;
            }
            if skip >= rows {
                skip -= rows;
                continue;
            }
            let taken = (rows - skip).min(left);
            let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            wanted.push(Wanted { entry, skip: short(skip), rows: short(taken) });
            (skip, left) = (0, left - taken);
        }
        Ok(ResultPage { rows: self.read(&opened, &wanted).await?, total })
    }

    async fn scanned(&self, scan: &Scan) -> Result<ScanPiece, Lost> {
        let opened = self.open(scan.scope, scan.source.as_deref()).await?;
        let order = self.order(&opened);
        let after = scan.after.map_or(0, |place| place.0);
        let mut wanted = Vec::new();
        let (mut rows, mut next) = (0, None);
        for entry in merged(&order, &opened.view.hot, after) {
            if rows >= scan.rows.max(1) {
                next = wanted.last().map(|one: &Wanted| ScanPlace(one.entry.arrival));
                break;
            }
            rows += u64::from(entry.rows);
            wanted.push(Wanted { entry, skip: 0, rows: entry.rows });
        }
        Ok(ScanPiece { rows: self.read(&opened, &wanted).await?, next })
    }

    async fn counted(&self, query: &FacetQuery) -> Result<Facets, Lost> {
        let opened = Arc::new(self.open(query.of.scope, query.of.source.as_deref()).await?);
        let mut numbers = Numbers::default();
        let of_file = |file: &Arc<SegmentFile>| -> Vec<u32> {
            file.clients.iter().map(|client| numbers.of(client.id)).collect()
        };
        let of_files: Vec<Vec<u32>> = opened.files.iter().map(of_file).collect();
        let need = Need {
            conditions: Conditions::of(&query.of),
            columns: vec![query.column.clone()],
            rows: false,
        };
        let asked = query.clone();
        let visit = move |tally: &mut Tally, piece: &mut Piece<'_>, number: usize| {
            tally.add(piece, &of_files[number], &asked)
        };
        let mut tally = Tally::default();
        for state in self.each_piece(&opened, need, visit).await? {
            tally.merge(state, query)?;
        }
        // The sort key of a row is then the column's cell.
        let sort = Some((query.column.clone(), false));
        let conditions = Conditions::of(&ResultQuery { sort, ..query.of.clone() });
        let hot: Vec<u64> = opened.view.hot.iter().map(|head| head.arrival).collect();
        self.each_hot(&hot, &mut |batch| {
            let client = numbers.of(batch.client);
            each_cell(batch, &conditions, &mut |cell, _| tally.add_cell(cell, client, query))
        })
        .await?;
        Ok(tally.finish(query))
    }

    async fn recounted(&self, scope: ResultScope) -> Result<u64, Lost> {
        let opened = self.open(scope, None).await?;
        let order = self.order(&opened);
        let mut counted: u64 = order.iter().map(|entry| u64::from(entry.rows)).sum();
        let hot: Vec<u64> = opened.view.hot.iter().map(|head| head.arrival).collect();
        self.each_hot(&hot, &mut |batch| {
            counted += batch.rows.len() as u64;
            Ok(())
        })
        .await?;
        Ok(counted)
    }
}

/// Offers the rows of a piece that pass.
fn sift(piece: &Piece<'_>, best: &mut Best) {
    let column = piece.columns.first();
    for run in piece.runs() {
        let before = (run.first.max(piece.range.start) - run.first) as usize;
        let rows = piece.rows_of(run);
        let from = rows.start;
        for row in rows.filter(|row| piece.kept[*row]) {
            let key = column.and_then(|column| column.bytes(row)).map(sort_key);
            let place = u32::try_from(row - from + before).unwrap_or(u32::MAX);
            best.offer(key, run.arrival, place);
        }
    }
}

/// Calls `visit` with the sort key and the place of each row of a batch that passes.
fn each_cell(
    batch: &HotBatch,
    conditions: &Conditions,
    visit: &mut dyn FnMut(&flows::cell::Cell<'_>, u32) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (client, flow) = (batch.client.to_string(), batch.flow.to_string());
    let origin = Origin {
        client: &client,
        hostname: &batch.hostname,
        flow: &flow,
        round: batch.round,
        source: &batch.source,
        stored: batch.stored,
        observed: None,
    };
    for (place, json) in (0u32..).zip(&batch.rows) {
        if let Some(cell) = conditions.judge(origin, json) {
            visit(&cell, place)?;
        }
    }
    Ok(())
}

#[async_trait]
impl ResultStore for SegmentedResults {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.hot.append(client, batch, now).await
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.hot.append_log(client, batch, now).await
    }

    async fn received(&self, attempt: AttemptId) -> Result<Received, StoreError> {
        self.hot.received(attempt).await
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        check(query)?;
        if self.all_hot(query.scope).await? {
            let page = self.hot.page(query).await?;
            // Rows only ever leave: what had no segments afterwards had none while it was read.
            if self.all_hot(query.scope).await? {
                return Ok(page);
            }
        }
        let (this, query) = (self.clone(), query.clone());
        on_own_threads(async move {
            if takes_all(&query) {
                this.steady(|| this.plain(&query)).await
            } else {
                this.steady(|| this.sifted(&query)).await
            }
        })
        .await
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        flows::facets::check(query)?;
        let (this, query) = (self.clone(), query.clone());
        on_own_threads(async move { this.steady(|| this.counted(&query)).await }).await
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.hot.sources(scope).await
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        self.hot.log(flow, paging).await
    }

    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError> {
        if self.all_hot(scan.scope).await? {
            let piece = self.hot.scan(scan).await?;
            if self.all_hot(scan.scope).await? {
                return Ok(piece);
            }
        }
        let (this, scan) = (self.clone(), scan.clone());
        on_own_threads(async move { this.steady(|| this.scanned(&scan)).await }).await
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        let counted = self.steady(|| self.recounted(scope)).await?;
        Ok(RowRecount { counted, ..self.hot.recount(scope).await? })
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.hot.forget(hunt, limit, now).await
    }

    async fn sql(&self, query: &SqlQuery) -> Result<SqlAnswer, StoreError> {
        let (this, query) = (self.clone(), query.clone());
        on_own_threads(async move { this.steady(|| this.answer(&query)).await }).await
    }

    async fn parquet(
        &self,
        scope: ResultScope,
        source: Option<&str>,
    ) -> Result<Box<dyn TableEncoder>, StoreError> {
        let kinds = self
            .steady(|| async {
                let opened = self.open(scope, source).await?;
                self.kinds(&opened).await
            })
            .await?;
        // In the order of the counters, which does not depend on where rows are.
        let mut columns: Vec<(String, ColumnKind)> = Vec::new();
        for summary in self.hot.sources(scope).await? {
            if source.is_some_and(|source| source != summary.source) {
                continue;
            }
            for name in summary.columns.into_iter().take(COLUMNS_MAX) {
                let kind = kinds.iter().find(|(known, _)| *known == name);
                if let Some((_, kind)) = kind
                    && !columns.iter().any(|(known, _)| *known == name)
                {
                    columns.push((name, *kind));
                }
            }
        }
        Ok(Box::new(ParquetEncoder::new(columns)?))
    }
}
