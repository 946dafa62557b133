//! What operators decided, and the audit trail.

use std::sync::Arc;

use async_trait::async_trait;
use loghunt::ports::{AuditNote, ControlStore, Job, JobState, Pause, PauseMode, TellHow};
use model::log::{RuleName, TenantName};
use model::org::Actor;
use model::store::{Page, Paging, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use crate::LogStore;
use crate::codec::{Done, all, int};
use crate::log_columns::Columns;
use crate::log_filter::Filter;

const PAUSE: &str = "tenant, mode, since, actor, reason";
const JOB: &str = "name, rule, tenants, from_at, to_at, tell, bytes_max, at, actor, reason, state";
const NOTE: &str = "at, actor, action, subject, reason";

fn tenant(text: &str) -> Option<TenantName> {
    TenantName::new(text).ok()
}

fn actor(text: &str) -> Option<Actor> {
    Some(Actor::parse(text))
}

fn read_pause(row: &rusqlite::Row<'_>) -> rusqlite::Result<Pause> {
    let mut row = Columns::of(row);
    Ok(Pause {
        tenant: row.word("tenant", tenant)?,
        mode: row.word("mode", PauseMode::parse)?,
        since: row.moment()?,
        actor: row.word("actor", actor)?,
        reason: row.take()?,
    })
}

fn read_job(row: &rusqlite::Row<'_>) -> rusqlite::Result<Job> {
    let mut row = Columns::of(row);
    // Names have no commas.
    let tenants = |text: &str| text.split_terminator(',').map(tenant).collect();
    Ok(Job {
        name: row.take::<Arc<str>>()?,
        rule: row.word("rule", |text| RuleName::new(text).ok())?,
        tenants: row.word("tenant", tenants)?,
        from: row.moment()?,
        to: row.moment()?,
        tell: row.word("way to tell", TellHow::parse)?,
        bytes_max: row.take::<Option<i64>>()?.map(loghunt::flat::count),
        at: row.moment()?,
        actor: row.word("actor", actor)?,
        reason: row.take()?,
        state: row.word("state of a job", JobState::parse)?,
    })
}

fn read_note(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditNote> {
    let mut row = Columns::of(row);
    Ok(AuditNote {
        at: row.moment()?,
        actor: row.word("actor", actor)?,
        action: row.take()?,
        subject: row.take()?,
        reason: row.take()?,
    })
}

/// Adds to the audit trail.
pub(crate) fn insert_note(db: &Connection, note: &AuditNote) -> rusqlite::Result<()> {
    let AuditNote { at, actor, action, subject, reason } = note;
    db.prepare_cached(
        "INSERT INTO log_notes (at, actor, action, subject, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![at.as_micros(), actor.to_string(), action, subject, reason])?;
    Ok(())
}

fn pause(db: &Connection, pause: &Pause) -> Done<()> {
    let Pause { tenant, mode, since, actor, reason } = pause;
    db.prepare_cached(
        "INSERT OR REPLACE INTO log_pauses (tenant, mode, since, actor, reason)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        tenant.as_str(),
        mode.word(),
        since.as_micros(),
        actor.to_string(),
        reason
    ])?;
    Ok(insert_note(db, &pause.note())?)
}

fn resume(db: &Connection, tenant: &TenantName, note: &AuditNote) -> Done<Option<Pause>> {
    let ended = db
        .prepare_cached(&format!("DELETE FROM log_pauses WHERE tenant = ?1 RETURNING {PAUSE}"))?
        .query_row([tenant.as_str()], read_pause)
        .optional()?;
    if ended.is_some() {
        insert_note(db, note)?;
    }
    Ok(ended)
}

fn put_job(db: &Connection, job: &Job) -> Done<()> {
    let tenants: Vec<&str> = job.tenants.iter().map(TenantName::as_str).collect();
    db.prepare_cached(
        "INSERT OR REPLACE INTO log_jobs (name, rule, tenants, from_at, to_at, tell, bytes_max, at,
             actor, reason, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        &*job.name,
        job.rule.as_str(),
        tenants.join(","),
        job.from.as_micros(),
        job.to.as_micros(),
        job.tell.word(),
        job.bytes_max.map(int),
        job.at.as_micros(),
        job.actor.to_string(),
        job.reason,
        job.state.word(),
    ])?;
    Ok(())
}

#[async_trait]
impl ControlStore for LogStore {
    async fn pause(&self, wanted: &Pause) -> Result<(), StoreError> {
        let wanted = wanted.clone();
        self.write("pause a tenant", move |db| pause(db, &wanted)).await
    }

    async fn resume(
        &self,
        tenant: &TenantName,
        note: &AuditNote,
    ) -> Result<Option<Pause>, StoreError> {
        let (tenant, note) = (tenant.clone(), note.clone());
        self.write("end a pause", move |db| resume(db, &tenant, &note)).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.look_up("list pauses", |db| {
            let sql = format!("SELECT {PAUSE} FROM log_pauses ORDER BY tenant");
            Ok(all(db.prepare_cached(&sql)?.query_map([], read_pause)?)?)
        })
    }

    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        let job = job.clone();
        self.write("write a job", move |db| put_job(db, &job)).await
    }

    async fn jobs(&self, paging: Paging) -> Result<Page<Job>, StoreError> {
        self.search("list jobs", move |db| {
            Ok(Filter::default().page(db, [JOB, "log_jobs", "at DESC, name"], paging, read_job)?)
        })
        .await
    }

    async fn note(&self, note: &AuditNote) -> Result<(), StoreError> {
        let note = note.clone();
        self.write("write the audit trail", move |db| Ok(insert_note(db, &note)?)).await
    }

    async fn notes(&self, paging: Paging) -> Result<Page<AuditNote>, StoreError> {
        self.search("read the audit trail", move |db| {
            Ok(Filter::default().page(db, [NOTE, "log_notes", "seq DESC"], paging, read_note)?)
        })
        .await
    }
}
