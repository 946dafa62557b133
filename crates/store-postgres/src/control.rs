//! What operators decided, and the audit trail.

use async_trait::async_trait;
use loghunt::flat::{count, int};
use loghunt::ports::{AuditNote, ControlStore, Job, JobState, Pause, PauseMode, TellHow};
use model::log::{RuleName, TenantName};
use model::org::Actor;
use model::store::{Page, Paging, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::PostgresLog;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::filter::{Bound, Filter};
use crate::transaction::Lent;

const PAUSE: &str = "tenant, mode, since, actor, reason";
const JOB: &str = "name, rule, tenants, from_at, to_at, tell, bytes_max, at, actor, reason, state";
const NOTE: &str = "at, actor, action, subject, reason";

fn tenant(text: &str) -> Option<TenantName> {
    TenantName::new(text).ok()
}

fn actor(text: &str) -> Option<Actor> {
    Some(Actor::parse(text))
}

fn read_pause(row: &Row) -> Done<Pause> {
    let mut row = Columns::of(row);
    Ok(Pause {
        tenant: row.word("tenant", tenant)?,
        mode: row.word("mode", PauseMode::parse)?,
        since: row.moment()?,
        actor: row.word("actor", actor)?,
        reason: row.take()?,
    })
}

fn read_job(row: &Row) -> Done<Job> {
    let mut row = Columns::of(row);
    // Names have no commas.
    let tenants = |text: &str| text.split_terminator(',').map(tenant).collect();
    Ok(Job {
        name: row.shared()?,
        rule: row.word("rule", |text| RuleName::new(text).ok())?,
        tenants: row.word("tenant", tenants)?,
        from: row.moment()?,
        to: row.moment()?,
        tell: row.word("way to tell", TellHow::parse)?,
        bytes_max: row.take::<Option<i64>>()?.map(count),
        at: row.moment()?,
        actor: row.word("actor", actor)?,
        reason: row.take()?,
        state: row.word("state of a job", JobState::parse)?,
    })
}

fn read_note(row: &Row) -> Done<AuditNote> {
    let mut row = Columns::of(row);
    Ok(AuditNote {
        at: row.moment()?,
        actor: row.word("actor", actor)?,
        action: row.take()?,
        subject: row.take()?,
        reason: row.take()?,
    })
}

/// Adds to the audit trail; the values are those of [`note_values`].
pub(crate) const INSERT_NOTE: &str =
    "INSERT INTO log_notes (at, actor, action, subject, reason) VALUES ($1, $2, $3, $4, $5)";

/// What is bound to [`INSERT_NOTE`].
pub(crate) fn note_values(note: &AuditNote) -> Vec<Bound> {
    let AuditNote { at, actor, action, subject, reason } = note;
    vec![
        Box::new(at.as_micros()),
        Box::new(clean(&actor.to_string())),
        Box::new(clean(action)),
        Box::new(clean(subject)),
        Box::new(clean(reason)),
    ]
}

async fn write_note(lent: &Lent, note: &AuditNote) -> Done<()> {
    let insert = lent.statement(INSERT_NOTE).await?;
    let values = note_values(note);
    let values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    lent.client().execute(&insert, &values).await?;
    Ok(())
}

const PUT_PAUSE: &str = "INSERT INTO log_pauses (tenant, mode, since, actor, reason)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant) DO UPDATE SET mode = EXCLUDED.mode, since = EXCLUDED.since,
        actor = EXCLUDED.actor, reason = EXCLUDED.reason";

const PUT_JOB: &str = "INSERT INTO log_jobs (name, rule, tenants, from_at, to_at, tell, bytes_max,
        at, actor, reason, state)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (name) DO UPDATE SET rule = EXCLUDED.rule, tenants = EXCLUDED.tenants,
        from_at = EXCLUDED.from_at, to_at = EXCLUDED.to_at, tell = EXCLUDED.tell,
        bytes_max = EXCLUDED.bytes_max, at = EXCLUDED.at, actor = EXCLUDED.actor,
        reason = EXCLUDED.reason, state = EXCLUDED.state";

impl PostgresLog {
    /// A transaction that has begun.
    async fn begin(&self) -> Done<Lent> {
        let lent = Lent::new(self.connection().await?);
        lent.client().batch_execute("BEGIN").await?;
        Ok(lent)
    }

    async fn put_pause(&self, pause: &Pause) -> Done<()> {
        let Pause { tenant, mode, since, actor, reason } = pause;
        let lent = self.begin().await?;
        let put = lent.statement(PUT_PAUSE).await?;
        let (since, actor, reason) = (since.as_micros(), clean(&actor.to_string()), clean(reason));
        let values: [&(dyn ToSql + Sync); 5] =
            [&tenant.as_str(), &mode.word(), &since, &actor, &reason];
        lent.client().execute(&put, &values).await?;
        write_note(&lent, &pause.note()).await?;
        lent.client().batch_execute("COMMIT").await?;
        lent.give_back();
        Ok(())
    }

    async fn end_pause(&self, tenant: &TenantName, note: &AuditNote) -> Done<Option<Pause>> {
        let lent = self.begin().await?;
        let sql = format!("DELETE FROM log_pauses WHERE tenant = $1 RETURNING {PAUSE}");
        let end = lent.statement(&sql).await?;
        let row = lent.client().query_opt(&end, &[&tenant.as_str()]).await?;
        let ended = row.as_ref().map(read_pause).transpose()?;
        if ended.is_some() {
            write_note(&lent, note).await?;
        }
        lent.client().batch_execute("COMMIT").await?;
        lent.give_back();
        Ok(ended)
    }

    async fn list_pauses(&self) -> Done<Vec<Pause>> {
        let db = self.connection().await?;
        let sql = format!("SELECT {PAUSE} FROM log_pauses ORDER BY tenant");
        let list = db.prepare_cached(&sql).await?;
        db.query(&list, &[]).await?.iter().map(read_pause).collect()
    }

    async fn write_job(&self, job: &Job) -> Done<()> {
        let db = self.connection().await?;
        let put = db.prepare_cached(PUT_JOB).await?;
        let tenants: Vec<&str> = job.tenants.iter().map(TenantName::as_str).collect();
        let values: [&(dyn ToSql + Sync); 11] = [
            &clean(&job.name),
            &job.rule.as_str(),
            &tenants.join(","),
            &job.from.as_micros(),
            &job.to.as_micros(),
            &job.tell.word(),
            &job.bytes_max.map(int),
            &job.at.as_micros(),
            &clean(&job.actor.to_string()),
            &clean(&job.reason),
            &job.state.word(),
        ];
        db.execute(&put, &values).await?;
        Ok(())
    }

    async fn list_jobs(&self, paging: Paging) -> Done<Page<Job>> {
        let db = self.connection().await?;
        Filter::default().page(&db, [JOB, "log_jobs", "at DESC, name"], paging, read_job).await
    }

    async fn add_note(&self, note: &AuditNote) -> Done<()> {
        // One statement is its own transaction.
        let lent = Lent::new(self.connection().await?);
        write_note(&lent, note).await?;
        lent.give_back();
        Ok(())
    }

    async fn list_notes(&self, paging: Paging) -> Done<Page<AuditNote>> {
        let db = self.connection().await?;
        Filter::default().page(&db, [NOTE, "log_notes", "seq DESC"], paging, read_note).await
    }
}

#[async_trait]
impl ControlStore for PostgresLog {
    async fn pause(&self, pause: &Pause) -> Result<(), StoreError> {
        self.put_pause(pause).await.map_err(|failure| failure.while_doing("pause a tenant"))
    }

    async fn resume(
        &self,
        tenant: &TenantName,
        note: &AuditNote,
    ) -> Result<Option<Pause>, StoreError> {
        let ended = self.end_pause(tenant, note).await;
        ended.map_err(|failure| failure.while_doing("end a pause"))
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.list_pauses().await.map_err(|failure| failure.while_doing("list pauses"))
    }

    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.write_job(job).await.map_err(|failure| failure.while_doing("write a job"))
    }

    async fn jobs(&self, paging: Paging) -> Result<Page<Job>, StoreError> {
        self.list_jobs(paging).await.map_err(|failure| failure.while_doing("list jobs"))
    }

    async fn note(&self, note: &AuditNote) -> Result<(), StoreError> {
        let written = self.add_note(note).await;
        written.map_err(|failure| failure.while_doing("write the audit trail"))
    }

    async fn notes(&self, paging: Paging) -> Result<Page<AuditNote>, StoreError> {
        let notes = self.list_notes(paging).await;
        notes.map_err(|failure| failure.while_doing("read the audit trail"))
    }
}
