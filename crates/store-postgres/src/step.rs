//! One step: locked, decided and written in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use loghunt::command::{Applied, Command, Refusal};
use loghunt::flat::{FailureColumns, StatusColumns, int, lane_order};
use loghunt::ledger::Ledger;
use loghunt::ports::Step;
use loghunt::stream::{Changes, Stream};
use loghunt::tell::{self, Message};
use model::log::{Finding, FindingId, Lane, Slice, SliceId};
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::PostgresLog;
use crate::columns::{Columns, OF_KEY, SLICE, STREAM, clean, read_slice, read_stream};
use crate::control::{INSERT_NOTE, note_values};
use crate::failure::{Done, Failure};
use crate::filter::Bound;
use crate::log_records as records;
use crate::transaction::Lent;

/// How often a step is begun again when it met another.
const TRIES: u32 = 10;

/// Applies a step.
pub(crate) async fn step(store: &PostgresLog, step: &Step) -> Done<Result<Applied, Refusal>> {
    tell::check(step)?;
    let mut tries = 1;
    loop {
        let lent = Lent::new(store.connection().await?);
        match attempt(store, step, lent).await {
            Err(failure) if failure.passes() && tries < TRIES => tries += 1,
            Err(failure) if failure.is_overlap() => return Ok(Err(Refusal::Overlap)),
            outcome => return outcome,
        }
    }
}

async fn attempt(store: &PostgresLog, step: &Step, lent: Lent) -> Done<Result<Applied, Refusal>> {
    let loaded = load(store, step, &lent).await?;
    let now = loaded.now;
    let (id, stream) = loaded.stream.map_or((None, None), |(id, stream)| (Some(id), Some(stream)));
    let mut ledger = Ledger::load(step.key.clone(), stream, loaded.slices, now);
    let done = ledger.apply(&step.commands).and_then(|()| ledger.finish());
    let (mut applied, mut changes) = match done {
        Ok(done) => done,
        Err(refusal) => {
            lent.roll_back().await?;
            return Ok(Err(refusal));
        }
    };
    let id = match id {
        Some(id) => id,
        None => insert_stream(&lent, &applied.stream).await?,
    };
    let (new, messages) = take_findings(step, &lent, now).await?;
    tell::count(step, new.len() as u64, &mut applied, &mut changes);
    let written = Written { id, stream: &applied.stream, changes: &changes, new, messages, now };
    written.write(step, &lent).await?;
    lent.give_back();
    Ok(Ok(applied))
}

/// What a step starts from.
struct Loaded {
    now: Timestamp,
    stream: Option<(i64, Stream)>,
    slices: Vec<Slice>,
}

/// What the ledger must have loaded besides what is open or ends after the checkpoint.
struct Wanted {
    slices: Vec<Vec<u8>>,
    /// A window around all that are wanted.
    window: Option<(i64, i64)>,
}

fn wanted(commands: &[Command]) -> Wanted {
    let needs: Vec<_> = commands.iter().map(Command::needs).collect();
    let ids: BTreeSet<SliceId> = needs.iter().filter_map(|needs| needs.slice).collect();
    let windows = || needs.iter().filter_map(|needs| needs.window);
    let from = windows().map(|window| window.from().0).min();
    let to = windows().map(|window| window.to().0).max();
    let slices = ids.iter().map(|id| id.0.to_be_bytes().to_vec()).collect();
    Wanted { slices, window: from.zip(to) }
}

/// Locks the stream and reads its working set behind the lock: each statement sees what was
/// committed before it began.
async fn load(store: &PostgresLog, step: &Step, lent: &Lent) -> Done<Loaded> {
    let key = &step.key;
    let (part, lane, epoch) = (clean(&key.part), key.lane.word(), i64::from(key.epoch));
    let (tenant, dataset, rule) = (key.tenant.as_str(), key.dataset.as_str(), key.rule.as_str());
    let of_key: [&(dyn ToSql + Sync); 6] = [&tenant, &dataset, &part, &rule, &epoch, &lane];
    let lock = format!("SELECT k.id, {STREAM} FROM log_streams k WHERE {OF_KEY} FOR UPDATE");
    let lock = lent.statement(&lock).await?;
    let set = format!(
        "WITH k AS (SELECT k.id, k.checkpoint FROM log_streams k WHERE {OF_KEY})
         SELECT {SLICE} FROM log_slices s, k WHERE s.stream = k.id AND s.open
         UNION ALL SELECT {SLICE} FROM log_slices s, k
             WHERE $7 AND s.stream = k.id AND s.to_pos > k.checkpoint
         UNION ALL SELECT {SLICE} FROM log_slices s, k WHERE s.stream = k.id AND s.id = ANY($8)
         UNION ALL SELECT {SLICE} FROM log_slices s, k
             WHERE s.stream = k.id AND s.to_pos > $9 AND s.from_pos < $10"
    );
    let set = lent.statement(&set).await?;
    let clock = lent.statement("SELECT coalesce($1::bigint, log_now())").await?;
    let wanted = wanted(&step.commands);
    // Repairs have windows here and there; their checkpoint stays where it was.
    let prefix = !matches!(key.lane, Lane::Repair(_));
    let (from, to) = wanted.window.unzip();
    let rest: [&(dyn ToSql + Sync); 4] = [&prefix, &wanted.slices, &from, &to];
    let of_set: Vec<&(dyn ToSql + Sync)> = of_key.into_iter().chain(rest).collect();
    let replaced = store.replaced_clock();
    let of_clock: [&(dyn ToSql + Sync); 1] = [&replaced];
    let client = lent.client();
    let (begun, locked, clock, set) = tokio::join!(
        biased;
        client.batch_execute("BEGIN"),
        client.query_opt(&lock, &of_key),
        client.query_one(&clock, &of_clock),
        client.query(&set, &of_set),
    );
    begun?;
    let stream = match locked? {
        None => None,
        Some(row) => {
            let mut columns = Columns::of(&row);
            Some((columns.take()?, read_stream(key.clone(), &mut columns)?))
        }
    };
    // A clock that was replaced is read behind the lock too.
    let now = store.replaced_clock().map_or_else(|| clock?.try_get(0), Ok)?;
    let mut slices: BTreeMap<SliceId, Slice> = BTreeMap::new();
    let rows = set?;
    if let Some((_, stream)) = &stream {
        for row in &rows {
            let slice = read_slice(key.clone(), stream.domain, &mut Columns::of(row))?;
            slices.insert(slice.id, slice);
        }
    }
    let slices = slices.into_values().collect();
    Ok(Loaded { now: Timestamp::from_micros(now), stream, slices })
}

/// Writes a stream that is new; the answer is its number.
async fn insert_stream(lent: &Lent, stream: &Stream) -> Done<i64> {
    let insert = lent
        .statement(
            "INSERT INTO log_streams (tenant, dataset, part, rule, epoch, lane, lane_order, domain,
                 t0, planned_to, checkpoint, token, status, opened_at, heartbeat)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, 0, 'active', $10, $10)
             ON CONFLICT DO NOTHING RETURNING id",
        )
        .await?;
    let key = &stream.key;
    let row = lent
        .client()
        .query_opt(
            &insert,
            &[
                &key.tenant.as_str(),
                &key.dataset.as_str(),
                &clean(&key.part),
                &key.rule.as_str(),
                &i64::from(key.epoch),
                &key.lane.word(),
                &lane_order(&key.lane),
                &stream.domain.word(),
                &stream.t0.0,
                &stream.opened_at.as_micros(),
            ],
        )
        .await?;
    // Another client has just made it: there is a row to lock now.
    let row = row.ok_or(Failure::Met)?;
    Ok(row.try_get(0)?)
}

/// Stores findings and claims buckets. The answer is what is new, and the messages about it.
async fn take_findings(
    step: &Step,
    lent: &Lent,
    now: Timestamp,
) -> Done<(Vec<Finding>, Vec<Message>)> {
    let arrived = tell::arrived(step, now);
    if arrived.is_empty() {
        return Ok((arrived, Vec::new()));
    }
    let insert = lent
        .statement(
            "INSERT INTO log_findings
             SELECT * FROM json_populate_recordset(NULL::log_findings, $1::text::json) ORDER BY id
             ON CONFLICT (id) DO UPDATE SET revision_last = EXCLUDED.revision_last
                 WHERE log_findings.revision_last <> EXCLUDED.revision_last
             RETURNING id, xmax = 0",
        )
        .await?;
    let rows = lent.client().query(&insert, &[&records::findings(&arrived)]).await?;
    let mut inserted = BTreeSet::new();
    for row in &rows {
        let mut columns = Columns::of(row);
        let id = FindingId(columns.bits()?);
        if columns.take()? {
            inserted.insert(id);
        }
    }
    let mut new: Vec<Finding> =
        arrived.into_iter().filter(|found| inserted.contains(&found.id)).collect();
    let claims = tell::claims(&new, &step.tell);
    let mut won = BTreeSet::new();
    if !claims.is_empty() {
        let claim = lent
            .statement(
                "INSERT INTO log_buckets
                 SELECT * FROM json_populate_recordset(NULL::log_buckets, $1::text::json)
                 ORDER BY tenant, rule, bucket
                 ON CONFLICT DO NOTHING RETURNING finding",
            )
            .await?;
        for row in lent.client().query(&claim, &[&records::claims(claims.iter())]).await? {
            won.insert(FindingId(Columns::of(&row).bits()?));
        }
    }
    let messages = tell::messages(&mut new, &step.tell, &won);
    Ok((new, messages))
}

/// What a step writes last, and the commit.
struct Written<'s> {
    id: i64,
    stream: &'s Stream,
    changes: &'s Changes,
    new: Vec<Finding>,
    messages: Vec<Message>,
    now: Timestamp,
}

const PUT_SLICES: &str = "INSERT INTO log_slices
    SELECT * FROM json_populate_recordset(NULL::log_slices, $1::text::json)
    ON CONFLICT (id) DO UPDATE SET tick = EXCLUDED.tick, state = EXCLUDED.state,
        open = EXCLUDED.open, attempts = EXCLUDED.attempts, losses = EXCLUDED.losses,
        planned_at = EXCLUDED.planned_at,
        moved_at = EXCLUDED.moved_at, owner = EXCLUDED.owner, token = EXCLUDED.token,
        until = EXCLUDED.until, query_tag = EXCLUDED.query_tag, not_before = EXCLUDED.not_before,
        class = EXCLUDED.class, wait = EXCLUDED.wait, message = EXCLUDED.message,
        actor = EXCLUDED.actor, reason = EXCLUDED.reason, revision = EXCLUDED.revision,
        rows = EXCLUDED.rows, findings_new = EXCLUDED.findings_new, bytes = EXCLUDED.bytes,
        fingerprint = EXCLUDED.fingerprint, source_clock = EXCLUDED.source_clock,
        took = EXCLUDED.took, committed_at = EXCLUDED.committed_at, audit_at = EXCLUDED.audit_at,
        audits = EXCLUDED.audits";

const INSERT_RUNS: &str = "INSERT INTO log_runs (stream, from_pos, to_pos, owner, token, ended_at,
        outcome, rows, findings_new, bytes, took_millis, class, wait, message)
    SELECT stream, from_pos, to_pos, owner, token, ended_at, outcome, rows, findings_new, bytes,
        took_millis, class, wait, message
    FROM json_populate_recordset(NULL::log_runs, $1::text::json)";

const INSERT_MESSAGES: &str = "INSERT INTO log_outbox (key, channel, findings, at, not_before)
    SELECT key, channel, findings, $2, $2
    FROM json_populate_recordset(NULL::log_outbox, $1::text::json)";

const UPDATE_STREAM: &str = "UPDATE log_streams SET planned_to = $2, checkpoint = $3, token = $4,
        status = $5, class = $6, wait = $7, message = $8, reason = $9, source_identity = $10,
        last_tick = $11, last_run = $12, last_class = $13, last_wait = $14, last_message = $15,
        heartbeat = $16
    WHERE id = $1";

impl Written<'_> {
    /// Sends everything without waiting in between. A statement that fails makes the commit one that
    /// takes everything back.
    async fn write(&self, step: &Step, lent: &Lent) -> Done<()> {
        let bytes = |id: u128| id.to_be_bytes().to_vec();
        let told = self.new.iter().filter(|found| found.notified);
        let told: Vec<Vec<u8>> = told.map(|found| bytes(found.id.0)).collect();
        let gone: Vec<Vec<u8>> = self.changes.gone.iter().map(|id| bytes(id.0)).collect();
        let slices = records::slices(self.id, &self.changes.put);
        let runs = records::runs(self.id, &self.changes.runs);
        let messages = records::messages(&self.messages);
        let (now, note) = (self.now.as_micros(), step.audit.as_ref().map(note_values));
        let stream = StreamValues::of(self.id, self.stream);
        let delete = "DELETE FROM log_slices WHERE id = ANY($1)";
        let notify = "UPDATE log_findings SET notified = true WHERE id = ANY($1)";
        let writes: [(bool, &str, Values<'_>); 7] = [
            (true, UPDATE_STREAM, stream.values()),
            (!gone.is_empty(), delete, vec![&gone]),
            (!self.changes.put.is_empty(), PUT_SLICES, vec![&slices]),
            (!self.changes.runs.is_empty(), INSERT_RUNS, vec![&runs]),
            (!told.is_empty(), notify, vec![&told]),
            (!self.messages.is_empty(), INSERT_MESSAGES, vec![&messages, &now]),
            (
                note.is_some(),
                INSERT_NOTE,
                note.iter().flatten().map(|value| &**value as _).collect(),
            ),
        ];
        // Prepared before anything is sent: the commit must not overtake what it commits.
        let mut ready: [Option<(Statement, Values<'_>)>; 7] = Default::default();
        for ((wanted, sql, values), place) in writes.into_iter().zip(&mut ready) {
            if wanted {
                *place = Some((lent.statement(sql).await?, values));
            }
        }
        let [a, b, c, d, e, f, g] = ready;
        let (a, b, c, d, e, f, g, committed) = tokio::join!(
            biased;
            execute(lent, a),
            execute(lent, b),
            execute(lent, c),
            execute(lent, d),
            execute(lent, e),
            execute(lent, f),
            execute(lent, g),
            lent.client().batch_execute("COMMIT"),
        );
        [a, b, c, d, e, f, g].into_iter().collect::<Done<()>>()?;
        Ok(committed?)
    }
}

/// What is bound to a statement.
type Values<'v> = Vec<&'v (dyn ToSql + Sync)>;

/// Sends a statement when it is first polled.
async fn execute(lent: &Lent, ready: Option<(Statement, Values<'_>)>) -> Done<()> {
    if let Some((statement, values)) = ready {
        lent.client().execute(&statement, &values).await?;
    }
    Ok(())
}

/// What can change of a stream, as it is bound.
struct StreamValues(Vec<Bound>);

impl StreamValues {
    fn of(id: i64, stream: &Stream) -> Self {
        let status = StatusColumns::of(&stream.status);
        let last = FailureColumns::of(stream.last_failure.as_ref());
        let text = |text: Option<&str>| -> Bound { Box::new(text.map(clean)) };
        let moment =
            |moment: Option<Timestamp>| -> Bound { Box::new(moment.map(Timestamp::as_micros)) };
        Self(vec![
            Box::new(id),
            Box::new(stream.planned_to.0),
            Box::new(stream.checkpoint.0),
            Box::new(int(stream.token)),
            Box::new(stream.status.word()),
            Box::new(status.failure.class),
            Box::new(status.failure.wait),
            text(status.failure.message.as_deref()),
            text(status.reason.as_deref()),
            text(stream.source_identity.as_deref()),
            moment(stream.last_tick),
            moment(stream.last_run),
            Box::new(last.class),
            Box::new(last.wait),
            text(last.message.as_deref()),
            Box::new(stream.heartbeat.as_micros()),
        ])
    }

    fn values(&self) -> Values<'_> {
        self.0.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}
