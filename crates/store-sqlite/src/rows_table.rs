//! Reads rows and log lines: pages, summaries, scans, recounts.
//!
//! Batches are read in order of arrival. A query without conditions skips whole batches by their
//! counts, which an index holds; any other hands each row to [`flows::query::Sifter`].

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::completion::{SourceCount, Tally};
use flows::facets::FacetCounter;
use flows::query::{Origin, Sifter, check, takes_all};
use flows::results::{Appended, LogBatch, ResultStore, RowRecount, Scan, ScanPiece, ScanPlace};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultRow, ResultScope,
    RowBatch, SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use records::unpack;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStore;
use crate::codec::{Done, Failure, all, blob, int, only_count, unreadable};
use crate::rows_write::{append, append_log, attempt_key};
use crate::segments_table::forget;

/// A scope as the tables know it.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Finished attempts of this round.
    HuntRound(i64),
    /// Finished attempts of all rounds of this hunt.
    Rounds(HuntId),
    /// This attempt.
    Attempt(i64),
}

/// Where a scope's rows are; `None` when there are none.
pub(crate) fn place_of(db: &Connection, scope: ResultScope) -> rusqlite::Result<Option<Place>> {
    match scope {
        ResultScope::Hunt { hunt, round } => Ok(round_key(db, hunt, round)?.map(Place::HuntRound)),
        ResultScope::Rounds(hunt) => Ok(Some(Place::Rounds(hunt))),
        ResultScope::Flow(flow) => {
            let attempt = AttemptId { flow, attempt: current_attempt(db, flow)? };
            Ok(attempt_key(db, attempt)?.map(Place::Attempt))
        }
    }
}

/// The number of a round of a hunt.
pub(crate) fn round_key(
    db: &Connection,
    hunt: HuntId,
    round: u32,
) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT key FROM hunt_rounds WHERE hunt = ?1 AND round = ?2")?
        .query_row(params![blob(hunt.bits()), round], |row| row.get(0))
        .optional()
}

/// The attempt that a flow is in.
pub(crate) fn current_attempt(db: &Connection, flow: FlowId) -> rusqlite::Result<u32> {
    let mut statement = db.prepare_cached("SELECT attempt FROM flows WHERE id = ?1")?;
    Ok(statement.query_row([blob(flow.bits())], |row| row.get(0)).optional()?.unwrap_or(0))
}

impl Place {
    /// Conditions on `batches` and, for a hunt, on its attempt; the place is parameter 1.
    fn batches(self) -> &'static str {
        match self {
            Self::HuntRound(_) => {
                "batches.hunt_round = ?1
                 AND (SELECT finished FROM attempts WHERE key = batches.attempt)"
            }
            Self::Rounds(_) => {
                "batches.hunt_round IN (SELECT key FROM hunt_rounds WHERE hunt = ?1)
                 AND batches.hunt_round > 0
                 AND (SELECT finished FROM attempts WHERE key = batches.attempt)"
            }
            Self::Attempt(_) => "batches.attempt = ?1",
        }
    }

    /// A condition on `attempts`; the place is parameter 1.
    pub(crate) fn attempts(self) -> &'static str {
        match self {
            Self::HuntRound(_) => "attempts.hunt_round = ?1 AND attempts.finished = 1",
            Self::Rounds(_) => {
                "attempts.hunt_round IN (SELECT key FROM hunt_rounds WHERE hunt = ?1)
                 AND attempts.hunt_round > 0 AND attempts.finished = 1"
            }
            Self::Attempt(_) => "attempts.key = ?1",
        }
    }

    pub(crate) fn key(self) -> Value {
        match self {
            Self::HuntRound(key) | Self::Attempt(key) => Value::Integer(key),
            Self::Rounds(hunt) => Value::Blob(blob(hunt.bits()).to_vec()),
        }
    }
}

/// The number of a source, when it is asked for. `Err(())`: no such source, so no rows.
pub(crate) fn source_filter(
    db: &Connection,
    source: Option<&str>,
) -> rusqlite::Result<Result<Option<i64>, ()>> {
    let Some(name) = source else { return Ok(Ok(None)) };
    let mut find = db.prepare_cached("SELECT key FROM source_names WHERE name = ?1")?;
    let key = find.query_row([name], |row| row.get::<_, i64>(0)).optional()?;
    Ok(key.map(Some).ok_or(()))
}

/// A batch with where it comes from.
pub(crate) struct Batch {
    id: u64,
    pub(crate) client: ClientId,
    pub(crate) hostname: String,
    pub(crate) flow: FlowId,
    pub(crate) round: Option<u32>,
    pub(crate) source: String,
    pub(crate) stored: Timestamp,
    pub(crate) text: String,
}

impl Batch {
    fn load(db: &Connection, id: i64) -> Done<Self> {
        Ok(Self::find(db, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// `None` when it has left.
    pub(crate) fn find(db: &Connection, id: i64) -> Done<Option<Self>> {
        let mut statement = db.prepare_cached(
            "SELECT batches.stored, packed, body, attempts.client, attempts.flow,
               source_names.name, ifnull(clients.hostname, ''), hunt_rounds.round
             FROM batches
             JOIN attempts ON attempts.key = batches.attempt
             JOIN source_names ON source_names.key = batches.source
             LEFT JOIN clients ON clients.id = attempts.client
             LEFT JOIN hunt_rounds ON hunt_rounds.key = batches.hunt_round
             WHERE batches.id = ?1",
        )?;
        let found = statement.query_row([id], |row| {
            let body = row.get_ref(2)?.as_blob()?;
            let text = unpack(row.get(1)?, body);
            Ok(Self {
                id: u64::try_from(id).unwrap_or(0),
                client: ClientId::from_bits(u128::from_be_bytes(row.get(3)?)),
                hostname: row.get(6)?,
                flow: FlowId::from_bits(u128::from_be_bytes(row.get(4)?)),
                round: row.get(7)?,
                source: row.get(5)?,
                stored: Timestamp::from_micros(row.get(0)?),
                text: text.ok_or_else(|| unreadable("batch of rows"))?,
            })
        });
        Ok(found.optional()?)
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

/// Calls `visit` with the id and the row count of each batch, in order of arrival, until it says
/// that it has enough.
pub(crate) fn walk(
    db: &Connection,
    (place, source): (Place, Option<i64>),
    after: u64,
    visit: &mut dyn FnMut(i64, u64) -> Done<bool>,
) -> Done<()> {
    let of_source = if source.is_some() { "AND batches.source = ?3" } else { "AND ?3 IS NULL" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT id, count FROM batches WHERE {} AND id > ?2 {of_source} ORDER BY id",
        place.batches()
    ))?;
    let mut rows = statement.query(params![place.key(), int(after), source])?;
    while let Some(row) = rows.next()? {
        let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        if !visit(row.get(0)?, count)? {
            break;
        }
    }
    Ok(())
}

fn page(db: &Connection, query: &ResultQuery) -> Done<ResultPage> {
    check(query)?;
    let Some(place) = place_of(db, query.scope)? else { return Ok(ResultPage::default()) };
    let Ok(source) = source_filter(db, query.source.as_deref())? else {
        return Ok(ResultPage::default());
    };
    if takes_all(query) {
        return plain_page(db, query, (place, source));
    }
    let mut sifter = Sifter::new(query);
    walk(db, (place, source), 0, &mut |id, _| {
        let batch = Batch::load(db, id)?;
        batch.visit(&mut |origin, json| {
            sifter.offer(origin, json, || batch.row(json));
            Ok(())
        })?;
        Ok(true)
    })?;
    Ok(sifter.finish())
}

fn facet(db: &Connection, query: &FacetQuery) -> Done<Facets> {
    let mut counter = FacetCounter::new(query)?;
    let Some(place) = place_of(db, query.of.scope)? else { return Ok(counter.finish()) };
    let Ok(source) = source_filter(db, query.of.source.as_deref())? else {
        return Ok(counter.finish());
    };
    walk(db, (place, source), 0, &mut |id, _| {
        let batch = Batch::load(db, id)?;
        batch.visit(&mut |origin, json| Ok(counter.offer(batch.client, origin, json)?))?;
        Ok(true)
    })?;
    Ok(counter.finish())
}

/// A page in order of arrival without conditions: batches before it are skipped unread.
fn plain_page(
    db: &Connection,
    query: &ResultQuery,
    (place, source): (Place, Option<i64>),
) -> Done<ResultPage> {
    let of_source = if source.is_some() { "AND source = ?2" } else { "AND ?2 IS NULL" };
    let total = db
        .prepare_cached(&format!(
            "SELECT sum(rows) FROM attempts
             JOIN attempt_sources ON attempt_sources.attempt = attempts.key
             WHERE {} {of_source}",
            place.attempts()
        ))?
        .query_row(params![place.key(), source], only_count)?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    let mut skip = query.offset;
    if limit > 0 && skip < total {
        walk(db, (place, source), 0, &mut |id, count| {
            if skip >= count {
                skip -= count;
                return Ok(true);
            }
            let batch = Batch::load(db, id)?;
            let wanted = batch.text.lines().skip(usize::try_from(skip).unwrap_or(usize::MAX));
            rows.extend(wanted.take(limit - rows.len()).map(|json| batch.row(json)));
            skip = 0;
            Ok(rows.len() < limit)
        })?;
    }
    Ok(ResultPage { rows, total })
}

fn scan(db: &Connection, scan: &Scan) -> Done<ScanPiece> {
    let Some(place) = place_of(db, scan.scope)? else { return Ok(ScanPiece::default()) };
    let Ok(source) = source_filter(db, scan.source.as_deref())? else {
        return Ok(ScanPiece::default());
    };
    let mut piece = ScanPiece::default();
    let mut last = None;
    let after = scan.after.map_or(0, |place| place.0);
    walk(db, (place, source), after, &mut |id, _| {
        if piece.rows.len() as u64 >= scan.rows.max(1) {
            piece.next = last;
            return Ok(false);
        }
        let batch = Batch::load(db, id)?;
        piece.rows.extend(batch.text.lines().map(|json| batch.row(json)));
        last = Some(ScanPlace(batch.id));
        Ok(true)
    })?;
    Ok(piece)
}

fn sources(db: &Connection, scope: ResultScope) -> Done<Vec<SourceSummary>> {
    let Some(place) = place_of(db, scope)? else { return Ok(Vec::new()) };
    // Thousands of attempts mostly have the same columns: each list is read once.
    let mut statement = db.prepare_cached(&format!(
        "SELECT source_names.name, sum(rows), columns FROM attempts
         JOIN attempt_sources ON attempt_sources.attempt = attempts.key
         JOIN source_names ON source_names.key = attempt_sources.source
         WHERE {} GROUP BY name, columns ORDER BY name, min(attempts.key)",
        place.attempts()
    ))?;
    let mut rows = statement.query([place.key()])?;
    let mut found: Vec<SourceSummary> = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if found.last().is_none_or(|last| last.source != name) {
            found.push(SourceSummary { source: name, rows: 0, columns: Vec::new() });
        }
        let columns: Vec<String> = serde_json::from_str(row.get_ref(2)?.as_str().unwrap_or("[]"))
            .map_err(|_| unreadable("list of columns"))?;
        if let Some(summary) = found.last_mut() {
            summary.rows += u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            for column in columns {
                if !summary.columns.contains(&column) {
                    summary.columns.push(column);
                }
            }
        }
    }
    Ok(found)
}

/// What has arrived of an attempt.
pub(crate) fn received(db: &Connection, attempt: AttemptId) -> Done<Tally> {
    let Some(key) = attempt_key(db, attempt)? else { return Ok(Tally::default()) };
    let nat = |n: i64| u64::try_from(n).unwrap_or(0);
    let mut statement = db.prepare_cached(
        "SELECT name, rows, batches FROM attempt_sources
         JOIN source_names ON source_names.key = attempt_sources.source WHERE attempt = ?1",
    )?;
    let counts = statement.query_map([key], |row| {
        Ok((row.get(0)?, SourceCount { rows: nat(row.get(1)?), batches: nat(row.get(2)?) }))
    })?;
    let sources = all(counts)?.into_iter().collect();
    let log_batches = db
        .prepare_cached("SELECT logs FROM attempts WHERE key = ?1")?
        .query_row([key], only_count)?;
    let (uploads, upload_bytes) = db
        .prepare_cached(
            "SELECT count(*), ifnull(sum(size), 0) FROM uploads
             WHERE attempt = ?1 AND sha256 IS NOT NULL",
        )?
        .query_row([key], |row| Ok((nat(row.get(0)?), nat(row.get(1)?))))?;
    Ok(Tally { sources, log_batches, uploads, upload_bytes })
}

fn log(db: &Connection, flow: FlowId, paging: Paging) -> Done<Page<LogLine>> {
    let mut page = Page { items: Vec::new(), total: 0 };
    let attempt = AttemptId { flow, attempt: current_attempt(db, flow)? };
    let Some(key) = attempt_key(db, attempt)? else { return Ok(page) };
    page.total = db
        .prepare_cached("SELECT sum(count) FROM logs WHERE attempt = ?1")?
        .query_row([key], only_count)?;
    let mut statement =
        db.prepare_cached("SELECT id, count FROM logs WHERE attempt = ?1 ORDER BY seq")?;
    let mut rows = statement.query([key])?;
    let mut skip = paging.offset;
    let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
    while let Some(row) = rows.next()? {
        let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        if skip >= count {
            skip -= count;
            continue;
        }
        if page.items.len() >= limit {
            break;
        }
        let wanted = read_lines(db, row.get(0)?)?;
        let wanted = wanted.into_iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        page.items.extend(wanted.take(limit - page.items.len()));
        skip = 0;
    }
    Ok(page)
}

fn read_lines(db: &Connection, id: i64) -> Done<Vec<LogLine>> {
    let body: String = db
        .prepare_cached("SELECT body FROM logs WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let lines: Vec<(i64, String, String)> =
        serde_json::from_str(&body).map_err(|_| Failure::from(unreadable("batch of log lines")))?;
    let line = |(time, level, text)| LogLine { time: Timestamp::from_micros(time), level, text };
    Ok(lines.into_iter().map(line).collect())
}

fn recount(db: &Connection, scope: ResultScope) -> Done<RowRecount> {
    let declared = match scope {
        ResultScope::Flow(flow) => db
            .prepare_cached("SELECT sum(rows) FROM flows WHERE id = ?1 AND state = 2")?
            .query_row([blob(flow.bits())], only_count)?,
        ResultScope::Hunt { hunt, round } => db
            .prepare_cached(
                "SELECT sum(rows) FROM flows WHERE hunt = ?1 AND round = ?2 AND state = 2",
            )?
            .query_row(params![blob(hunt.bits()), round], only_count)?,
        ResultScope::Rounds(hunt) => db
            .prepare_cached("SELECT sum(rows) FROM flows WHERE hunt = ?1 AND state = 2")?
            .query_row([blob(hunt.bits())], only_count)?,
    };
    let Some(place) = place_of(db, scope)? else {
        return Ok(RowRecount { declared, kept: 0, counted: 0 });
    };
    let kept = db
        .prepare_cached(&format!(
            "SELECT sum(rows) FROM attempts
             JOIN attempt_sources ON attempt_sources.attempt = attempts.key WHERE {}",
            place.attempts()
        ))?
        .query_row([place.key()], only_count)?;
    let mut counted = 0;
    walk(db, (place, None), 0, &mut |id, _| {
        counted += Batch::load(db, id)?.text.lines().count() as u64;
        Ok(true)
    })?;
    Ok(RowRecount { declared, kept, counted })
}

#[async_trait]
impl ResultStore for SqliteStore {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let batch = batch.clone();
        self.write_again("store rows", move |db| append(db, client, &batch, now)).await
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        _now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let batch = batch.clone();
        self.write_again("store log lines", move |db| append_log(db, client, &batch)).await
    }

    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError> {
        self.look_up("count what an attempt brought", |db| received(db, attempt))
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        let query = query.clone();
        self.search("read rows", move |db| page(db, &query)).await
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        let query = query.clone();
        self.search("count values", move |db| facet(db, &query)).await
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.search("sum up sources", move |db| sources(db, scope)).await
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        self.search("read a flow's log", move |db| log(db, flow, paging)).await
    }

    async fn scan(&self, wanted: &Scan) -> Result<ScanPiece, StoreError> {
        let wanted = wanted.clone();
        self.search("read rows", move |db| scan(db, &wanted)).await
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        self.search("recount rows", move |db| recount(db, scope)).await
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.write("forget rows", move |db| forget(db, hunt, limit, now)).await
    }
}
