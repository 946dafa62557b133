//! The port of ledgers: steps go to the writer, lists to a reading connection.

use async_trait::async_trait;
use base::Timestamp;
use loghunt::command::{Applied, Refusal};
use loghunt::ports::{LedgerStore, Old, SliceQuery, Step, StreamQuery};
use loghunt::stream::{Run, Stream};
use model::log::{Domain, Slice, StreamKey};
use model::store::{Page, Paging, StoreError};
use rusqlite::{Connection, params};

use crate::LogStore;
use crate::codec::{Done, int};
use crate::log_columns::{
    Columns, KEY, KEY_ORDER, RUN, SLICE, STREAM, read_run, read_slice, read_stream,
};
use crate::log_filter::Filter;
use crate::{log_findings, log_step};

/// The conditions of a query for streams.
fn of_streams(query: &StreamQuery) -> Filter {
    let mut filter = Filter::default();
    let text = |name: &str| name.to_owned();
    filter.and_some("k.tenant = ?", query.tenant.as_ref().map(|name| text(name.as_str())));
    filter.and_some("k.dataset = ?", query.dataset.as_ref().map(|name| text(name.as_str())));
    filter.and_some("k.rule = ?", query.rule.as_ref().map(|name| text(name.as_str())));
    filter.and_some("k.lane = ?", query.lane.as_ref().map(model::log::Lane::word));
    filter.and_some("k.epoch = ?", query.epoch.map(i64::from));
    filter.one_of("k.status", query.statuses.iter().copied());
    filter
}

fn streams(db: &Connection, query: &StreamQuery) -> Done<Page<Stream>> {
    let columns = format!("{KEY}, {STREAM}");
    let read = |row: &rusqlite::Row<'_>| {
        let mut columns = Columns::of(row);
        read_stream(columns.key()?, &mut columns)
    };
    let parts = [&columns, "log_streams k", KEY_ORDER];
    Ok(of_streams(query).page(db, parts, query.paging, read)?)
}

fn slices(db: &Connection, query: &SliceQuery) -> Done<Page<Slice>> {
    let mut filter = of_streams(&query.of);
    filter.and_some("s.id = ?", query.id.map(|id| id.0.to_be_bytes().to_vec()));
    if let Some(window) = query.window {
        let bounds = [window.from().0.into(), window.to().0.into()];
        filter.and("s.to_pos > ? AND s.from_pos < ?", bounds);
    }
    if query.states.is_empty() {
        filter.and("s.state NOT IN ('split', 'superseded')", []);
    } else {
        filter.one_of("s.state", query.states.iter().copied());
    }
    let due = "s.audit_at IS NOT NULL AND s.audit_at <= ?";
    filter.and_some(due, query.audit_by.map(Timestamp::as_micros));
    let columns = format!("{KEY}, k.domain, {SLICE}");
    let read = |row: &rusqlite::Row<'_>| {
        let mut columns = Columns::of(row);
        let key = columns.key()?;
        let domain = columns.word("domain", Domain::parse)?;
        read_slice(key, domain, &mut columns)
    };
    let tables = "log_slices s JOIN log_streams k ON k.id = s.stream";
    Ok(filter.page(db, [&columns, tables, "s.from_pos, s.id"], query.paging, read)?)
}

fn runs(db: &Connection, query: &StreamQuery, paging: Paging) -> Done<Page<Run>> {
    let columns = format!("{KEY}, {RUN}");
    let read = |row: &rusqlite::Row<'_>| {
        let mut columns = Columns::of(row);
        read_run(columns.key()?, &mut columns)
    };
    let tables = "log_runs r JOIN log_streams k ON k.id = r.stream";
    Ok(of_streams(query).page(db, [&columns, tables, "r.seq DESC"], paging, read)?)
}

/// Forgets slices and attempts; what stays is said by the port.
fn forget_runs(db: &Connection, before: Timestamp, limit: u64) -> rusqlite::Result<usize> {
    let bounds = params![before.as_micros(), int(limit)];
    let slices = db
        .prepare_cached(
            "DELETE FROM log_slices WHERE id IN (
                 SELECT s.id FROM log_slices s JOIN log_streams k ON k.id = s.stream
                 WHERE s.open = 0 AND s.moved_at < ?1 AND s.audit_at IS NULL
                     AND s.to_pos < k.planned_to
                     AND (s.to_pos <= k.checkpoint OR k.lane GLOB 'repair.*')
                 ORDER BY s.moved_at LIMIT ?2)",
        )?
        .execute(bounds)?;
    // The oldest are looked at, not all: attempts are numbered as they end.
    let runs = db
        .prepare_cached(
            "DELETE FROM log_runs WHERE seq IN (
                 SELECT seq FROM (SELECT seq, ended_at FROM log_runs ORDER BY seq LIMIT ?2)
                 WHERE ended_at < ?1)",
        )?
        .execute(bounds)?;
    Ok(slices + runs)
}

fn forget(db: &Connection, old: Old) -> Done<u64> {
    let mut gone = 0;
    if let Some(before) = old.runs_before {
        gone += forget_runs(db, before, old.limit)?;
    }
    if let Some(before) = old.findings_before {
        gone += log_findings::forget(db, before, old.limit)?;
    }
    Ok(gone as u64)
}

#[async_trait]
impl LedgerStore for LogStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn step(&self, step: &Step) -> Result<Result<Applied, Refusal>, StoreError> {
        let step = step.clone();
        let clock = self.clock.clone();
        // The clock is read under the lock: steps see it in the order in which they happen.
        self.write("move a stream", move |db| log_step::step(db, &step, clock.now())).await
    }

    async fn stream(&self, key: &StreamKey) -> Result<Option<Stream>, StoreError> {
        self.look_up("read a stream", |db| {
            Ok(log_step::find_stream(db, key)?.map(|(_, stream)| stream))
        })
    }

    async fn streams(&self, query: &StreamQuery) -> Result<Page<Stream>, StoreError> {
        let query = query.clone();
        self.search("list streams", move |db| streams(db, &query)).await
    }

    async fn slices(&self, query: &SliceQuery) -> Result<Page<Slice>, StoreError> {
        let query = query.clone();
        self.search("list windows", move |db| slices(db, &query)).await
    }

    async fn runs(&self, query: &StreamQuery, paging: Paging) -> Result<Page<Run>, StoreError> {
        let query = query.clone();
        self.search("list attempts", move |db| runs(db, &query, paging)).await
    }

    async fn forget(&self, old: &Old) -> Result<u64, StoreError> {
        let old = *old;
        self.write("forget old records", move |db| forget(db, old)).await
    }
}
