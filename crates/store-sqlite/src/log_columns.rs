//! Streams, slices and attempts as columns. What states and outcomes become is said in
//! `loghunt::flat`.

use std::sync::Arc;

use base::Timestamp;
use loghunt::flat::{
    FailureColumns, OutcomeColumns, StateColumns, StatusColumns, count, int, lane_order,
};
use loghunt::stream::{Run, Stream};
use model::log::{
    DatasetName, Domain, Lane, Position, RuleName, Slice, SliceId, StreamKey, TenantName, Window,
};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, params};

use crate::codec::unreadable;

/// Reads the columns of a row one after the other.
pub(crate) struct Columns<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
}

impl<'r, 's> Columns<'r, 's> {
    pub(crate) fn of(row: &'r Row<'s>) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    pub(crate) fn moment(&mut self) -> rusqlite::Result<Timestamp> {
        self.take().map(Timestamp::from_micros)
    }

    pub(crate) fn moment_or_none(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    pub(crate) fn count(&mut self) -> rusqlite::Result<u64> {
        self.take().map(count)
    }

    /// A word, by whatever reads it.
    pub(crate) fn word<T>(
        &mut self,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> rusqlite::Result<T> {
        let place = self.next;
        self.next += 1;
        parse(self.row.get_ref(place)?.as_str()?).ok_or_else(|| unreadable(what))
    }

    pub(crate) fn window(&mut self) -> rusqlite::Result<Window> {
        let (from, to) = (self.take()?, self.take()?);
        Window::new(Position(from), Position(to)).ok_or_else(|| unreadable("window"))
    }

    fn failure(&mut self) -> rusqlite::Result<FailureColumns> {
        Ok(FailureColumns { class: self.take()?, wait: self.take()?, message: self.take()? })
    }

    pub(crate) fn key(&mut self) -> rusqlite::Result<StreamKey> {
        Ok(StreamKey {
            tenant: self.word("tenant", |text| TenantName::new(text).ok())?,
            dataset: self.word("dataset", |text| DatasetName::new(text).ok())?,
            part: self.take::<Arc<str>>()?,
            rule: self.word("rule", |text| RuleName::new(text).ok())?,
            epoch: self.take()?,
            lane: self.word("lane", Lane::parse)?,
        })
    }
}

/// The columns of a key, in the order of [`Columns::key`].
pub(crate) const KEY: &str = "k.tenant, k.dataset, k.part, k.rule, k.epoch, k.lane";

/// The order of keys.
pub(crate) const KEY_ORDER: &str =
    "k.tenant, k.dataset, k.part, k.rule, k.epoch, k.lane_order, k.lane";

/// The columns of a stream besides its key, in the order of [`read_stream`].
pub(crate) const STREAM: &str = "k.domain, k.t0, k.planned_to, k.checkpoint, k.token, \
    k.class, k.wait, k.message, k.reason, k.status, k.source_identity, k.opened_at, k.last_tick, \
    k.last_run, k.last_class, k.last_wait, k.last_message, k.heartbeat";

/// The columns of a slice besides its key and domain, in the order of [`read_slice`].
pub(crate) const SLICE: &str = "s.id, s.from_pos, s.to_pos, s.tick, s.attempts, s.losses, \
    s.planned_at, s.moved_at, s.owner, s.token, s.until, s.query_tag, s.not_before, s.class, s.wait, s.message, \
    s.actor, s.reason, s.revision, s.rows, s.findings_new, s.bytes, s.fingerprint, s.source_clock, \
    s.took, s.committed_at, s.audit_at, s.audits, s.state";

/// The columns of an attempt besides its key, in the order of [`read_run`].
pub(crate) const RUN: &str = "r.from_pos, r.to_pos, r.owner, r.token, r.ended_at, r.rows, \
    r.findings_new, r.bytes, r.took_millis, r.class, r.wait, r.message, r.outcome";

/// Reads a stream.
pub(crate) fn read_stream(key: StreamKey, row: &mut Columns<'_, '_>) -> rusqlite::Result<Stream> {
    let domain = row.word("domain", Domain::parse)?;
    let [t0, planned_to, checkpoint] = [row.take()?, row.take()?, row.take()?].map(Position);
    let token = row.count()?;
    let status = StatusColumns { failure: row.failure()?, reason: row.take()? };
    Ok(Stream {
        key,
        domain,
        t0,
        planned_to,
        checkpoint,
        token,
        status: row.word("status", |word| status.status(word))?,
        source_identity: row.take::<Option<Arc<str>>>()?,
        opened_at: row.moment()?,
        last_tick: row.moment_or_none()?,
        last_run: row.moment_or_none()?,
        last_failure: row.failure()?.failure().ok_or_else(|| unreadable("failure"))?,
        heartbeat: row.moment()?,
    })
}

/// Reads a slice.
pub(crate) fn read_slice(
    key: StreamKey,
    domain: Domain,
    row: &mut Columns<'_, '_>,
) -> rusqlite::Result<Slice> {
    let id = SliceId(u128::from_be_bytes(row.take()?));
    let window = row.window()?;
    let (tick, attempts, losses) = (row.moment()?, row.take()?, row.take()?);
    let (planned_at, moved_at) = (row.moment()?, row.moment()?);
    let columns = StateColumns {
        owner: row.take()?,
        token: row.take()?,
        until: row.take()?,
        query_tag: row.take()?,
        not_before: row.take()?,
        failure: row.failure()?,
        actor: row.take()?,
        reason: row.take()?,
        revision: row.take()?,
        rows: row.take()?,
        findings_new: row.take()?,
        bytes: row.take()?,
        fingerprint: row.take()?,
        source_clock: row.take()?,
        took: row.take()?,
        committed_at: row.take()?,
        audit_at: row.take()?,
        audits: row.take()?,
    };
    let state = row.word("state of a window", |word| columns.state(word))?;
    Ok(Slice { id, key, domain, window, tick, state, attempts, losses, planned_at, moved_at })
}

/// Reads an attempt.
pub(crate) fn read_run(key: StreamKey, row: &mut Columns<'_, '_>) -> rusqlite::Result<Run> {
    let window = row.window()?;
    let (owner, token, ended_at) = (row.take::<Arc<str>>()?, row.count()?, row.moment()?);
    let columns = OutcomeColumns {
        rows: row.take()?,
        findings_new: row.take()?,
        bytes: row.take()?,
        took_millis: row.take()?,
        failure: row.failure()?,
    };
    let outcome = row.word("outcome", |word| columns.outcome(word))?;
    Ok(Run { key, window, owner, token, ended_at, outcome })
}

/// Writes a stream that is new; the answer is its number.
pub(crate) fn insert_stream(db: &Connection, stream: &Stream) -> rusqlite::Result<i64> {
    let key = &stream.key;
    db.prepare_cached(
        "INSERT INTO log_streams (tenant, dataset, part, rule, epoch, lane, lane_order, domain, t0,
             planned_to, checkpoint, token, status, opened_at, heartbeat)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9, 0, 'active', ?10, ?10)",
    )?
    .execute(params![
        key.tenant.as_str(),
        key.dataset.as_str(),
        &*key.part,
        key.rule.as_str(),
        key.epoch,
        key.lane.word(),
        lane_order(&key.lane),
        stream.domain.word(),
        stream.t0.0,
        stream.opened_at.as_micros(),
    ])?;
    Ok(db.last_insert_rowid())
}

/// Writes what can change of a stream.
pub(crate) fn update_stream(db: &Connection, id: i64, stream: &Stream) -> rusqlite::Result<()> {
    let status = StatusColumns::of(&stream.status);
    let last = FailureColumns::of(stream.last_failure.as_ref());
    db.prepare_cached(
        "UPDATE log_streams SET planned_to = ?2, checkpoint = ?3, token = ?4, status = ?5,
             class = ?6, wait = ?7, message = ?8, reason = ?9, source_identity = ?10,
             last_tick = ?11, last_run = ?12, last_class = ?13, last_wait = ?14,
             last_message = ?15, heartbeat = ?16
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        stream.planned_to.0,
        stream.checkpoint.0,
        int(stream.token),
        stream.status.word(),
        status.failure.class,
        status.failure.wait,
        status.failure.message,
        status.reason,
        stream.source_identity.as_deref(),
        stream.last_tick.map(Timestamp::as_micros),
        stream.last_run.map(Timestamp::as_micros),
        last.class,
        last.wait,
        last.message,
        stream.heartbeat.as_micros(),
    ])?;
    Ok(())
}

/// Writes a slice, new or changed.
pub(crate) fn put_slice(db: &Connection, stream: i64, slice: &Slice) -> rusqlite::Result<()> {
    let state = StateColumns::of(&slice.state);
    db.prepare_cached(
        "INSERT INTO log_slices (stream, to_pos, id, from_pos, tick, state, open, attempts,
             planned_at, moved_at, owner, token, until, query_tag, not_before, class, wait, message,
             actor, reason, revision, rows, findings_new, bytes, fingerprint, source_clock, took,
             committed_at, audit_at, audits, losses)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)
         ON CONFLICT (stream, to_pos, id) DO UPDATE SET tick = ?5, state = ?6, open = ?7,
             attempts = ?8, planned_at = ?9, moved_at = ?10, owner = ?11, token = ?12, until = ?13,
             query_tag = ?14, not_before = ?15, class = ?16, wait = ?17, message = ?18, actor = ?19,
             reason = ?20, revision = ?21, rows = ?22, findings_new = ?23, bytes = ?24,
             fingerprint = ?25, source_clock = ?26, took = ?27, committed_at = ?28, audit_at = ?29,
             audits = ?30, losses = ?31",
    )?
    .execute(params![
        stream,
        slice.window.to().0,
        slice.id.0.to_be_bytes(),
        slice.window.from().0,
        slice.tick.as_micros(),
        slice.state.word(),
        slice.state.is_open(),
        slice.attempts,
        slice.planned_at.as_micros(),
        slice.moved_at.as_micros(),
        state.owner,
        state.token,
        state.until,
        state.query_tag,
        state.not_before,
        state.failure.class,
        state.failure.wait,
        state.failure.message,
        state.actor,
        state.reason,
        state.revision,
        state.rows,
        state.findings_new,
        state.bytes,
        state.fingerprint,
        state.source_clock,
        state.took,
        state.committed_at,
        state.audit_at,
        state.audits,
        slice.losses,
    ])?;
    Ok(())
}

/// Writes an attempt.
pub(crate) fn insert_run(db: &Connection, stream: i64, run: &Run) -> rusqlite::Result<()> {
    let (outcome, columns) = OutcomeColumns::of(&run.outcome);
    db.prepare_cached(
        "INSERT INTO log_runs (stream, from_pos, to_pos, owner, token, ended_at, outcome, rows,
             findings_new, bytes, took_millis, class, wait, message)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        stream,
        run.window.from().0,
        run.window.to().0,
        &*run.owner,
        int(run.token),
        run.ended_at.as_micros(),
        outcome,
        columns.rows,
        columns.findings_new,
        columns.bytes,
        columns.took_millis,
        columns.failure.class,
        columns.failure.wait,
        columns.failure.message,
    ])?;
    Ok(())
}
