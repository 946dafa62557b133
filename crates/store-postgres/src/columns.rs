//! Streams, slices and attempts from columns. What states and outcomes become is said in
//! `loghunt::flat`.

use std::sync::Arc;

use base::Timestamp;
use loghunt::flat::{FailureColumns, OutcomeColumns, StateColumns, StatusColumns, count};
use loghunt::stream::{Run, Stream};
use model::log::{
    DatasetName, Domain, Lane, Position, RuleName, Slice, SliceId, StreamKey, TenantName, Window,
};
use model::org::{Actor, OrgId};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::failure::{Done, Failure};

/// A text as the server takes it: it has no place for NUL.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Reads the columns of a row one after the other.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn take<T: FromSql<'r>>(&mut self) -> Done<T> {
        self.next += 1;
        Ok(self.row.try_get(self.next - 1)?)
    }

    pub(crate) fn shared(&mut self) -> Done<Arc<str>> {
        self.take::<&str>().map(Arc::from)
    }

    pub(crate) fn shared_or_none(&mut self) -> Done<Option<Arc<str>>> {
        Ok(self.take::<Option<&str>>()?.map(Arc::from))
    }

    pub(crate) fn moment(&mut self) -> Done<Timestamp> {
        self.take().map(Timestamp::from_micros)
    }

    pub(crate) fn moment_or_none(&mut self) -> Done<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    pub(crate) fn count(&mut self) -> Done<u64> {
        self.take().map(count)
    }

    pub(crate) fn small(&mut self) -> Done<u32> {
        u32::try_from(self.take::<i64>()?).map_err(|_| Failure::Unreadable("small number"))
    }

    pub(crate) fn bits(&mut self) -> Done<u128> {
        let bytes: [u8; 16] =
            self.take::<&[u8]>()?.try_into().map_err(|_| Failure::Unreadable("identity"))?;
        Ok(u128::from_be_bytes(bytes))
    }

    pub(crate) fn bits_or_none(&mut self) -> Done<Option<u128>> {
        let Some(bytes) = self.take::<Option<&[u8]>>()? else { return Ok(None) };
        let bytes: [u8; 16] = bytes.try_into().map_err(|_| Failure::Unreadable("identity"))?;
        Ok(Some(u128::from_be_bytes(bytes)))
    }

    /// Whether the next column is empty.
    pub(crate) fn is_nothing(&self) -> bool {
        struct Anything;
        impl FromSql<'_> for Anything {
            fn from_sql(
                _: &tokio_postgres::types::Type,
                _: &[u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                Ok(Self)
            }
            fn accepts(_: &tokio_postgres::types::Type) -> bool {
                true
            }
        }
        matches!(self.row.try_get::<_, Option<Anything>>(self.next), Ok(None))
    }

    pub(crate) fn hash(&mut self) -> Done<[u8; 32]> {
        self.take::<&[u8]>()?.try_into().map_err(|_| Failure::Unreadable("hash"))
    }

    pub(crate) fn org(&mut self) -> Done<OrgId> {
        self.word("organisation", OrgId::new)
    }

    pub(crate) fn actor(&mut self) -> Done<Actor> {
        Ok(Actor::parse(self.take()?))
    }

    /// A word, by whatever reads it.
    pub(crate) fn word<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Done<T> {
        parse(self.take()?).ok_or(Failure::Unreadable(what))
    }

    pub(crate) fn window(&mut self) -> Done<Window> {
        let (from, to) = (self.take()?, self.take()?);
        Window::new(Position(from), Position(to)).ok_or(Failure::Unreadable("window"))
    }

    fn failure(&mut self) -> Done<FailureColumns> {
        Ok(FailureColumns { class: self.take()?, wait: self.take()?, message: self.take()? })
    }

    pub(crate) fn key(&mut self) -> Done<StreamKey> {
        Ok(StreamKey {
            tenant: self.word("tenant", |text| TenantName::new(text).ok())?,
            dataset: self.word("dataset", |text| DatasetName::new(text).ok())?,
            part: self.shared()?,
            rule: self.word("rule", |text| RuleName::new(text).ok())?,
            epoch: self.small()?,
            lane: self.word("lane", Lane::parse)?,
        })
    }
}

/// The columns of a key, in the order of [`Columns::key`].
pub(crate) const KEY: &str = "k.tenant, k.dataset, k.part, k.rule, k.epoch, k.lane";

/// Which stream, by the first six values.
pub(crate) const OF_KEY: &str = "k.tenant = $1 AND k.dataset = $2 AND k.part = $3 \
    AND k.rule = $4 AND k.epoch = $5 AND k.lane = $6";

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
pub(crate) fn read_stream(key: StreamKey, row: &mut Columns<'_>) -> Done<Stream> {
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
        source_identity: row.shared_or_none()?,
        opened_at: row.moment()?,
        last_tick: row.moment_or_none()?,
        last_run: row.moment_or_none()?,
        last_failure: row.failure()?.failure().ok_or(Failure::Unreadable("failure"))?,
        heartbeat: row.moment()?,
    })
}

/// Reads a slice.
pub(crate) fn read_slice(key: StreamKey, domain: Domain, row: &mut Columns<'_>) -> Done<Slice> {
    let id = SliceId(row.bits()?);
    let window = row.window()?;
    let (tick, attempts, losses) = (row.moment()?, row.small()?, row.small()?);
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
pub(crate) fn read_run(key: StreamKey, row: &mut Columns<'_>) -> Done<Run> {
    let window = row.window()?;
    let (owner, token, ended_at) = (row.shared()?, row.count()?, row.moment()?);
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
