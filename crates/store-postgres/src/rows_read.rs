//! Reads rows and log lines: pages, summaries, scans, recounts.
//!
//! Batches are read in order of arrival. A query without conditions fetches only the batches of its
//! page, found by their counts; any other hands each row to [`flows::query::Sifter`] as the batches
//! stream by, so that memory stays within one of them.

use std::pin::pin;

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use deadpool_postgres::Object;
use flows::completion::{SourceCount, Tally};
use flows::facets::FacetCounter;
use flows::query::{Origin, Sifter, check, takes_all};
use flows::results::{Appended, LogBatch, ResultStore, RowRecount, Scan, ScanPiece, ScanPlace};
use futures_util::TryStreamExt;
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultRow, ResultScope,
    RowBatch, SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use records::unpack;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::Bound;
use crate::rows_write::{self, CURRENT, LOG, held, read_held};
use crate::segments_table;
use crate::transaction::Question;
use crate::values::{Id, bound, int, one};

/// Most batches that one piece of a scan looks at.
const SCANNED_MAX: i64 = 20_000;

/// Where the batches `b` of a scope are, and which; the scope is bound as `$1` and `$2`.
pub(crate) fn batches_of(scope: ResultScope) -> (String, Vec<Bound>) {
    match scope {
        // Finished: the flow is done, and this was the attempt.
        ResultScope::Hunt { hunt, round } => (
            "batches b JOIN flows f ON f.id = b.flow AND f.attempt = b.attempt AND f.state = 2
             WHERE b.hunt = $1 AND b.round = $2"
                .to_owned(),
            vec![one(Id(hunt.bits())), one(i64::from(round))],
        ),
        ResultScope::Rounds(hunt) => (
            "batches b JOIN flows f ON f.id = b.flow AND f.attempt = b.attempt AND f.state = 2
             WHERE b.hunt = $1 AND $2::bigint IS NULL"
                .to_owned(),
            vec![one(Id(hunt.bits())), one(None::<i64>)],
        ),
        ResultScope::Flow(flow) => (
            format!("batches b WHERE b.flow = $1 AND b.attempt = {CURRENT} AND $2::bigint IS NULL"),
            vec![one(Id(flow.bits())), one(None::<i64>)],
        ),
    }
}

/// The same for what the attempts' sources count, `s`.
fn sources_of(scope: ResultScope) -> (String, Vec<Bound>) {
    match scope {
        ResultScope::Hunt { hunt, round } => (
            "flows f JOIN attempt_sources s ON s.flow = f.id AND s.attempt = f.attempt
             WHERE f.hunt = $1 AND f.round = $2 AND f.state = 2 AND s.kind = 0"
                .to_owned(),
            vec![one(Id(hunt.bits())), one(i64::from(round))],
        ),
        ResultScope::Rounds(hunt) => (
            "flows f JOIN attempt_sources s ON s.flow = f.id AND s.attempt = f.attempt
             WHERE f.hunt = $1 AND $2::bigint IS NULL AND f.state = 2 AND s.kind = 0"
                .to_owned(),
            vec![one(Id(hunt.bits())), one(None::<i64>)],
        ),
        ResultScope::Flow(flow) => (
            format!(
                "attempt_sources s WHERE s.flow = $1 AND s.attempt = {CURRENT} AND s.kind = 0
                     AND $2::bigint IS NULL"
            ),
            vec![one(Id(flow.bits())), one(None::<i64>)],
        ),
    }
}

/// A batch with where it comes from.
pub(crate) struct Batch {
    pub(crate) id: i64,
    pub(crate) client: ClientId,
    pub(crate) hostname: String,
    pub(crate) flow: FlowId,
    pub(crate) round: Option<u32>,
    pub(crate) source: String,
    pub(crate) stored: Timestamp,
    pub(crate) text: String,
}

/// The columns of a batch, in the order of [`Batch::read`]. The client is that of the flow.
pub(crate) const BATCH: &str = "b.id, w.client, coalesce(c.hostname, ''), b.flow, w.round, b.source, b.stored, \
    b.packed, b.body";

/// Whom a batch comes from.
pub(crate) const SENT_BY: &str =
    "JOIN flows w ON w.id = b.flow LEFT JOIN clients c ON c.id = w.client";

impl Batch {
    /// Reads a batch.
    pub(crate) fn read(row: &mut Columns<'_>) -> Done<Self> {
        let id = row.take()?;
        let client = ClientId::from_bits(row.bits()?);
        let hostname = row.take()?;
        let flow = FlowId::from_bits(row.bits()?);
        let round: Option<i64> = row.take()?;
        let round = round.and_then(|round| u32::try_from(round).ok());
        let (source, stored) = (row.take()?, row.moment()?);
        let text = unpack(row.take()?, row.take()?).ok_or(Failure::Unreadable("batch of rows"))?;
        Ok(Self { id, client, hostname, flow, round, source, stored, text })
    }

    /// Calls `visit` with each row and what it is compared with.
    fn visit(&self, visit: &mut dyn FnMut(Origin<'_>, &str) -> Done<()>) -> Done<()> {
        let (client, flow) = (self.client.to_string(), self.flow.to_string());
        let origin = Origin {
            client: &client,
            hostname: &self.hostname,
            flow: &flow,
            round: self.round,
            source: &self.source,
            stored: self.stored,
            observed: None,
        };
        self.text.lines().try_for_each(|json| visit(origin, json))
    }

    fn row(&self, json: &str) -> ResultRow {
        ResultRow {
            client: self.client,
            flow: self.flow,
            round: self.round,
            source: self.source.clone(),
            stored: self.stored,
            json: json.to_owned(),
        }
    }
}

/// Calls `visit` with each batch of a scope, in order of arrival, as they come.
async fn walk(
    db: &Object,
    scope: ResultScope,
    source: Option<&str>,
    visit: &mut (dyn FnMut(Batch) -> Done<()> + Send),
) -> Done<()> {
    let (of, mut values) = batches_of(scope);
    values.push(one(source.map(clean)));
    let sql = format!(
        "SELECT {BATCH} FROM (SELECT b.* FROM {of} AND ($3::text IS NULL OR b.source = $3)) b
         {SENT_BY} ORDER BY b.id"
    );
    let statement = db.prepare_cached(&sql).await?;
    let mut rows = pin!(db.query_raw(&statement, bound(&values)).await?);
    while let Some(row) = rows.try_next().await? {
        visit(Batch::read(&mut Columns::of(&row))?)?;
    }
    Ok(())
}

async fn page(db: &Object, query: &ResultQuery) -> Done<ResultPage> {
    check(query)?;
    if takes_all(query) {
        return plain_page(db, query).await;
    }
    let mut sifter = Sifter::new(query);
    walk(db, query.scope, query.source.as_deref(), &mut |batch| {
        batch.visit(&mut |origin, json| {
            sifter.offer(origin, json, || batch.row(json));
            Ok(())
        })
    })
    .await?;
    Ok(sifter.finish())
}

async fn facet(db: &Object, query: &FacetQuery) -> Done<Facets> {
    let mut counter = FacetCounter::new(query)?;
    walk(db, query.of.scope, query.of.source.as_deref(), &mut |batch| {
        batch.visit(&mut |origin, json| Ok(counter.offer(batch.client, origin, json)?))
    })
    .await?;
    Ok(counter.finish())
}

async fn total(db: &Object, scope: ResultScope, source: Option<&str>) -> Done<u64> {
    let (of, mut values) = sources_of(scope);
    values.push(one(source.map(clean)));
    let sql = format!(
        "SELECT coalesce(sum(s.rows), 0)::bigint FROM {of} AND ($3::text IS NULL OR s.source = $3)"
    );
    only_count(&Question::new(sql, values).rows(db).await?)
}

fn only_count(rows: &[Row]) -> Done<u64> {
    Columns::of(rows.first().ok_or(Failure::Unreadable("sum"))?).count()
}

/// A page in order of arrival without conditions: batches before and behind it are not fetched.
async fn plain_page(db: &Object, query: &ResultQuery) -> Done<ResultPage> {
    let source = query.source.as_deref();
    let total = total(db, query.scope, source).await?;
    let mut page = ResultPage { rows: Vec::new(), total };
    if query.limit == 0 || query.offset >= total {
        return Ok(page);
    }
    let (of, mut values) = batches_of(query.scope);
    let end = query.offset.saturating_add(query.limit);
    values.extend([one(source.map(clean)), one(int(query.offset)), one(int(end))]);
    let sql = format!(
        "SELECT n.before, {BATCH} FROM (
             SELECT b.id, b.count, (sum(b.count) OVER (ORDER BY b.id) - b.count)::bigint AS before
             FROM {of} AND ($3::text IS NULL OR b.source = $3)) n
         JOIN batches b ON b.id = n.id {SENT_BY}
         WHERE n.before < $5 AND n.before + n.count > $4 ORDER BY b.id"
    );
    for row in &Question::new(sql, values).rows(db).await? {
        let mut row = Columns::of(row);
        let before = row.count()?;
        let batch = Batch::read(&mut row)?;
        let numbered = (before..).zip(batch.text.lines());
        let wanted = numbered.filter(|(number, _)| (query.offset..end).contains(number));
        page.rows.extend(wanted.map(|(_, json)| batch.row(json)));
    }
    Ok(page)
}

async fn scan(db: &Object, scan: &Scan) -> Done<ScanPiece> {
    let (of, mut values) = batches_of(scan.scope);
    let after = scan.after.map_or(0, |place| place.0);
    values.extend([
        one(scan.source.as_deref().map(clean)),
        one(int(after)),
        one(int(scan.rows.max(1))),
        one(SCANNED_MAX),
    ]);
    // Batches until there are rows enough, and whether there is one behind them.
    let sql = format!(
        "SELECT n.seen, {BATCH} FROM (
             SELECT o.id, (sum(o.count) OVER (ORDER BY o.id) - o.count)::bigint AS before,
                 count(*) OVER () AS seen
             FROM (SELECT b.id, b.count FROM {of} AND ($3::text IS NULL OR b.source = $3)
                 AND b.id > $4 ORDER BY b.id LIMIT $6) o) n
         JOIN batches b ON b.id = n.id {SENT_BY}
         WHERE n.before < $5 ORDER BY b.id"
    );
    let rows = Question::new(sql, values).rows(db).await?;
    let mut piece = ScanPiece::default();
    let (mut seen, mut last) = (0, None);
    for row in &rows {
        let mut row = Columns::of(row);
        seen = row.count()?;
        let batch = Batch::read(&mut row)?;
        piece.rows.extend(batch.text.lines().map(|json| batch.row(json)));
        last = u64::try_from(batch.id).ok().map(ScanPlace);
    }
    if seen > rows.len() as u64 || seen == loghunt::flat::count(SCANNED_MAX) {
        piece.next = last;
    }
    Ok(piece)
}

async fn sources(db: &Object, scope: ResultScope) -> Done<Vec<SourceSummary>> {
    let (of, values) = sources_of(scope);
    // Thousands of attempts mostly have the same columns: each list is read once.
    let sql = format!(
        "SELECT s.source, sum(s.rows)::bigint, s.columns FROM {of}
         GROUP BY s.source, s.columns ORDER BY s.source, min(s.seq)"
    );
    let mut found: Vec<SourceSummary> = Vec::new();
    for row in &Question::new(sql, values).rows(db).await? {
        let mut row = Columns::of(row);
        let name: &str = row.take()?;
        if found.last().is_none_or(|last| last.source != name) {
            let source = name.to_owned();
            found.push(SourceSummary { source, rows: 0, columns: Vec::new() });
        }
        let rows = row.count()?;
        let columns: Vec<String> =
            row.word("list of columns", |json| serde_json::from_str(json).ok())?;
        if let Some(summary) = found.last_mut() {
            summary.rows += rows;
            for column in columns {
                if !summary.columns.contains(&column) {
                    summary.columns.push(column);
                }
            }
        }
    }
    Ok(found)
}

async fn received(db: &Object, attempt: AttemptId) -> Done<Tally> {
    let sql = "SELECT count(*), coalesce(sum(size), 0)::bigint FROM uploads
        WHERE flow = $1 AND attempt = $2 AND sha256 IS NOT NULL";
    let values = vec![one(Id(attempt.flow.bits())), one(i64::from(attempt.attempt))];
    let (files, brought) = (Question::new(sql, values), held(attempt));
    let (files, brought) = tokio::try_join!(files.rows(db), brought.rows(db))?;
    let mut files = Columns::of(files.first().ok_or(Failure::Unreadable("sum"))?);
    let mut tally =
        Tally { uploads: files.count()?, upload_bytes: files.count()?, ..Tally::default() };
    for ((kind, source), held) in read_held(&brought)? {
        if kind == LOG {
            tally.log_batches = held.batches;
        } else {
            let count = SourceCount { rows: held.rows, batches: held.batches };
            tally.sources.insert(source, count);
        }
    }
    Ok(tally)
}

async fn log(db: &Object, flow: FlowId, paging: Paging) -> Done<Page<LogLine>> {
    let of = format!("FROM logs l WHERE l.flow = $1 AND l.attempt = {CURRENT}");
    let sum = format!("SELECT coalesce(sum(l.count), 0)::bigint {of}");
    let total = only_count(&Question::new(sum, vec![one(Id(flow.bits()))]).rows(db).await?)?;
    let end = paging.offset.saturating_add(paging.limit);
    let sql = format!(
        "SELECT n.before, n.body FROM (
             SELECT l.seq, l.count, l.body,
                 (sum(l.count) OVER (ORDER BY l.seq) - l.count)::bigint AS before {of}) n
         WHERE n.before < $3 AND n.before + n.count > $2 ORDER BY n.seq"
    );
    let values = vec![one(Id(flow.bits())), one(int(paging.offset)), one(int(end))];
    let mut items = Vec::new();
    for row in &Question::new(sql, values).rows(db).await? {
        let mut row = Columns::of(row);
        let before = row.count()?;
        let lines: Vec<(i64, String, String)> =
            row.word("batch of log lines", |json| serde_json::from_str(json).ok())?;
        let numbered = (before..).zip(lines);
        let wanted = numbered.filter(|(number, _)| (paging.offset..end).contains(number));
        items.extend(wanted.map(|(_, (time, level, text))| LogLine {
            time: Timestamp::from_micros(time),
            level,
            text,
        }));
    }
    Ok(Page { items, total })
}

async fn recount(db: &Object, scope: ResultScope) -> Done<RowRecount> {
    let (of, values): (&str, Vec<Bound>) = match scope {
        ResultScope::Flow(flow) => ("id = $1", vec![one(Id(flow.bits()))]),
        ResultScope::Hunt { hunt, round } => {
            ("hunt = $1 AND round = $2", vec![one(Id(hunt.bits())), one(i64::from(round))])
        }
        ResultScope::Rounds(hunt) => ("hunt = $1", vec![one(Id(hunt.bits()))]),
    };
    let sql = format!("SELECT coalesce(sum(rows), 0)::bigint FROM flows WHERE {of} AND state = 2");
    let declared = only_count(&Question::new(sql, values).rows(db).await?)?;
    let kept = total(db, scope, None).await?;
    let mut counted = 0;
    walk(db, scope, None, &mut |batch| {
        counted += batch.text.lines().count() as u64;
        Ok(())
    })
    .await?;
    Ok(RowRecount { declared, kept, counted })
}

#[async_trait]
impl ResultStore for RecordStore {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.step("store rows", |lent| rows_write::append(lent, client, batch, now)).await
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        _now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.step("store log lines", |lent| rows_write::append_log(lent, client, batch)).await
    }

    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError> {
        self.read("count what an attempt brought", |db| async move { received(&db, attempt).await })
            .await
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        self.read("read rows", |db| async move { page(&db, query).await }).await
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        self.read("count values", |db| async move { facet(&db, query).await }).await
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.read("sum up sources", |db| async move { sources(&db, scope).await }).await
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        self.read("read a flow's log", |db| async move { log(&db, flow, paging).await }).await
    }

    async fn scan(&self, wanted: &Scan) -> Result<ScanPiece, StoreError> {
        self.read("read rows", |db| async move { scan(&db, wanted).await }).await
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        self.read("recount rows", |db| async move { recount(&db, scope).await }).await
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.step("forget rows", |lent| segments_table::forget(lent, hunt, limit, now)).await
    }
}
