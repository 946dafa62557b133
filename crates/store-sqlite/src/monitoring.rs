//! The monitoring table, and rows of event artifacts by day.
//!
//! Batches are kept and read as those of flows are: whole, compressed, skipped by their counts when a
//! question has no conditions.

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use flows::monitoring::{
    EventPiece, EventPlace, EventScan, EventsAppended, MonitoringStore, as_results,
};
use flows::query::{Origin, Sifter, check, note_columns, on_one_line, takes_all};
use model::monitoring::{
    Day, EventBatch, EventDay, EventKind, EventPage, EventQuery, EventRow, EventScope,
    MonitoringTable,
};
use model::store::StoreError;
use records::{pack, read_monitoring, unpack, write_monitoring};
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStore;
use crate::codec::{Done, all, blob, int, micros, only_count, unreadable};
use crate::rows_write::source_key;

/// Days of sources that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 20;

/// A run that was not heard of for so long sends nothing again.
const RUN_LIFE_MICROS: i64 = 400 * 86_400_000_000;

fn kind_code(kind: EventKind) -> i64 {
    match kind {
        EventKind::Rows => 0,
        EventKind::Log => 1,
    }
}

fn table(db: &Connection) -> Done<MonitoringTable> {
    let mut find = db.prepare_cached("SELECT revision, entries FROM monitoring WHERE one = 1")?;
    let (revision, entries): (i64, String) =
        find.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let entries = read_monitoring(&entries).map_err(|_| unreadable("monitoring table"))?;
    Ok(MonitoringTable { revision: u64::try_from(revision).unwrap_or(0), entries })
}

fn keep_table(db: &Connection, wanted: &MonitoringTable) -> Done<()> {
    let changed = db
        .prepare_cached("UPDATE monitoring SET revision = ?1, entries = ?2 WHERE revision = ?3")?
        .execute(params![
            int(wanted.revision),
            write_monitoring(&wanted.entries),
            int(wanted.revision.saturating_sub(1)),
        ])?;
    if changed == 0 {
        let why = "somebody else changed what is monitored meanwhile; look again and repeat";
        return Err(StoreError::conflict(why).into());
    }
    Ok(())
}

/// What a source has brought on a day so far.
#[derive(Default)]
struct DaySoFar {
    rows: u64,
    bytes: u64,
    columns: Vec<String>,
}

fn day_so_far(db: &Connection, key: (&[u8; 16], i64, i64, i64)) -> Done<DaySoFar> {
    let (client, source, kind, day) = key;
    let mut find = db.prepare_cached(
        "SELECT rows, bytes, columns FROM event_days
         WHERE client = ?1 AND source = ?2 AND kind = ?3 AND day = ?4",
    )?;
    let nat = |n: i64| u64::try_from(n).unwrap_or(0);
    let found = find.query_row(params![client, source, kind, day], |row| {
        let columns: String = row.get(2)?;
        let columns = serde_json::from_str(&columns).map_err(|_| unreadable("list of columns"))?;
        Ok(DaySoFar { rows: nat(row.get(0)?), bytes: nat(row.get(1)?), columns })
    });
    Ok(found.optional()?.unwrap_or_default())
}

fn append(
    db: &Connection,
    client: ClientId,
    batch: &EventBatch,
    now: Timestamp,
) -> Done<EventsAppended> {
    let (client, run, kind) = (blob(client.bits()), blob(batch.run.0), kind_code(batch.kind));
    let source = source_key(db, &batch.source)?;
    let next = db
        .prepare_cached(
            "SELECT next FROM event_runs
             WHERE client = ?1 AND source = ?2 AND kind = ?3 AND run = ?4",
        )?
        .query_row(params![client, source, kind, run], only_count)
        .optional()?;
    if batch.seq < next.unwrap_or(0) {
        return Ok(EventsAppended::Duplicate);
    }
    let day = Day::of(now).0;
    let mut so_far = day_so_far(db, (&client, source, kind, day))?;
    let mut lines = Vec::with_capacity(batch.events.len());
    for (index, event) in batch.events.iter().enumerate() {
        if let Err(why) = note_columns(&event.json, &mut so_far.columns) {
            let why = format!("row {index} is not a JSON object: {why}");
            return Ok(EventsAppended::Refused(why));
        }
        so_far.bytes += event.json.len() as u64;
        lines.push(format!("{}\t{}", micros(event.observed), on_one_line(&event.json)));
    }
    let count = lines.len() as u64;
    db.prepare_cached(
        "INSERT OR REPLACE INTO event_runs (client, source, kind, run, next, touched)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        client,
        source,
        kind,
        run,
        int(batch.seq.saturating_add(1)),
        micros(now)
    ])?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO event_days (client, source, kind, day, rows, bytes, columns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        client,
        source,
        kind,
        day,
        int(so_far.rows + count),
        int(so_far.bytes),
        serde_json::to_string(&so_far.columns).expect("a list of texts has a JSON form"),
    ])?;
    let (packed, body) = pack(lines.iter());
    db.prepare_cached(
        "INSERT INTO event_batches (client, source, kind, day, stored, count, packed, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![client, source, kind, day, micros(now), int(count), packed, body])?;
    Ok(EventsAppended::Stored)
}

/// A batch with where it comes from.
struct Batch {
    client: ClientId,
    hostname: String,
    stored: Timestamp,
    text: String,
}

impl Batch {
    fn load(db: &Connection, id: i64) -> Done<Self> {
        let mut statement = db.prepare_cached(
            "SELECT client, ifnull(clients.hostname, ''), stored, packed, body
             FROM event_batches LEFT JOIN clients ON clients.id = client
             WHERE event_batches.id = ?1",
        )?;
        Ok(statement.query_row([id], |row| {
            let body = row.get_ref(4)?.as_blob()?;
            let text = unpack(row.get(3)?, body);
            Ok(Self {
                client: ClientId::from_bits(u128::from_be_bytes(row.get(0)?)),
                hostname: row.get(1)?,
                stored: Timestamp::from_micros(row.get(2)?),
                text: text.ok_or_else(|| unreadable("batch of rows"))?,
            })
        })?)
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

/// A batch as an index knows it.
#[derive(Clone, Copy)]
struct Known {
    place: EventPlace,
    id: i64,
    count: u64,
}

/// Calls `visit` with each batch of a scope behind a place, in order of arrival, until it says that
/// it has enough.
fn walk(
    db: &Connection,
    scope: &EventScope,
    after: EventPlace,
    visit: &mut dyn FnMut(Known) -> Done<bool>,
) -> Done<()> {
    let mut find = db.prepare_cached("SELECT key FROM source_names WHERE name = ?1")?;
    let Some(source) = find.query_row([&scope.source], |row| row.get::<_, i64>(0)).optional()?
    else {
        return Ok(());
    };
    let of_client = if scope.client.is_some() { "client = ?8" } else { "?8 IS NULL" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT day, id, count FROM event_batches
         WHERE {of_client} AND source = ?1 AND kind = ?2 AND day >= ?3 AND day <= ?4
           AND (day, id) > (?3, ?5) AND stored >= ?6 AND stored < ?7
         ORDER BY day, id"
    ))?;
    let from = scope.from.map_or(i64::MIN, micros);
    let to = scope.to.map_or(i64::MAX, micros);
    // Days before the first that can matter are skipped; behind it numbers do not restrict.
    let first = scope.from.map_or(i64::MIN, |from| Day::of(from).0).max(after.day);
    let number = if first == after.day { int(after.batch) } else { -1 };
    let last = scope.to.map_or(i64::MAX, |to| Day::of(to).0);
    let client = scope.client.map(|client| blob(client.bits()));
    let kind = kind_code(scope.kind);
    let mut rows = statement.query(params![source, kind, first, last, number, from, to, client])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(1)?;
        let batch = u64::try_from(id).unwrap_or(0);
        let count = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        if !visit(Known { place: EventPlace { day: row.get(0)?, batch }, id, count })? {
            break;
        }
    }
    Ok(())
}

/// Before everything.
const BEGINNING: EventPlace = EventPlace { day: i64::MIN, batch: 0 };

fn page(db: &Connection, query: &EventQuery) -> Done<EventPage> {
    let rules = as_results(query);
    check(&rules)?;
    if takes_all(&rules) {
        return plain_page(db, query);
    }
    let mut sifter = Sifter::new(&rules);
    let source = query.scope.source.as_str();
    walk(db, &query.scope, BEGINNING, &mut |known| {
        let batch = Batch::load(db, known.id)?;
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
        Ok(true)
    })?;
    let (rows, total) = sifter.rows();
    Ok(EventPage { rows, total })
}

fn plain_page(db: &Connection, query: &EventQuery) -> Done<EventPage> {
    let source = query.scope.source.as_str();
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let (mut rows, mut skip, mut total) = (Vec::new(), query.offset, 0);
    walk(db, &query.scope, BEGINNING, &mut |known| {
        total += known.count;
        if skip >= known.count {
            skip -= known.count;
            return Ok(true);
        }
        if rows.len() < limit {
            let batch = Batch::load(db, known.id)?;
            let wanted = batch.events().skip(usize::try_from(skip).unwrap_or(usize::MAX));
            let room = limit - rows.len();
            rows.extend(wanted.take(room).map(|event| batch.row(source, event)));
            skip = 0;
        }
        Ok(true)
    })?;
    Ok(EventPage { rows, total })
}

fn scan(db: &Connection, scan: &EventScan) -> Done<EventPiece> {
    let mut piece = EventPiece { rows: Vec::new(), place: scan.after, end: true };
    walk(db, &scan.scope, scan.after, &mut |known| {
        if piece.rows.len() as u64 >= scan.rows.max(1) {
            piece.end = false;
            return Ok(false);
        }
        let batch = Batch::load(db, known.id)?;
        piece.rows.extend(batch.events().map(|event| batch.row(&scan.scope.source, event)));
        piece.place = known.place;
        Ok(true)
    })?;
    Ok(piece)
}

fn days(db: &Connection, client: Option<ClientId>) -> Done<Vec<EventDay>> {
    let of_client = if client.is_some() { "client = ?1" } else { "?1 IS NULL" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT client, name, kind, day, rows, bytes, columns FROM event_days
         JOIN source_names ON source_names.key = event_days.source
         WHERE {of_client} ORDER BY client, name, kind, day"
    ))?;
    let nat = |n: i64| u64::try_from(n).unwrap_or(0);
    let found = statement.query_map([client.map(|client| blob(client.bits()))], |row| {
        let columns: String = row.get(6)?;
        Ok(EventDay {
            client: ClientId::from_bits(u128::from_be_bytes(row.get(0)?)),
            source: row.get(1)?,
            kind: if row.get::<_, i64>(2)? == 0 { EventKind::Rows } else { EventKind::Log },
            day: Day(row.get(3)?),
            rows: nat(row.get(4)?),
            bytes: nat(row.get(5)?),
            columns: serde_json::from_str(&columns).map_err(|_| unreadable("list of columns"))?,
        })
    })?;
    Ok(all(found)?)
}

fn newest(db: &Connection) -> Done<EventPlace> {
    let mut find = db.prepare_cached(
        "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'event_batches'), 0),
           ifnull((SELECT max(day) FROM event_days), 0)",
    )?;
    Ok(find.query_row([], |row| {
        let batch = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        Ok(EventPlace { day: row.get(1)?, batch })
    })?)
}

type DayKey = ([u8; 16], i64, i64, i64);

fn forget(db: &Connection, first: Day) -> Done<bool> {
    let old: Vec<DayKey> = all(db
        .prepare_cached(
            "SELECT client, source, kind, day FROM event_days WHERE day < ?1 ORDER BY day LIMIT ?2",
        )?
        .query_map([first.0, FORGOTTEN_AT_ONCE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?)?;
    for (client, source, kind, day) in &old {
        for table in ["event_batches", "event_days"] {
            db.prepare_cached(&format!(
                "DELETE FROM {table} WHERE client = ?1 AND source = ?2 AND kind = ?3 AND day = ?4"
            ))?
            .execute(params![client, source, kind, day])?;
        }
    }
    db.prepare_cached("DELETE FROM event_runs WHERE touched < ?1")?
        .execute([micros(first.start()).saturating_sub(RUN_LIFE_MICROS)])?;
    Ok(old.len() as i64 == FORGOTTEN_AT_ONCE)
}

#[async_trait]
impl MonitoringStore for SqliteStore {
    async fn monitoring_table(&self) -> Result<MonitoringTable, StoreError> {
        self.look_up("read what is monitored", table)
    }

    async fn keep_monitoring_table(&self, table: &MonitoringTable) -> Result<(), StoreError> {
        let table = table.clone();
        self.write("keep what is monitored", move |db| keep_table(db, &table)).await
    }

    async fn append_events(
        &self,
        client: ClientId,
        batch: &EventBatch,
        now: Timestamp,
    ) -> Result<EventsAppended, StoreError> {
        let batch = batch.clone();
        self.write("store events", move |db| append(db, client, &batch, now)).await
    }

    async fn event_days(&self, client: Option<ClientId>) -> Result<Vec<EventDay>, StoreError> {
        self.search("list the days of events", move |db| days(db, client)).await
    }

    async fn event_page(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        let query = query.clone();
        self.search("read events", move |db| page(db, &query)).await
    }

    async fn scan_events(&self, wanted: &EventScan) -> Result<EventPiece, StoreError> {
        let wanted = wanted.clone();
        self.search("read events", move |db| scan(db, &wanted)).await
    }

    async fn newest_event(&self) -> Result<EventPlace, StoreError> {
        self.look_up("find the newest event", newest)
    }

    async fn forget_events(&self, first: Day) -> Result<bool, StoreError> {
        self.write("forget old events", move |db| forget(db, first)).await
    }
}
