//! Other definitions while the scheduler runs, and what follows when a rule's logic is not what it
//! was.
//!
//! A slice that is leased commits with the revision under which it was leased: its job keeps the
//! assignment that it began with. Everything else takes the current one when it is leased. The
//! checkpoint stays: which revision covered which range is on the ledger.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use log_rules::{Definitions, OnChange};
use loghunt::command::Command;
use loghunt::ports::{AuditNote, Job, JobState, SliceQuery, Step, StreamQuery, TellHow};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{Lane, SliceState, TenantName};
use model::org::Actor;
use model::store::{Paging, StoreError};

use crate::assignment::Roster;
use crate::prepare::Due;
use crate::shared::{Scheduler, Shared};

impl Scheduler {
    /// Takes up other definitions. What runs goes on with those that it began with.
    pub async fn reload(&self, definitions: Arc<Definitions>) {
        let roster = Arc::new(Roster::new(definitions));
        let old = self.shared.set_roster(roster.clone());
        self.shared.take_up(&roster);
        self.shared.sessions.forget();
        for (name, before) in &old.by_name {
            let Some(after) = roster.by_name.get(name) else { continue };
            if before.revision() == after.revision() {
                continue;
            }
            self.shared.state.lock().compared.remove(name);
            let reason = format!("{} became {}", before.revision(), after.revision());
            self.shared.note("revision", name, reason).await;
        }
        let gone = old.definitions.tenants.iter().map(|tenant| tenant.name.clone());
        let still: HashSet<TenantName> =
            roster.definitions.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        for tenant in gone.filter(|tenant| !still.contains(tenant)) {
            self.shared.remove_tenant(&tenant).await;
        }
        self.shared.wake.notify_one();
    }
}

/// What a change of a rule's logic asks for.
pub(crate) enum Revised {
    /// Go on.
    No,
    /// Begin anew, for this reason.
    Reset(String),
}

impl Shared {
    pub(crate) async fn note(&self, action: &str, subject: &str, reason: String) {
        let note = AuditNote {
            at: self.now(),
            actor: Actor::System,
            action: action.to_owned(),
            subject: subject.to_owned(),
            reason,
        };
        if let Err(error) = self.ports.control.note(&note).await {
            self.store_failed(&error, self.now());
        }
    }

    /// The streams of a tenant that is gone are closed. Should it come back, they go on where they
    /// were left.
    async fn remove_tenant(&self, tenant: &TenantName) {
        let query = StreamQuery {
            tenant: Some(tenant.clone()),
            paging: Paging::ALL,
            ..StreamQuery::default()
        };
        let streams = match self.ports.ledger.streams(&query).await {
            Ok(page) => page.items,
            Err(error) => return self.store_failed(&error, self.now()),
        };
        for stream in streams {
            if matches!(stream.status, StreamStatus::Closed { .. }) {
                continue;
            }
            let close = vec![Command::Close { reason: "the tenant was removed".into() }];
            if let Err(error) = self.ports.ledger.step(&Step::of(stream.key, close)).await {
                self.store_failed(&error, self.now());
            }
        }
        self.note("remove", tenant.as_str(), "it is no longer in the definitions".into()).await;
    }

    /// Compares the revision of a rule with the one that the ledger saw last; once for each stream
    /// and revision, and only where something other than going on is asked for.
    pub(crate) async fn revised(
        &self,
        due: &Due,
        stream: &Stream,
        now: Timestamp,
    ) -> Result<Revised, StoreError> {
        let on_change = due.assignment.rule.on_change;
        if on_change == OnChange::Forward || due.lane != Lane::Live {
            return Ok(Revised::No);
        }
        if !self.state.lock().compared.insert(due.name.clone()) {
            return Ok(Revised::No);
        }
        let (Some(last), current) = (self.last_revision(stream).await?, due.assignment.revision())
        else {
            return Ok(Revised::No);
        };
        if last == current {
            return Ok(Revised::No);
        }
        let reason = format!("the rule's logic changed from {last} to {current}");
        match on_change {
            OnChange::Forward => Ok(Revised::No),
            OnChange::Reset => Ok(Revised::Reset(reason)),
            OnChange::Replay(past) => {
                self.replay(due, past, now, reason).await?;
                Ok(Revised::No)
            }
        }
    }

    async fn last_revision(&self, stream: &Stream) -> Result<Option<Arc<str>>, StoreError> {
        let key = &stream.key;
        let mut query = SliceQuery {
            of: StreamQuery {
                tenant: Some(key.tenant.clone()),
                dataset: Some(key.dataset.clone()),
                rule: Some(key.rule.clone()),
                lane: Some(key.lane.clone()),
                epoch: Some(key.epoch),
                ..StreamQuery::default()
            },
            states: vec!["committed"],
            paging: Paging::first(1),
            ..SliceQuery::default()
        };
        let total = self.ports.ledger.slices(&query).await?.total;
        query.paging.offset = total.saturating_sub(1);
        let last = self.ports.ledger.slices(&query).await?.items.pop();
        Ok(last.and_then(|slice| match slice.state {
            SliceState::Committed(evidence) => Some(evidence.revision),
            _ => None,
        }))
    }

    /// Reads a stretch of the past again, as a job with its own ledger.
    async fn replay(
        &self,
        due: &Due,
        past: Duration,
        now: Timestamp,
        reason: String,
    ) -> Result<(), StoreError> {
        let key = &due.assignment.key;
        let name = format!("replay-{}-{}-{}", key.tenant, key.rule, due.assignment.revision());
        let known = self.ports.control.jobs(Paging::ALL).await?.items;
        if known.iter().any(|job| *job.name == *name) {
            return Ok(());
        }
        let job = Job {
            name: name.into(),
            rule: key.rule.clone(),
            tenants: vec![key.tenant.clone()],
            from: now.minus(past),
            to: now,
            tell: TellHow::Each,
            bytes_max: None,
            at: now,
            actor: Actor::System,
            reason,
            state: JobState::Running,
        };
        self.ports.control.put_job(&job).await
    }
}
