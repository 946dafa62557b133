//! Looking at committed windows again: which of them grew, and what is read again for it.

use std::sync::Arc;

use base::Timestamp;
use loghunt::command::Command;
use loghunt::engine::EngineError;
use loghunt::ports::{SliceQuery, Step, StreamQuery};
use loghunt::repair::{audit_ages, depends_on, growth, next_audit};
use metrics::counter;
use model::log::{Evidence, Lane, Slice, SliceState, StreamKey, Window};
use model::store::{Paging, StoreError};

use crate::assignment::{Assignment, name_of};
use crate::shared::{Scheduler, Shared};

/// So many windows are looked at in one round.
const ROUND: u64 = 200;

impl Scheduler {
    /// Looks at all windows whose time has come; how many there were. [`Scheduler::run`] does this by
    /// itself.
    pub async fn audit(&self) -> u64 {
        match self.shared.audit_round().await {
            Ok(count) => count,
            Err(error) => {
                self.shared.store_failed(&error, self.shared.now());
                0
            }
        }
    }

    /// Repairs that were begun, perhaps by somebody who is gone, are queued.
    pub(crate) async fn take_up_repairs(&self) {
        let query = SliceQuery {
            states: vec!["planned", "backoff", "leased", "running"],
            paging: Paging::ALL,
            ..SliceQuery::default()
        };
        match self.shared.ports.ledger.slices(&query).await {
            Ok(page) => {
                for slice in page.items {
                    if matches!(slice.key.lane, Lane::Repair(_)) {
                        self.shared.queue_lane(&slice.key);
                    }
                }
            }
            Err(error) => self.shared.store_failed(&error, self.shared.now()),
        }
    }
}

impl Shared {
    /// Queues a lane that is not live.
    fn queue_lane(&self, key: &StreamKey) {
        let live = StreamKey { lane: Lane::Live, part: "".into(), ..key.clone() };
        let Some(assignment) = self.roster().by_name.get(&name_of(&live)).cloned() else { return };
        let name = self.know(&assignment, key.lane.clone());
        self.queue_again(&name);
    }

    async fn audit_round(&self) -> Result<u64, StoreError> {
        let now = self.ports.ledger.now().await?;
        let query = SliceQuery {
            states: vec!["committed"],
            audit_by: Some(now),
            paging: Paging::first(ROUND),
            ..SliceQuery::default()
        };
        let slices = self.ports.ledger.slices(&query).await?.items;
        let count = slices.len() as u64;
        for slice in slices {
            self.audit(slice, now).await?;
        }
        Ok(count)
    }

    async fn audit(&self, slice: Slice, now: Timestamp) -> Result<(), StoreError> {
        let SliceState::Committed(evidence) = &slice.state else { return Ok(()) };
        let live = StreamKey { part: "".into(), ..slice.key.clone() };
        let found = self.roster().by_name.get(&name_of(&live)).cloned();
        let Some(assignment) = found else {
            // The rule is gone: nobody asks any more.
            return self.audited(&slice, None, None).await.map(|_| ());
        };
        let part = &slice.key.part;
        let looking = self.fingerprint(&assignment, slice.domain, part, slice.window);
        // One engine that never answers must not keep all other windows from being looked at.
        let looked = self.within_time(assignment.timeout, looking).await.unwrap_or_else(|| {
            Err(EngineError::transient("the engine did not say in time whether the window grew"))
        });
        let fingerprint = match looked {
            Ok(fingerprint) => fingerprint,
            Err(error) => {
                // Not settled: it stays on the list, behind a short wait.
                tracing::warn!(stream = %slice.key, %error, "a window could not be looked at again");
                let soon = now.plus(std::time::Duration::from_secs(300));
                return self.audited(&slice, None, Some(soon)).await.map(|_| ());
            }
        };
        let changed = fingerprint.is_some() && fingerprint != evidence.fingerprint;
        if changed {
            // First the repair, then the mark: a crash between repeats the repair, and loses nothing.
            self.repair(&assignment, &slice, now).await?;
        }
        let next = next_audit(slice.window, &audit_ages(&assignment.dataset), now);
        let marked = self.audited(&slice, fingerprint.clone(), next).await?;
        if changed && marked {
            // Whoever made the mark counts, so that two schedulers do not count the same rows.
            self.late(&assignment, &slice, evidence, fingerprint.as_deref());
        }
        Ok(())
    }

    fn late(
        &self,
        assignment: &Assignment,
        slice: &Slice,
        evidence: &Evidence,
        fingerprint: Option<&str>,
    ) {
        let labels = [
            ("tenant", assignment.tenant.name.to_string()),
            ("dataset", assignment.dataset.name.to_string()),
        ];
        counter!("lycaon_log_late_windows_total", &labels).increment(1);
        let before = evidence.fingerprint.as_deref();
        let rows = before.zip(fingerprint).and_then(|(before, after)| growth(before, after));
        counter!("lycaon_log_late_rows_total", &labels).increment(rows.unwrap_or(0));
        tracing::info!(stream = %slice.key, window = ?slice.window, ?rows, "rows came late");
    }

    /// Marks a window as looked at; whether this was the look that counts.
    async fn audited(
        &self,
        slice: &Slice,
        fingerprint: Option<Arc<str>>,
        next: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let SliceState::Committed(evidence) = &slice.state else { return Ok(false) };
        let seen = evidence.audits;
        let audited = Command::Audited { slice: slice.id, seen, fingerprint, next };
        let step = Step::of(slice.key.clone(), vec![audited]);
        // Refused when the slice is gone or another scheduler looked at it, which is as good.
        Ok(self.ports.ledger.step(&step).await?.is_ok())
    }

    /// Puts every committed window whose answer depends on this one into the first repair lane in
    /// which it has not been read yet.
    async fn repair(
        &self,
        assignment: &Arc<Assignment>,
        slice: &Slice,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reach = depends_on(slice.window, assignment.rule.class);
        let committed = self.meeting(&slice.key, &Lane::Live, reach, vec!["committed"]).await?;
        for live in committed {
            let mut level = 1;
            loop {
                let lane = Lane::Repair(level);
                let there = self.meeting(&slice.key, &lane, live.window, ALL_LIVE.to_vec()).await?;
                let waits = |one: &Slice| {
                    matches!(one.state, SliceState::Planned | SliceState::Backoff { .. })
                        && one.window.from() <= live.window.from()
                        && live.window.to() <= one.window.to()
                };
                if there.iter().any(waits) {
                    break;
                }
                if there.is_empty() {
                    self.add_repair(&live, lane, now).await?;
                    break;
                }
                level += 1;
            }
        }
        Ok(())
    }

    async fn add_repair(&self, live: &Slice, lane: Lane, now: Timestamp) -> Result<(), StoreError> {
        let key = StreamKey { lane, ..live.key.clone() };
        let open =
            Command::Open { domain: live.domain, t0: live.window.from(), source_identity: None };
        let add = Command::Add { tick: now, windows: vec![live.window] };
        let step = Step::of(key.clone(), vec![open, add]);
        if let Err(refusal) = self.ports.ledger.step(&step).await? {
            tracing::error!(stream = %key, %refusal, "a repair was refused");
            return Ok(());
        }
        self.queue_lane(&key);
        Ok(())
    }

    /// Slices of a lane of a stream's epoch and part that meet a window.
    async fn meeting(
        &self,
        key: &StreamKey,
        lane: &Lane,
        window: Window,
        states: Vec<&'static str>,
    ) -> Result<Vec<Slice>, StoreError> {
        let query = SliceQuery {
            of: StreamQuery {
                tenant: Some(key.tenant.clone()),
                dataset: Some(key.dataset.clone()),
                rule: Some(key.rule.clone()),
                lane: Some(lane.clone()),
                epoch: Some(key.epoch),
                ..StreamQuery::default()
            },
            window: Some(window),
            states,
            paging: Paging::ALL,
            ..SliceQuery::default()
        };
        let mut found = self.ports.ledger.slices(&query).await?.items;
        found.retain(|slice| slice.key.part == key.part);
        Ok(found)
    }
}

/// Every state in which a window counts.
const ALL_LIVE: [&str; 7] =
    ["planned", "leased", "running", "committed", "backoff", "quarantined", "waived"];
