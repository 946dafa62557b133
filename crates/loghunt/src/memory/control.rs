//! Deliveries that wait, and what operators decided.

use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use model::log::TenantName;
use model::store::{Page, Paging, StoreError};

use super::streams::page_of;
use super::{Kept, MemoryLog};
use crate::ports::{AuditNote, ControlStore, Delivery, Job, OutboxStore, Pause, Settled};
use crate::tell::Message;

/// A delivery and until when somebody has it.
pub(super) struct Waiting {
    delivery: Delivery,
    leased_until: Option<Timestamp>,
}

impl Kept {
    pub(super) fn deliver(&mut self, message: Message, now: Timestamp) {
        self.deliveries += 1;
        let delivery = Delivery {
            id: self.deliveries,
            key: message.key,
            channel: message.channel,
            findings: message.findings,
            at: now,
            attempts: 0,
            token: 0,
            not_before: now,
            error: None,
            given_up: false,
        };
        self.outbox.insert(delivery.id, Waiting { delivery, leased_until: None });
    }
}

#[async_trait]
impl OutboxStore for MemoryLog {
    async fn take(
        &self,
        _owner: &str,
        ttl: Duration,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut kept = self.kept.lock();
        let now = self.clock.now();
        let due = |waiting: &&mut Waiting| {
            !waiting.delivery.given_up
                && waiting.delivery.not_before <= now
                && waiting.leased_until.is_none_or(|until| until <= now)
        };
        let lease = |waiting: &mut Waiting| {
            waiting.leased_until = Some(now.plus(ttl));
            waiting.delivery.token += 1;
            waiting.delivery.attempts += 1;
            waiting.delivery.clone()
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(kept.outbox.values_mut().filter(due).take(limit).map(lease).collect())
    }

    async fn settle(&self, id: u64, token: u64, how: &Settled) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        let Some(waiting) = kept.outbox.get_mut(&id) else { return Ok(()) };
        if waiting.delivery.token != token || waiting.delivery.given_up {
            return Ok(());
        }
        waiting.leased_until = None;
        match how {
            Settled::Sent => drop(kept.outbox.remove(&id)),
            Settled::Later { not_before, error } => {
                waiting.delivery.not_before = *not_before;
                waiting.delivery.error = Some(error.clone());
            }
            Settled::GiveUp { error } => {
                waiting.delivery.given_up = true;
                waiting.delivery.error = Some(error.clone());
            }
        }
        Ok(())
    }

    async fn waiting(&self, paging: Paging) -> Result<Page<Delivery>, StoreError> {
        let kept = self.kept.lock();
        Ok(page_of(kept.outbox.values().map(|waiting| &waiting.delivery), paging))
    }
}

#[async_trait]
impl ControlStore for MemoryLog {
    async fn pause(&self, pause: &Pause) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        kept.notes.push(pause.note());
        kept.pauses.insert(pause.tenant.clone(), pause.clone());
        Ok(())
    }

    async fn resume(
        &self,
        tenant: &TenantName,
        note: &AuditNote,
    ) -> Result<Option<Pause>, StoreError> {
        let mut kept = self.kept.lock();
        let ended = kept.pauses.remove(tenant);
        if ended.is_some() {
            kept.notes.push(note.clone());
        }
        Ok(ended)
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        Ok(self.kept.lock().pauses.values().cloned().collect())
    }

    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.kept.lock().jobs.insert(job.name.clone(), job.clone());
        Ok(())
    }

    async fn jobs(&self, paging: Paging) -> Result<Page<Job>, StoreError> {
        let kept = self.kept.lock();
        let mut jobs: Vec<&Job> = kept.jobs.values().collect();
        // Stable: jobs of one moment stay in the order of their names.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.at));
        Ok(page_of(jobs.into_iter(), paging))
    }

    async fn note(&self, note: &AuditNote) -> Result<(), StoreError> {
        self.kept.lock().notes.push(note.clone());
        Ok(())
    }

    async fn notes(&self, paging: Paging) -> Result<Page<AuditNote>, StoreError> {
        let kept = self.kept.lock();
        Ok(page_of(kept.notes.iter().rev(), paging))
    }
}
