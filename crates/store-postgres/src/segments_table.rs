//! The register of segments, and batches that leave for them.
//!
//! Whoever changes the register locks its fence first: a key never becomes live and doomed at once, and
//! a batch never leaves twice.

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use flows::hot::{
    BatchHead, ColumnKind, HotBatch, HotRows, Registered, Ripe, Segment, SegmentChange,
    SegmentColumn, Series, View,
};
use model::results::ResultScope;
use model::store::StoreError;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::rows_read::{BATCH, Batch, SENT_BY, batches_of};
use crate::transaction::{Lent, Question};
use crate::values::{Id, int, moment, one, text};

/// Doomed keys that are forgotten once their objects have been gone for so long (30 days, in µs): no
/// writer of segments takes that long.
const DOOMED_KEPT_MICROS: i64 = 30 * 86_400 * 1_000_000;

/// The columns of a segment, in the order of [`read_segment`].
const SEGMENT: &str = "s.key, s.hunt, s.round, s.source, s.rows, s.batches, s.bytes, s.first, \
    s.last, s.columns, s.registered";

fn columns_text(columns: &[SegmentColumn]) -> String {
    let pairs: Vec<(&str, &str)> =
        columns.iter().map(|column| (column.name.as_str(), column.kind.word())).collect();
    serde_json::to_string(&pairs).expect("a list of texts has a JSON form")
}

fn columns_of(json: &str) -> Option<Vec<SegmentColumn>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).ok()?;
    let column = |(name, kind): (String, String)| {
        Some(SegmentColumn { name, kind: ColumnKind::parse(&kind)? })
    };
    pairs.into_iter().map(column).collect()
}

fn series_of(row: &mut Columns<'_>) -> Done<Series> {
    Ok(Series { hunt: HuntId::from_bits(row.bits()?), round: row.small()?, source: row.take()? })
}

fn read_segment(row: &Row) -> Done<Segment> {
    let mut row = Columns::of(row);
    Ok(Segment {
        key: row.take()?,
        series: series_of(&mut row)?,
        rows: row.count()?,
        batches: row.count()?,
        bytes: row.count()?,
        first: row.count()?,
        last: row.count()?,
        columns: row.word("list of columns", columns_of)?,
        registered: row.moment()?,
    })
}

fn read_head(row: &Row) -> Done<BatchHead> {
    let mut row = Columns::of(row);
    Ok(BatchHead { arrival: row.count()?, rows: row.count()? })
}

fn read_ripe(row: &Row) -> Done<Ripe> {
    let mut row = Columns::of(row);
    Ok(Ripe {
        series: series_of(&mut row)?,
        batches: row.count()?,
        rows: row.count()?,
        oldest: row.moment()?,
    })
}

fn read_key(row: &Row) -> Done<String> {
    Columns::of(row).take()
}

/// Segments that may have rows of a scope, `s`; the scope is bound as `$1` and `$2`.
fn segments_of(scope: ResultScope) -> (&'static str, Vec<crate::filter::Bound>) {
    match scope {
        ResultScope::Hunt { hunt, round } => (
            "segments s WHERE s.hunt = $1 AND s.round = $2",
            vec![one(Id(hunt.bits())), one(i64::from(round))],
        ),
        ResultScope::Rounds(hunt) => (
            "segments s WHERE s.hunt = $1 AND $2::bigint IS NULL",
            vec![one(Id(hunt.bits())), one(None::<i64>)],
        ),
        ResultScope::Flow(flow) => (
            "segments s WHERE $2::bigint IS NULL
                 AND (s.hunt, s.round) = (SELECT w.hunt, w.round FROM flows w WHERE w.id = $1)",
            vec![one(Id(flow.bits())), one(None::<i64>)],
        ),
    }
}

fn live(scope: ResultScope, source: Option<&str>) -> Question {
    let (of, mut values) = segments_of(scope);
    values.push(one(source.map(clean)));
    let sql = format!(
        "SELECT {SEGMENT} FROM {of} AND ($3::text IS NULL OR s.source = $3)
         ORDER BY s.first, s.key"
    );
    Question::new(sql, values)
}

fn hot(scope: ResultScope, source: Option<&str>) -> Question {
    let (of, mut values) = batches_of(scope);
    values.push(one(source.map(clean)));
    let sql = format!(
        "SELECT b.id, b.count FROM {of} AND ($3::text IS NULL OR b.source = $3) ORDER BY b.id"
    );
    Question::new(sql, values)
}

/// What a change needs to know, behind the lock of the register.
fn questions(change: &SegmentChange) -> Vec<Question> {
    let new = &change.segment;
    let of_series = |last: crate::filter::Bound| {
        let Series { hunt, round, source } = &new.series;
        vec![one(Id(hunt.bits())), one(i64::from(*round)), text(source), last]
    };
    let arrivals: Vec<i64> = change.batches.iter().map(|arrival| int(*arrival)).collect();
    let keys: Vec<String> = change.replaces.iter().map(|key| clean(key)).collect();
    // Finished: the flow is done, and this was the attempt.
    let batches = "SELECT b.id, b.count FROM batches b
        JOIN flows f ON f.id = b.flow AND f.attempt = b.attempt AND f.state = 2
        WHERE b.hunt = $1 AND b.round = $2 AND b.source = $3 AND b.id = ANY($4)
        ORDER BY b.id FOR UPDATE OF b";
    let replaced = "SELECT s.rows, s.batches FROM segments s
        WHERE s.hunt = $1 AND s.round = $2 AND s.source = $3 AND s.key = ANY($4)";
    vec![
        Question::new("SELECT newest FROM segment_fence WHERE one FOR UPDATE", vec![]),
        Question::new("SELECT key FROM segments WHERE key = $1", vec![text(&new.key)]),
        Question::new("SELECT key FROM doomed_segments WHERE key = $1", vec![text(&new.key)]),
        Question::new(batches, of_series(one(arrivals))),
        Question::new(replaced, of_series(one(keys))),
    ]
}

/// Why a change cannot be made; what was found is in the order of [`questions`].
fn objection(change: &SegmentChange, found: &[Vec<Row>]) -> Done<Option<String>> {
    let rows = |place: usize| found.get(place).map(Vec::as_slice).unwrap_or_default();
    let new = &change.segment;
    if !rows(2).is_empty() {
        return Ok(Some(format!("segment {} is doomed", new.key)));
    }
    let newest = rows(0).first().map(|row| Columns::of(row).count()).transpose()?.unwrap_or(0);
    if change.fence.is_some_and(|fence| fence < newest) {
        return Ok(Some("somebody else writes segments now".to_owned()));
    }
    if !change.batches.is_sorted_by(|a, b| a < b) {
        return Ok(Some("its batches are not in order".to_owned()));
    }
    let heads = rows(3).iter().map(read_head).collect::<Done<Vec<BatchHead>>>()?;
    if heads.len() != change.batches.len() {
        let gone = change.batches.iter().find(|a| !heads.iter().any(|head| head.arrival == **a));
        let gone = gone.copied().unwrap_or_default();
        return Ok(Some(format!("batch {gone} is not here, or not of this series")));
    }
    if rows(4).len() != change.replaces.len() {
        return Ok(Some("a segment that it replaces is not live".to_owned()));
    }
    let mut sum = (heads.iter().map(|head| head.rows).sum::<u64>(), heads.len() as u64);
    for row in rows(4) {
        let mut row = Columns::of(row);
        sum = (sum.0 + row.count()?, sum.1 + row.count()?);
    }
    let (rows, batches) = sum;
    Ok(((rows, batches) != (new.rows, new.batches)).then(|| {
        format!(
            "the segment has {} rows in {} batches instead of {rows} in {batches}",
            new.rows, new.batches
        )
    }))
}

const INSERT: &str = "INSERT INTO segments (key, hunt, round, source, rows, batches, bytes, first,
        last, columns, registered)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

fn insert(new: &Segment, now: Timestamp) -> Question {
    let values = vec![
        text(&new.key),
        one(Id(new.series.hunt.bits())),
        one(i64::from(new.series.round)),
        text(&new.series.source),
        one(int(new.rows)),
        one(int(new.batches)),
        one(int(new.bytes)),
        one(int(new.first)),
        one(int(new.last)),
        one(columns_text(&new.columns)),
        moment(now),
    ];
    Question::new(INSERT, values)
}

const DOOM: &str = "WITH gone AS (DELETE FROM segments WHERE key = ANY($1))
    INSERT INTO doomed_segments (key, since, erased) SELECT key, $2, false FROM unnest($1) AS key
    ON CONFLICT (key) DO UPDATE SET erased = false";

fn doom(keys: Vec<String>, now: Timestamp) -> Question {
    Question::new(DOOM, vec![one(keys), moment(now)])
}

async fn register(lent: Lent, change: &SegmentChange, now: Timestamp) -> Done<Registered> {
    let found = lent.begin(questions(change)).await?;
    if found.get(1).is_some_and(|rows| !rows.is_empty()) {
        lent.roll_back().await?;
        return Ok(Registered::Already);
    }
    if let Some(why) = objection(change, &found)? {
        lent.roll_back().await?;
        return Ok(Registered::Stale(why));
    }
    let arrivals: Vec<i64> = change.batches.iter().map(|arrival| int(*arrival)).collect();
    let mut writes = vec![insert(&change.segment, now)];
    if !arrivals.is_empty() {
        let leave = "DELETE FROM batches WHERE id = ANY($1)";
        writes.push(Question::new(leave, vec![one(arrivals)]));
    }
    if !change.replaces.is_empty() {
        writes.push(doom(change.replaces.iter().map(|key| clean(key)).collect(), now));
    }
    if let Some(fence) = change.fence {
        let seen = "UPDATE segment_fence SET newest = greatest(newest, $1) WHERE one";
        writes.push(Question::new(seen, vec![one(int(fence))]));
    }
    lent.commit(writes).await?;
    Ok(Registered::Done)
}

async fn condemn(lent: Lent, keys: &[String], now: Timestamp) -> Done<Vec<String>> {
    let all: Vec<String> = keys.iter().map(|key| clean(key)).collect();
    let questions = vec![
        Question::new("SELECT newest FROM segment_fence WHERE one FOR UPDATE", vec![]),
        Question::new("SELECT key FROM segments WHERE key = ANY($1)", vec![one(all.clone())]),
    ];
    let found = lent.begin(questions).await?;
    let live = found.iter().skip(1).flatten().map(read_key).collect::<Done<Vec<String>>>()?;
    let mut dead: Vec<String> = all.into_iter().filter(|key| !live.contains(key)).collect();
    let mut writes = Vec::new();
    let old = "DELETE FROM doomed_segments WHERE erased AND since < $1";
    let long_ago = now.as_micros().saturating_sub(DOOMED_KEPT_MICROS);
    writes.push(Question::new(old, vec![one(long_ago)]));
    let answer = dead.clone();
    dead.sort();
    dead.dedup();
    if !dead.is_empty() {
        writes.push(doom(dead, now));
    }
    lent.commit(writes).await?;
    Ok(answer)
}

/// Forgets rows and log lines of a hunt, about `limit` batches at a time; whether there are more.
pub(crate) async fn forget(lent: Lent, hunt: HuntId, limit: u64, now: Timestamp) -> Done<bool> {
    let of_hunt = || vec![one(Id(hunt.bits()))];
    let fence = Question::new("SELECT newest FROM segment_fence WHERE one FOR UPDATE", vec![]);
    let live = "SELECT key FROM segments WHERE hunt = $1";
    let found = lent.begin(vec![fence, Question::new(live, of_hunt())]).await?;
    let keys = found.iter().skip(1).flatten().map(read_key).collect::<Done<Vec<String>>>()?;
    let limit = limit.max(1);
    let mut left = limit;
    for table in ["batches", "logs", "attempt_sources"] {
        let sql = format!(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM {table} WHERE hunt = $1 LIMIT $2))"
        );
        let mut values = of_hunt();
        values.push(one(int(left)));
        let gone = lent.execute(&Question::new(sql, values)).await?;
        left = left.saturating_sub(gone);
        if left == 0 {
            break;
        }
    }
    let writes = if keys.is_empty() { vec![] } else { vec![doom(keys, now)] };
    lent.commit(writes).await?;
    Ok(left == 0)
}

#[async_trait]
impl HotRows for RecordStore {
    async fn ripe(&self, limit: u64) -> Result<Vec<Ripe>, StoreError> {
        let sql = "SELECT b.hunt, b.round, b.source, count(*), sum(b.count)::bigint, min(b.stored)
            FROM batches b JOIN flows f ON f.id = b.flow AND f.attempt = b.attempt AND f.state = 2
            WHERE b.hunt IS NOT NULL GROUP BY b.hunt, b.round, b.source
            ORDER BY sum(b.count) DESC LIMIT $1";
        let find = Question::new(sql, vec![one(int(limit))]);
        self.read("look for rows to put into segments", |db| async move {
            find.rows(&db).await?.iter().map(read_ripe).collect()
        })
        .await
    }

    async fn scattered(&self, rows_max: u64, limit: u64) -> Result<Vec<Series>, StoreError> {
        let sql = "SELECT hunt, round, source FROM segments WHERE rows <= $1
            GROUP BY hunt, round, source HAVING count(*) > 1 LIMIT $2";
        let find = Question::new(sql, vec![one(int(rows_max)), one(int(limit))]);
        self.read("look for small segments", |db| async move {
            let rows = find.rows(&db).await?;
            rows.iter().map(|row| series_of(&mut Columns::of(row))).collect()
        })
        .await
    }

    async fn view(&self, scope: ResultScope, source: Option<&str>) -> Result<View, StoreError> {
        self.step("find rows", |lent| async move {
            let found = lent.look(vec![live(scope, source), hot(scope, source)]).await?;
            let rows = |place: usize| found.get(place).into_iter().flatten();
            Ok(View {
                segments: rows(0).map(read_segment).collect::<Done<_>>()?,
                hot: rows(1).map(read_head).collect::<Done<_>>()?,
            })
        })
        .await
    }

    async fn has_segments(&self, scope: ResultScope) -> Result<bool, StoreError> {
        let (of, values) = segments_of(scope);
        let find = Question::new(format!("SELECT s.key FROM {of} LIMIT 1"), values);
        self.read("find segments", |db| async move { Ok(!find.rows(&db).await?.is_empty()) }).await
    }

    async fn read_hot(&self, arrivals: &[u64]) -> Result<Vec<HotBatch>, StoreError> {
        let numbers: Vec<i64> = arrivals.iter().map(|arrival| int(*arrival)).collect();
        let sql = format!(
            "SELECT {BATCH} FROM unnest($1::bigint[]) WITH ORDINALITY AS x (id, place)
             JOIN batches b ON b.id = x.id {SENT_BY} ORDER BY x.place"
        );
        let find = Question::new(sql, vec![one(numbers)]);
        let read = |row: &Row| {
            let batch = Batch::read(&mut Columns::of(row))?;
            Ok(HotBatch {
                arrival: loghunt::flat::count(batch.id),
                rows: batch.text.lines().map(str::to_owned).collect(),
                client: batch.client,
                hostname: batch.hostname,
                flow: batch.flow,
                round: batch.round,
                source: batch.source,
                stored: batch.stored,
            })
        };
        self.read("read rows", |db| async move { find.rows(&db).await?.iter().map(read).collect() })
            .await
    }

    async fn register(
        &self,
        change: &SegmentChange,
        now: Timestamp,
    ) -> Result<Registered, StoreError> {
        self.step("register a segment", |lent| register(lent, change, now)).await
    }

    async fn condemn(&self, keys: &[String], now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.step("give up segments", |lent| condemn(lent, keys, now)).await
    }

    async fn doomed(&self, before: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT key FROM doomed_segments WHERE NOT erased AND since < $1
            ORDER BY since LIMIT $2";
        let find = Question::new(sql, vec![moment(before), one(int(limit))]);
        self.read("find segments that are given up", |db| async move {
            find.rows(&db).await?.iter().map(read_key).collect()
        })
        .await
    }

    async fn erased(&self, keys: &[String]) -> Result<(), StoreError> {
        let keys: Vec<String> = keys.iter().map(|key| clean(key)).collect();
        let sql = "UPDATE doomed_segments SET erased = true WHERE key = ANY($1)";
        self.write_one("forget segments", Question::new(sql, vec![one(keys)])).await.map(drop)
    }
}
