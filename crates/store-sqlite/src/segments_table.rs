//! The register of segments, and batches that leave for them.

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use flows::hot::{
    BatchHead, ColumnKind, HotBatch, HotRows, Registered, Ripe, Segment, SegmentChange,
    SegmentColumn, Series, View,
};
use model::results::ResultScope;
use model::store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStore;
use crate::codec::{Done, all, bits, blob, count, int, micros, moment, unreadable};
use crate::rows_table::{Batch, place_of, round_key, source_filter, walk};

/// Doomed keys that are forgotten once their objects have been gone for so long (30 days, in µs): no
/// writer of segments takes that long.
const DOOMED_KEPT_MICROS: i64 = 30 * 86_400 * 1_000_000;

fn columns_text(columns: &[SegmentColumn]) -> String {
    let pairs: Vec<(&str, &str)> =
        columns.iter().map(|column| (column.name.as_str(), column.kind.word())).collect();
    serde_json::to_string(&pairs).expect("a list of texts has a JSON form")
}

fn columns_of(text: &str) -> rusqlite::Result<Vec<SegmentColumn>> {
    let pairs: Vec<(String, String)> =
        serde_json::from_str(text).map_err(|_| unreadable("list of columns"))?;
    let column = |(name, kind): (String, String)| {
        let kind = ColumnKind::parse(&kind).ok_or_else(|| unreadable("kind of column"))?;
        Ok(SegmentColumn { name, kind })
    };
    pairs.into_iter().map(column).collect()
}

fn series_of(row: &Row<'_>) -> rusqlite::Result<Series> {
    Ok(Series {
        hunt: HuntId::from_bits(bits(row, "hunt")?),
        round: row.get("round")?,
        source: row.get("name")?,
    })
}

fn segment_of(row: &Row<'_>) -> rusqlite::Result<Segment> {
    Ok(Segment {
        key: row.get("key")?,
        series: series_of(row)?,
        rows: count(row, "rows")?,
        batches: count(row, "batches")?,
        bytes: count(row, "bytes")?,
        first: count(row, "first")?,
        last: count(row, "last")?,
        columns: columns_of(row.get_ref("columns")?.as_str().unwrap_or("[]"))?,
        registered: moment(row, "registered")?,
    })
}

const SEGMENTS: &str = "SELECT segments.key, hunt, round, name, rows, batches, bytes, first, last,
       columns, registered
     FROM segments
     JOIN hunt_rounds ON hunt_rounds.key = segments.hunt_round
     JOIN source_names ON source_names.key = segments.source";

/// The rounds whose segments may have rows of a scope.
fn rounds_of(db: &Connection, scope: ResultScope) -> rusqlite::Result<Vec<i64>> {
    let one = match scope {
        ResultScope::Hunt { hunt, round } => round_key(db, hunt, round)?,
        ResultScope::Rounds(hunt) => {
            let mut rounds = db.prepare_cached("SELECT key FROM hunt_rounds WHERE hunt = ?1")?;
            return all(rounds.query_map([blob(hunt.bits())], |row| row.get(0))?);
        }
        ResultScope::Flow(flow) => {
            let flow = blob(flow.bits());
            db.prepare_cached(
                "SELECT key FROM flows
                 JOIN hunt_rounds USING (hunt, round) WHERE flows.id = ?1",
            )?
            .query_row([flow], |row| row.get(0))
            .optional()?
        }
    };
    Ok(one.into_iter().collect())
}

fn view(db: &Connection, scope: ResultScope, source: Option<&str>) -> Done<View> {
    let mut found = View::default();
    let Ok(source) = source_filter(db, source)? else { return Ok(found) };
    for round in rounds_of(db, scope)? {
        let of_source = if source.is_some() { "AND source = ?2" } else { "AND ?2 IS NULL" };
        let mut statement = db.prepare_cached(&format!(
            "{SEGMENTS} WHERE hunt_round = ?1 {of_source} ORDER BY first, segments.key"
        ))?;
        found.segments.extend(all(statement.query_map(params![round, source], segment_of)?)?);
    }
    found.segments.sort_by(|a, b| (a.first, &a.key).cmp(&(b.first, &b.key)));
    if let Some(place) = place_of(db, scope)? {
        walk(db, (place, source), 0, &mut |id, rows| {
            found.hot.push(BatchHead { arrival: u64::try_from(id).unwrap_or(0), rows });
            Ok(true)
        })?;
    }
    Ok(found)
}

fn ripe(db: &Connection, limit: u64) -> Done<Vec<Ripe>> {
    let mut statement = db.prepare_cached(
        "SELECT hunt, round, name, count(*) AS batches, sum(count) AS rows, min(stored) AS oldest
         FROM batches
         JOIN hunt_rounds ON hunt_rounds.key = batches.hunt_round
         JOIN source_names ON source_names.key = batches.source
         WHERE hunt_round > 0 AND (SELECT finished FROM attempts WHERE key = batches.attempt)
         GROUP BY hunt_round, source ORDER BY rows DESC LIMIT ?1",
    )?;
    let found = statement.query_map([int(limit)], |row| {
        Ok(Ripe {
            series: series_of(row)?,
            batches: count(row, "batches")?,
            rows: count(row, "rows")?,
            oldest: moment(row, "oldest")?,
        })
    })?;
    Ok(all(found)?)
}

fn scattered(db: &Connection, rows_max: u64, limit: u64) -> Done<Vec<Series>> {
    let mut statement = db.prepare_cached(
        "SELECT hunt, round, name FROM segments
         JOIN hunt_rounds ON hunt_rounds.key = segments.hunt_round
         JOIN source_names ON source_names.key = segments.source
         WHERE rows <= ?1 GROUP BY hunt_round, source HAVING count(*) > 1 LIMIT ?2",
    )?;
    Ok(all(statement.query_map([int(rows_max), int(limit)], series_of)?)?)
}

fn read_hot(db: &Connection, arrivals: &[u64]) -> Done<Vec<HotBatch>> {
    let mut found = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        let Some(batch) = Batch::find(db, int(*arrival))? else { continue };
        found.push(HotBatch {
            arrival: *arrival,
            client: batch.client,
            hostname: batch.hostname,
            flow: batch.flow,
            round: batch.round,
            source: batch.source,
            stored: batch.stored,
            rows: batch.text.lines().map(str::to_owned).collect(),
        });
    }
    Ok(found)
}

/// A series as the tables know it.
struct SeriesKey {
    round: i64,
    source: i64,
}

/// What a change would take away: rows and batches; or why it cannot be made.
fn taken(
    db: &Connection,
    change: &SegmentChange,
    of: &SeriesKey,
) -> rusqlite::Result<Result<(u64, u64), String>> {
    let (mut rows, mut batches) = (0, 0);
    let mut find = db.prepare_cached(
        "SELECT count FROM batches WHERE id = ?1 AND hunt_round = ?2 AND source = ?3
         AND (SELECT finished FROM attempts WHERE key = batches.attempt)",
    )?;
    for arrival in &change.batches {
        let held =
            find.query_row(params![int(*arrival), of.round, of.source], |row| count(row, "count"));
        let Some(held) = held.optional()? else {
            return Ok(Err(format!("batch {arrival} is not here, or not of this series")));
        };
        (rows, batches) = (rows + held, batches + 1);
    }
    let mut find = db.prepare_cached(
        "SELECT rows, batches FROM segments WHERE key = ?1 AND hunt_round = ?2 AND source = ?3",
    )?;
    for key in &change.replaces {
        let held = find.query_row(params![key, of.round, of.source], |row| {
            Ok((count(row, "rows")?, count(row, "batches")?))
        });
        let Some(held) = held.optional()? else {
            return Ok(Err(format!("segment {key} is not live")));
        };
        (rows, batches) = (rows + held.0, batches + held.1);
    }
    Ok(Ok((rows, batches)))
}

/// Why a change cannot be made, whatever it takes away.
fn objection(db: &Connection, change: &SegmentChange) -> rusqlite::Result<Option<String>> {
    let new = &change.segment;
    let doomed =
        db.prepare_cached("SELECT 1 FROM doomed_segments WHERE key = ?1")?.exists([&new.key])?;
    if doomed {
        return Ok(Some(format!("segment {} is doomed", new.key)));
    }
    let newest: i64 =
        db.prepare_cached("SELECT newest FROM segment_fence")?.query_row([], |row| row.get(0))?;
    if change.fence.is_some_and(|fence| int(fence) < newest) {
        return Ok(Some("somebody else writes segments now".to_owned()));
    }
    let ascending = change.batches.is_sorted_by(|a, b| a < b);
    Ok((!ascending).then(|| "its batches are not in order".to_owned()))
}

fn register(db: &Connection, change: &SegmentChange, now: Timestamp) -> Done<Registered> {
    let new = &change.segment;
    let mut live = db.prepare_cached("SELECT 1 FROM segments WHERE key = ?1")?;
    if live.exists([&new.key])? {
        return Ok(Registered::Already);
    }
    if let Some(why) = objection(db, change)? {
        return Ok(Registered::Stale(why));
    }
    let round = round_key(db, new.series.hunt, new.series.round)?;
    let source = source_filter(db, Some(&new.series.source))?.unwrap_or(None);
    let (Some(round), Some(source)) = (round, source) else {
        return Ok(Registered::Stale("no rows of this series were ever here".to_owned()));
    };
    match taken(db, change, &SeriesKey { round, source })? {
        Err(why) => return Ok(Registered::Stale(why)),
        Ok((rows, batches)) if (rows, batches) != (new.rows, new.batches) => {
            return Ok(Registered::Stale(format!(
                "the segment has {} rows in {} batches instead of {rows} in {batches}",
                new.rows, new.batches
            )));
        }
        Ok(_) => {}
    }
    let mut remove = db.prepare_cached("DELETE FROM batches WHERE id = ?1")?;
    for arrival in &change.batches {
        remove.execute([int(*arrival)])?;
    }
    for key in &change.replaces {
        doom(db, key, now)?;
    }
    if let Some(fence) = change.fence {
        db.prepare_cached("UPDATE segment_fence SET newest = max(newest, ?1)")?
            .execute([int(fence)])?;
    }
    insert(db, new, &SeriesKey { round, source }, now)?;
    Ok(Registered::Done)
}

fn insert(db: &Connection, new: &Segment, of: &SeriesKey, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO segments (key, hunt_round, source, rows, batches, bytes, first, last, columns,
           registered)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        new.key,
        of.round,
        of.source,
        int(new.rows),
        int(new.batches),
        int(new.bytes),
        int(new.first),
        int(new.last),
        columns_text(&new.columns),
        micros(now),
    ])?;
    Ok(())
}

fn doom(db: &Connection, key: &str, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM segments WHERE key = ?1")?.execute([key])?;
    db.prepare_cached(
        "INSERT INTO doomed_segments (key, since, erased) VALUES (?1, ?2, 0)
         ON CONFLICT (key) DO UPDATE SET erased = 0",
    )?
    .execute(params![key, micros(now)])?;
    Ok(())
}

fn condemn(db: &Connection, keys: &[String], now: Timestamp) -> Done<Vec<String>> {
    let mut dead = Vec::new();
    for key in keys {
        if !db.prepare_cached("SELECT 1 FROM segments WHERE key = ?1")?.exists([key])? {
            doom(db, key, now)?;
            dead.push(key.clone());
        }
    }
    db.prepare_cached("DELETE FROM doomed_segments WHERE erased = 1 AND since < ?1")?
        .execute([micros(now).saturating_sub(DOOMED_KEPT_MICROS)])?;
    Ok(dead)
}

fn doomed(db: &Connection, before: Timestamp, limit: u64) -> Done<Vec<String>> {
    let mut statement = db.prepare_cached(
        "SELECT key FROM doomed_segments WHERE erased = 0 AND since < ?1 ORDER BY since LIMIT ?2",
    )?;
    let keys = statement.query_map(params![micros(before), int(limit)], |row| row.get(0))?;
    Ok(all(keys)?)
}

/// Forgets rows and log lines of a hunt, about `limit` batches at a time; whether there are more.
pub(crate) fn forget(db: &Connection, hunt: HuntId, limit: u64, now: Timestamp) -> Done<bool> {
    let mut rounds = db.prepare_cached("SELECT key FROM hunt_rounds WHERE hunt = ?1")?;
    let rounds: Vec<i64> = all(rounds.query_map([blob(hunt.bits())], |row| row.get(0))?)?;
    let limit = limit.max(1);
    let mut left = limit;
    for round in rounds {
        let mut live = db.prepare_cached("SELECT key FROM segments WHERE hunt_round = ?1")?;
        let keys: Vec<String> = all(live.query_map([round], |row| row.get(0))?)?;
        for key in keys {
            doom(db, &key, now)?;
        }
        for sql in [
            "DELETE FROM batches WHERE id IN
               (SELECT id FROM batches WHERE hunt_round = ?1 AND hunt_round > 0 LIMIT ?2)",
            "DELETE FROM logs WHERE id IN
               (SELECT logs.id FROM attempts JOIN logs ON logs.attempt = attempts.key
                WHERE attempts.hunt_round = ?1 AND attempts.hunt_round > 0 LIMIT ?2)",
            "DELETE FROM attempt_sources WHERE (attempt, source) IN
               (SELECT attempt_sources.attempt, attempt_sources.source FROM attempts
                JOIN attempt_sources ON attempt_sources.attempt = attempts.key
                WHERE attempts.hunt_round = ?1 AND attempts.hunt_round > 0 LIMIT ?2)",
        ] {
            let gone = db.prepare_cached(sql)?.execute(params![round, int(left)])? as u64;
            left = left.saturating_sub(gone);
            if left == 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[async_trait]
impl HotRows for SqliteStore {
    async fn ripe(&self, limit: u64) -> Result<Vec<Ripe>, StoreError> {
        self.search("look for rows to put into segments", move |db| ripe(db, limit)).await
    }

    async fn scattered(&self, rows_max: u64, limit: u64) -> Result<Vec<Series>, StoreError> {
        self.search("look for small segments", move |db| scattered(db, rows_max, limit)).await
    }

    async fn view(&self, scope: ResultScope, source: Option<&str>) -> Result<View, StoreError> {
        let source = source.map(str::to_owned);
        // A search is one moment: no batch leaves between its two reads.
        self.search("find rows", move |db| view(db, scope, source.as_deref())).await
    }

    async fn has_segments(&self, scope: ResultScope) -> Result<bool, StoreError> {
        self.look_up("find segments", |db| {
            let mut any = db.prepare_cached("SELECT 1 FROM segments WHERE hunt_round = ?1")?;
            for round in rounds_of(db, scope)? {
                if any.exists([round])? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    async fn read_hot(&self, arrivals: &[u64]) -> Result<Vec<HotBatch>, StoreError> {
        let arrivals = arrivals.to_vec();
        self.search("read rows", move |db| read_hot(db, &arrivals)).await
    }

    async fn register(
        &self,
        change: &SegmentChange,
        now: Timestamp,
    ) -> Result<Registered, StoreError> {
        let change = change.clone();
        self.write("register a segment", move |db| register(db, &change, now)).await
    }

    async fn condemn(&self, keys: &[String], now: Timestamp) -> Result<Vec<String>, StoreError> {
        let keys = keys.to_vec();
        self.write("give up segments", move |db| condemn(db, &keys, now)).await
    }

    async fn doomed(&self, before: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        self.search("find segments that are given up", move |db| doomed(db, before, limit)).await
    }

    async fn erased(&self, keys: &[String]) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        self.write("forget segments", move |db| {
            for key in &keys {
                db.prepare_cached("UPDATE doomed_segments SET erased = 1 WHERE key = ?1")?
                    .execute([key])?;
            }
            Ok(())
        })
        .await
    }
}
