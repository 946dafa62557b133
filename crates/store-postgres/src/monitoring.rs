//! The monitoring table, and rows of event artifacts by day.
//!
//! Batches are numbered in the order of their commits: the number is taken from one record, last in
//! the transaction, and that record stays locked until the commit. Whoever follows the events from a
//! place therefore never finds one before it.

use std::pin::pin;

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use deadpool_postgres::Object;
use flows::monitoring::{
    EventPiece, EventPlace, EventScan, EventsAppended, MonitoringStore, as_results,
};
use flows::query::{Origin, Sifter, check, note_columns, on_one_line, takes_all};
use futures_util::TryStreamExt;
use model::monitoring::{
    Day, EventBatch, EventDay, EventKind, EventPage, EventQuery, EventRow, EventScope,
    MonitoringTable,
};
use model::store::StoreError;
use records::{pack, read_monitoring, unpack, write_monitoring};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::{Done, Failure};
use crate::filter::Bound;
use crate::transaction::{Lent, Question};
use crate::values::{Id, bound, int, moment, one, text};

/// Days of sources that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 20;

/// A run that was not heard of for so long sends nothing again.
const RUN_LIFE_MICROS: i64 = 400 * 86_400_000_000;

/// Most batches that one piece of a scan looks at.
const SCANNED_MAX: i64 = 20_000;

fn kind_code(kind: EventKind) -> i64 {
    match kind {
        EventKind::Rows => 0,
        EventKind::Log => 1,
    }
}

/// What a source has brought on a day so far.
#[derive(Default)]
struct DaySoFar {
    rows: u64,
    bytes: u64,
    columns: Vec<String>,
}

fn read_day(row: &Row) -> Done<DaySoFar> {
    let mut row = Columns::of(row);
    Ok(DaySoFar {
        rows: row.count()?,
        bytes: row.count()?,
        columns: row.word("list of columns", |json| serde_json::from_str(json).ok())?,
    })
}

const FIND_RUN: &str = "SELECT next FROM event_runs
    WHERE client = $1 AND source = $2 AND kind = $3 AND run = $4 FOR NO KEY UPDATE";

const FIND_DAY: &str = "SELECT rows, bytes, columns FROM event_days
    WHERE client = $1 AND source = $2 AND kind = $3 AND day = $4 FOR NO KEY UPDATE";

// What is new is inserted without a word about conflicts: another node's makes it fail and begin again.
const NEW_RUN: &str = "INSERT INTO event_runs (client, source, kind, run, next, touched)
    VALUES ($1, $2, $3, $4, $5, $6)";

const MOVE_RUN: &str = "UPDATE event_runs SET next = $5, touched = $6
    WHERE client = $1 AND source = $2 AND kind = $3 AND run = $4";

const NEW_DAY: &str = "INSERT INTO event_days (client, source, kind, day, rows, bytes, columns)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const MOVE_DAY: &str = "UPDATE event_days SET rows = $5, bytes = $6, columns = $7
    WHERE client = $1 AND source = $2 AND kind = $3 AND day = $4";

const INSERT: &str = "WITH number AS (
        UPDATE event_numbers SET newest = newest + 1 WHERE one RETURNING newest)
    INSERT INTO event_batches (id, client, source, kind, day, stored, count, packed, body)
    SELECT newest, $1, $2, $3, $4, $5, $6, $7, $8 FROM number";

async fn append(
    lent: Lent,
    client: ClientId,
    batch: &EventBatch,
    now: Timestamp,
) -> Done<EventsAppended> {
    let day = Day::of(now).0;
    let key = |last: Bound| -> Vec<Bound> {
        vec![one(Id(client.bits())), text(&batch.source), one(kind_code(batch.kind)), last]
    };
    let run_key = || key(one(Id(batch.run.0)));
    let questions =
        vec![Question::new(FIND_RUN, run_key()), Question::new(FIND_DAY, key(one(day)))];
    let found = lent.begin(questions).await?;
    let row = |place: usize| found.get(place).and_then(|rows| rows.first());
    let next = row(0).map(|row| Columns::of(row).count()).transpose()?;
    if batch.seq < next.unwrap_or(0) {
        lent.roll_back().await?;
        return Ok(EventsAppended::Duplicate);
    }
    let known_day = row(1).map(read_day).transpose()?;
    let is_new_day = known_day.is_none();
    let mut so_far = known_day.unwrap_or_default();
    let mut lines = Vec::with_capacity(batch.events.len());
    for (index, event) in batch.events.iter().enumerate() {
        if let Err(why) = note_columns(&event.json, &mut so_far.columns) {
            lent.roll_back().await?;
            let why = format!("row {index} is not a JSON object: {why}");
            return Ok(EventsAppended::Refused(why));
        }
        so_far.bytes += event.json.len() as u64;
        lines.push(format!("{}\t{}", event.observed.as_micros(), on_one_line(&event.json)));
    }
    let count = lines.len() as u64;
    let mut of_run = run_key();
    of_run.extend([one(int(batch.seq.saturating_add(1))), moment(now)]);
    let columns = serde_json::to_string(&so_far.columns).expect("a list of texts has a JSON form");
    let mut of_day = key(one(day));
    of_day.extend([one(int(so_far.rows + count)), one(int(so_far.bytes)), one(columns)]);
    let (packed, body) = pack(lines.iter());
    let mut of_batch = key(one(day));
    of_batch.extend([moment(now), one(int(count)), one(packed), one(body)]);
    let writes = vec![
        Question::new(if next.is_some() { MOVE_RUN } else { NEW_RUN }, of_run),
        Question::new(if is_new_day { NEW_DAY } else { MOVE_DAY }, of_day),
        Question::new(INSERT, of_batch),
    ];
    lent.commit(writes).await?;
    Ok(EventsAppended::Stored)
}

/// A batch with where it comes from.
struct Batch {
    place: EventPlace,
    client: ClientId,
    hostname: String,
    stored: Timestamp,
    text: String,
}

/// The columns of a batch, in the order of [`Batch::read`].
const BATCH: &str = "b.day, b.id, b.client, coalesce(c.hostname, ''), b.stored, b.packed, b.body";

const SENT_BY: &str = "LEFT JOIN clients c ON c.id = b.client";

impl Batch {
    fn read(row: &mut Columns<'_>) -> Done<Self> {
        let place = EventPlace { day: row.take()?, batch: row.count()? };
        let client = ClientId::from_bits(row.bits()?);
        let (hostname, stored) = (row.take()?, row.moment()?);
        let text = unpack(row.take()?, row.take()?).ok_or(Failure::Unreadable("batch of rows"))?;
        Ok(Self { place, client, hostname, stored, text })
    }

    fn events(&self) -> impl Iterator<Item = (Timestamp, &str)> {
        self.text.lines().filter_map(|line| {
            let (observed, json) = line.split_once('\t')?;
            Some((Timestamp::from_micros(observed.parse().ok()?), json))
        })
    }

    fn row(&self, source: &str, (observed, json): (Timestamp, &str)) -> EventRow {
        EventRow {
            client: self.client,
            source: source.to_owned(),
            stored: self.stored,
            observed,
            json: json.to_owned(),
        }
    }
}

/// Before everything.
const BEGINNING: EventPlace = EventPlace { day: i64::MIN, batch: 0 };

/// The batches `b` of a scope behind a place, with what is bound as `$1` to `$8`.
fn batches_of(scope: &EventScope, after: EventPlace) -> (String, Vec<Bound>) {
    let from = scope.from.map_or(i64::MIN, Timestamp::as_micros);
    let to = scope.to.map_or(i64::MAX, Timestamp::as_micros);
    // Days before the first that can matter are skipped; behind it numbers do not restrict.
    let first = scope.from.map_or(i64::MIN, |from| Day::of(from).0).max(after.day);
    let number = if first == after.day { int(after.batch) } else { -1 };
    let last = scope.to.map_or(i64::MAX, |to| Day::of(to).0);
    let of_client = if scope.client.is_some() { "b.client = $8" } else { "$8::bytea IS NULL" };
    let sql = format!(
        "event_batches b WHERE {of_client} AND b.source = $1 AND b.kind = $2 AND b.day >= $3
             AND b.day <= $4 AND (b.day, b.id) > ($3, $5) AND b.stored >= $6 AND b.stored < $7"
    );
    let values = vec![
        text(&scope.source),
        one(kind_code(scope.kind)),
        one(first),
        one(last),
        one(number),
        one(from),
        one(to),
        one(scope.client.map(|client| Id(client.bits()))),
    ];
    (sql, values)
}

async fn page(db: &Object, query: &EventQuery) -> Done<EventPage> {
    let rules = as_results(query);
    check(&rules)?;
    if takes_all(&rules) {
        return plain_page(db, query).await;
    }
    let mut sifter = Sifter::new(&rules);
    let source = query.scope.source.as_str();
    let (of, values) = batches_of(&query.scope, BEGINNING);
    let sql =
        format!("SELECT {BATCH} FROM (SELECT b.* FROM {of}) b {SENT_BY} ORDER BY b.day, b.id");
    let statement = db.prepare_cached(&sql).await?;
    let mut rows = pin!(db.query_raw(&statement, bound(&values)).await?);
    while let Some(row) = rows.try_next().await? {
        let batch = Batch::read(&mut Columns::of(&row))?;
        let client = batch.client.to_string();
        for event in batch.events() {
            let origin = Origin {
                client: &client,
                hostname: &batch.hostname,
                flow: "",
                round: None,
                source,
                stored: batch.stored,
                observed: Some(event.0),
            };
            sifter.offer(origin, event.1, || batch.row(source, event));
        }
    }
    let (rows, total) = sifter.rows();
    Ok(EventPage { rows, total })
}

async fn plain_page(db: &Object, query: &EventQuery) -> Done<EventPage> {
    let source = query.scope.source.as_str();
    let (of, values) = batches_of(&query.scope, BEGINNING);
    let sum = format!("SELECT coalesce(sum(b.count), 0)::bigint FROM {of}");
    let rows = Question::new(sum, values).rows(db).await?;
    let total = Columns::of(rows.first().ok_or(Failure::Unreadable("sum"))?).count()?;
    let end = query.offset.saturating_add(query.limit);
    let (of, mut values) = batches_of(&query.scope, BEGINNING);
    values.extend([one(int(query.offset)), one(int(end))]);
    let sql = format!(
        "SELECT n.before, {BATCH} FROM (
             SELECT b.id, b.count,
                 (sum(b.count) OVER (ORDER BY b.day, b.id) - b.count)::bigint AS before FROM {of}) n
         JOIN event_batches b ON b.id = n.id {SENT_BY}
         WHERE n.before < $10 AND n.before + n.count > $9 ORDER BY b.day, b.id"
    );
    let mut page = EventPage { rows: Vec::new(), total };
    for row in &Question::new(sql, values).rows(db).await? {
        let mut row = Columns::of(row);
        let before = row.count()?;
        let batch = Batch::read(&mut row)?;
        let numbered = (before..).zip(batch.events());
        let wanted = numbered.filter(|(number, _)| (query.offset..end).contains(number));
        page.rows.extend(wanted.map(|(_, event)| batch.row(source, event)));
    }
    Ok(page)
}

async fn scan(db: &Object, scan: &EventScan) -> Done<EventPiece> {
    let (of, mut values) = batches_of(&scan.scope, scan.after);
    values.extend([one(int(scan.rows.max(1))), one(SCANNED_MAX)]);
    // Batches until there are rows enough, and whether there is one behind them.
    let sql = format!(
        "SELECT n.seen, {BATCH} FROM (
             SELECT o.id, (sum(o.count) OVER (ORDER BY o.day, o.id) - o.count)::bigint AS before,
                 count(*) OVER () AS seen
             FROM (SELECT b.id, b.day, b.count FROM {of} ORDER BY b.day, b.id LIMIT $10) o) n
         JOIN event_batches b ON b.id = n.id {SENT_BY}
         WHERE n.before < $9 ORDER BY b.day, b.id"
    );
    let rows = Question::new(sql, values).rows(db).await?;
    let mut piece = EventPiece { rows: Vec::new(), place: scan.after, end: true };
    let mut seen = 0;
    for row in &rows {
        let mut row = Columns::of(row);
        seen = row.count()?;
        let batch = Batch::read(&mut row)?;
        piece.rows.extend(batch.events().map(|event| batch.row(&scan.scope.source, event)));
        piece.place = batch.place;
    }
    piece.end = seen <= rows.len() as u64 && seen < loghunt::flat::count(SCANNED_MAX);
    Ok(piece)
}

async fn days(db: &Object, client: Option<ClientId>) -> Done<Vec<EventDay>> {
    let sql = "SELECT client, source, kind, day, rows, bytes, columns FROM event_days
        WHERE $1::bytea IS NULL OR client = $1 ORDER BY client, source, kind, day";
    let list = Question::new(sql, vec![one(client.map(|client| Id(client.bits())))]);
    let read = |row: &Row| {
        let mut row = Columns::of(row);
        Ok(EventDay {
            client: ClientId::from_bits(row.bits()?),
            source: row.take()?,
            kind: if row.take::<i64>()? == 0 { EventKind::Rows } else { EventKind::Log },
            day: Day(row.take()?),
            rows: row.count()?,
            bytes: row.count()?,
            columns: row.word("list of columns", |json| serde_json::from_str(json).ok())?,
        })
    };
    list.rows(db).await?.iter().map(read).collect()
}

/// Forgets the oldest days, locked first, and runs that will never be heard of again.
const FORGET: &str = "WITH old AS (
        SELECT client, source, kind, day FROM event_days WHERE day < $1
        ORDER BY day, client, source, kind LIMIT $2 FOR UPDATE),
    batches AS (
        DELETE FROM event_batches b USING old o WHERE b.client = o.client AND b.source = o.source
            AND b.kind = o.kind AND b.day = o.day),
    days AS (
        DELETE FROM event_days d USING old o WHERE d.client = o.client AND d.source = o.source
            AND d.kind = o.kind AND d.day = o.day),
    runs AS (DELETE FROM event_runs WHERE touched < $3)
    SELECT count(*) FROM old";

#[async_trait]
impl MonitoringStore for RecordStore {
    async fn monitoring_table(&self) -> Result<MonitoringTable, StoreError> {
        let find = "SELECT revision, entries FROM monitoring WHERE one";
        let find = Question::new(find, vec![]);
        self.read("read what is monitored", |db| async move {
            let rows = find.rows(&db).await?;
            let mut row = Columns::of(rows.first().ok_or(Failure::Unreadable("table"))?);
            Ok(MonitoringTable {
                revision: row.count()?,
                entries: row.word("monitoring table", |json| read_monitoring(json).ok())?,
            })
        })
        .await
    }

    async fn keep_monitoring_table(&self, table: &MonitoringTable) -> Result<(), StoreError> {
        let sql = "UPDATE monitoring SET revision = $1, entries = $2 WHERE one AND revision = $3";
        let values = vec![
            one(int(table.revision)),
            one(write_monitoring(&table.entries)),
            one(int(table.revision.saturating_sub(1))),
        ];
        match self.write_one("keep what is monitored", Question::new(sql, values)).await? {
            0 => Err(StoreError::conflict(
                "somebody else changed what is monitored meanwhile; look again and repeat",
            )),
            _ => Ok(()),
        }
    }

    async fn append_events(
        &self,
        client: ClientId,
        batch: &EventBatch,
        now: Timestamp,
    ) -> Result<EventsAppended, StoreError> {
        self.step("store events", |lent| append(lent, client, batch, now)).await
    }

    async fn event_days(&self, client: Option<ClientId>) -> Result<Vec<EventDay>, StoreError> {
        self.read("list the days of events", |db| async move { days(&db, client).await }).await
    }

    async fn event_page(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        self.read("read events", |db| async move { page(&db, query).await }).await
    }

    async fn scan_events(&self, wanted: &EventScan) -> Result<EventPiece, StoreError> {
        self.read("read events", |db| async move { scan(&db, wanted).await }).await
    }

    async fn newest_event(&self) -> Result<EventPlace, StoreError> {
        let sql = "SELECT (SELECT coalesce(max(day), 0) FROM event_days), newest
            FROM event_numbers WHERE one";
        let find = Question::new(sql, vec![]);
        self.read("find the newest event", |db| async move {
            let rows = find.rows(&db).await?;
            let mut row = Columns::of(rows.first().ok_or(Failure::Unreadable("number"))?);
            Ok(EventPlace { day: row.take()?, batch: row.count()? })
        })
        .await
    }

    async fn forget_events(&self, first: Day) -> Result<bool, StoreError> {
        let runs = first.start().as_micros().saturating_sub(RUN_LIFE_MICROS);
        let values = vec![one(first.0), one(FORGOTTEN_AT_ONCE), one(runs)];
        let forget = Question::new(FORGET, values);
        self.read("forget old events", |db| async move {
            let rows = forget.rows(&db).await?;
            let gone: i64 = Columns::of(rows.first().ok_or(Failure::Unreadable("sum"))?).take()?;
            Ok(gone == FORGOTTEN_AT_ONCE)
        })
        .await
    }
}
