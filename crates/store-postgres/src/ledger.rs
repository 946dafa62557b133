//! The port of ledgers.

use async_trait::async_trait;
use base::Timestamp;
use loghunt::command::{Applied, Refusal};
use loghunt::flat::int;
use loghunt::ports::{LedgerStore, Old, SliceQuery, Step, StreamQuery};
use loghunt::stream::{Run, Stream};
use model::log::{Domain, Slice, StreamKey};
use model::store::{Page, Paging, StoreError};

use crate::PostgresLog;
use crate::columns::{
    Columns, KEY, KEY_ORDER, OF_KEY, RUN, SLICE, STREAM, clean, read_run, read_slice, read_stream,
};
use crate::failure::Done;
use crate::filter::Filter;
use crate::step;

/// The conditions of a query for streams.
fn of_streams(query: &StreamQuery) -> Filter {
    let mut filter = Filter::default();
    filter.and_text("k.tenant = ?", query.tenant.as_ref().map(|name| name.as_str()));
    filter.and_text("k.dataset = ?", query.dataset.as_ref().map(|name| name.as_str()));
    filter.and_text("k.rule = ?", query.rule.as_ref().map(|name| name.as_str()));
    filter.and_text("k.lane = ?", query.lane.as_ref().map(|lane| lane.word()).as_deref());
    filter.and_number("k.epoch = ?", query.epoch.map(i64::from));
    filter.one_of("k.status", query.statuses.iter().copied());
    filter
}

fn of_slices(query: &SliceQuery) -> Filter {
    let mut filter = of_streams(&query.of);
    if let Some(id) = query.id {
        filter.and("s.id = ?", [Box::new(id.0.to_be_bytes().to_vec())]);
    }
    if let Some(window) = query.window {
        let bounds: [crate::filter::Bound; 2] =
            [Box::new(window.from().0), Box::new(window.to().0)];
        filter.and("s.to_pos > ? AND s.from_pos < ?", bounds);
    }
    if query.states.is_empty() {
        filter.and("s.state NOT IN ('split', 'superseded')", []);
    } else {
        filter.one_of("s.state", query.states.iter().copied());
    }
    let due = "s.audit_at IS NOT NULL AND s.audit_at <= ?";
    filter.and_number(due, query.audit_by.map(Timestamp::as_micros));
    filter
}

const FORGET_SLICES: &str = "DELETE FROM log_slices WHERE id IN (
    SELECT s.id FROM log_slices s JOIN log_streams k ON k.id = s.stream
    WHERE NOT s.open AND s.moved_at < $1 AND s.audit_at IS NULL AND s.to_pos < k.planned_to
        AND (s.to_pos <= k.checkpoint OR k.lane LIKE 'repair.%')
    ORDER BY s.moved_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED)";

// The oldest are looked at, not all: attempts are numbered about as they end.
const FORGET_RUNS: &str = "DELETE FROM log_runs WHERE seq IN (
    SELECT seq FROM (SELECT seq, ended_at FROM log_runs ORDER BY seq LIMIT $2) oldest
    WHERE ended_at < $1)";

const FORGET_FINDINGS: &str = "WITH gone AS (
        DELETE FROM log_findings WHERE id IN (
            SELECT id FROM log_findings WHERE found_at < $1 ORDER BY found_at LIMIT $2)
        RETURNING id),
    buckets AS (DELETE FROM log_buckets WHERE finding IN (SELECT id FROM gone))
    SELECT count(*) FROM gone";

impl PostgresLog {
    async fn now_of_server(&self) -> Done<Timestamp> {
        if let Some(replaced) = self.replaced_clock() {
            return Ok(Timestamp::from_micros(replaced));
        }
        let db = self.connection().await?;
        let now = db.prepare_cached("SELECT log_now()").await?;
        Ok(Timestamp::from_micros(db.query_one(&now, &[]).await?.try_get(0)?))
    }

    async fn find_stream(&self, key: &StreamKey) -> Done<Option<Stream>> {
        let db = self.connection().await?;
        let sql = format!("SELECT {STREAM} FROM log_streams k WHERE {OF_KEY}");
        let find = db.prepare_cached(&sql).await?;
        let row = db
            .query_opt(
                &find,
                &[
                    &key.tenant.as_str(),
                    &key.dataset.as_str(),
                    &clean(&key.part),
                    &key.rule.as_str(),
                    &i64::from(key.epoch),
                    &key.lane.word(),
                ],
            )
            .await?;
        row.map(|row| read_stream(key.clone(), &mut Columns::of(&row))).transpose()
    }

    async fn list_streams(&self, query: &StreamQuery) -> Done<Page<Stream>> {
        let db = self.connection().await?;
        let columns = format!("{KEY}, {STREAM}");
        let parts = [columns.as_str(), "log_streams k", KEY_ORDER];
        let read = |row: &tokio_postgres::Row| {
            let mut columns = Columns::of(row);
            read_stream(columns.key()?, &mut columns)
        };
        of_streams(query).page(&db, parts, query.paging, read).await
    }

    async fn list_slices(&self, query: &SliceQuery) -> Done<Page<Slice>> {
        let db = self.connection().await?;
        let columns = format!("{KEY}, k.domain, {SLICE}");
        let tables = "log_slices s JOIN log_streams k ON k.id = s.stream";
        let parts = [columns.as_str(), tables, "s.from_pos, s.id"];
        let read = |row: &tokio_postgres::Row| {
            let mut columns = Columns::of(row);
            let key = columns.key()?;
            let domain = columns.word("domain", Domain::parse)?;
            read_slice(key, domain, &mut columns)
        };
        of_slices(query).page(&db, parts, query.paging, read).await
    }

    async fn list_runs(&self, query: &StreamQuery, paging: Paging) -> Done<Page<Run>> {
        let db = self.connection().await?;
        let columns = format!("{KEY}, {RUN}");
        let tables = "log_runs r JOIN log_streams k ON k.id = r.stream";
        let read = |row: &tokio_postgres::Row| {
            let mut columns = Columns::of(row);
            read_run(columns.key()?, &mut columns)
        };
        let parts = [columns.as_str(), tables, "r.seq DESC"];
        of_streams(query).page(&db, parts, paging, read).await
    }

    async fn forget_old(&self, old: &Old) -> Done<u64> {
        let db = self.connection().await?;
        let limit = int(old.limit);
        let mut gone = 0;
        if let Some(before) = old.runs_before {
            for sql in [FORGET_SLICES, FORGET_RUNS] {
                let forget = db.prepare_cached(sql).await?;
                gone += db.execute(&forget, &[&before.as_micros(), &limit]).await?;
            }
        }
        if let Some(before) = old.findings_before {
            let forget = db.prepare_cached(FORGET_FINDINGS).await?;
            let row = db.query_one(&forget, &[&before.as_micros(), &limit]).await?;
            gone += loghunt::flat::count(row.try_get(0)?);
        }
        Ok(gone)
    }
}

#[async_trait]
impl LedgerStore for PostgresLog {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.now_of_server().await.map_err(|failure| failure.while_doing("read the clock"))
    }

    async fn step(&self, step: &Step) -> Result<Result<Applied, Refusal>, StoreError> {
        step::step(self, step).await.map_err(|failure| failure.while_doing("move a stream"))
    }

    async fn stream(&self, key: &StreamKey) -> Result<Option<Stream>, StoreError> {
        self.find_stream(key).await.map_err(|failure| failure.while_doing("read a stream"))
    }

    async fn streams(&self, query: &StreamQuery) -> Result<Page<Stream>, StoreError> {
        self.list_streams(query).await.map_err(|failure| failure.while_doing("list streams"))
    }

    async fn slices(&self, query: &SliceQuery) -> Result<Page<Slice>, StoreError> {
        self.list_slices(query).await.map_err(|failure| failure.while_doing("list windows"))
    }

    async fn runs(&self, query: &StreamQuery, paging: Paging) -> Result<Page<Run>, StoreError> {
        let runs = self.list_runs(query, paging).await;
        runs.map_err(|failure| failure.while_doing("list attempts"))
    }

    async fn forget(&self, old: &Old) -> Result<u64, StoreError> {
        self.forget_old(old).await.map_err(|failure| failure.while_doing("forget old records"))
    }
}
