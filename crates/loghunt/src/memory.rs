//! The records of log hunts in memory. Product code that keeps the whole contract, except that
//! nothing outlives the process.
//!
//! One lock guards everything: a step is a transaction because nobody sees the middle of it.
//!
//! Not here: any decision. Streams move in [`crate::ledger`], findings are told by [`crate::tell`].

mod control;
mod findings;
mod streams;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use base::{Clock, Timestamp};
use model::log::{Finding, FindingId, Slice, StreamKey, TenantName};
use model::store::{Page, Paging, StoreError};
use parking_lot::Mutex;

use crate::command::{Applied, Refusal};
use crate::ledger::Ledger;
use crate::ports::{AuditNote, Job, LedgerStore, Old, Pause, SliceQuery, Step, StreamQuery};
use crate::stream::{Run, Stream};
use crate::tell::{self, Bucket};
use streams::{Lane, page_of, wanted};

/// All records of log hunts, in memory. Clones share their records.
#[derive(Clone)]
pub struct MemoryLog {
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lanes: BTreeMap<StreamKey, Lane>,
    /// Newest first.
    runs: VecDeque<Run>,
    findings: HashMap<FindingId, Finding>,
    /// Finding ids by instant: the order of lists.
    by_instant: BTreeSet<(Timestamp, FindingId)>,
    buckets: HashMap<Bucket, FindingId>,
    outbox: BTreeMap<u64, control::Waiting>,
    deliveries: u64,
    pauses: BTreeMap<TenantName, Pause>,
    jobs: BTreeMap<Arc<str>, Job>,
    /// Oldest first.
    notes: Vec<AuditNote>,
}

impl MemoryLog {
    /// No records; leases are judged by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Arc::default() }
    }
}

impl Kept {
    fn step(
        &mut self,
        step: &Step,
        now: Timestamp,
    ) -> Result<Result<Applied, Refusal>, StoreError> {
        tell::check(step)?;
        let lane = self.lanes.get(&step.key);
        let slices = lane.map(|lane| lane.working_set(&step.commands)).unwrap_or_default();
        let stream = lane.map(|lane| lane.stream.clone());
        let mut ledger = Ledger::load(step.key.clone(), stream, slices, now);
        let done = ledger.apply(&step.commands).and_then(|()| ledger.finish());
        let (mut applied, mut changes) = match done {
            Ok(done) => done,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if lane.is_some_and(|lane| lane.refuses(&changes)) {
            return Ok(Err(Refusal::Overlap));
        }
        let new = self.take_findings(step, now);
        tell::count(step, new, &mut applied, &mut changes);
        let stream = applied.stream.clone();
        let lane = self.lanes.entry(step.key.clone()).or_insert_with(|| Lane::new(stream.clone()));
        lane.stream = stream;
        lane.write(&changes);
        changes.runs.into_iter().for_each(|run| self.runs.push_front(run));
        self.notes.extend(step.audit.clone());
        Ok(Ok(applied))
    }

    /// Stores findings and writes messages about new ones; how many were new.
    fn take_findings(&mut self, step: &Step, now: Timestamp) -> u64 {
        let mut new = Vec::new();
        for found in tell::arrived(step, now) {
            match self.findings.get_mut(&found.id) {
                Some(known) => known.revision_last = found.revision_last,
                None => new.push(found),
            }
        }
        let mut won = BTreeSet::new();
        for (bucket, id) in tell::claims(&new, &step.tell) {
            if *self.buckets.entry(bucket).or_insert(id) == id {
                won.insert(id);
            }
        }
        for message in tell::messages(&mut new, &step.tell, &won) {
            self.deliver(message, now);
        }
        let count = new.len() as u64;
        for found in new {
            self.by_instant.insert((found.instant, found.id));
            self.findings.insert(found.id, found);
        }
        count
    }
}

#[async_trait]
impl LedgerStore for MemoryLog {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn step(&self, step: &Step) -> Result<Result<Applied, Refusal>, StoreError> {
        let mut kept = self.kept.lock();
        // Read under the lock: steps see the clock in the order in which they happen.
        let now = self.clock.now();
        kept.step(step, now)
    }

    async fn stream(&self, key: &StreamKey) -> Result<Option<Stream>, StoreError> {
        Ok(self.kept.lock().lanes.get(key).map(|lane| lane.stream.clone()))
    }

    async fn streams(&self, query: &StreamQuery) -> Result<Page<Stream>, StoreError> {
        let kept = self.kept.lock();
        let matching = kept.lanes.values().map(|lane| &lane.stream);
        Ok(page_of(matching.filter(|stream| wanted(query, stream)), query.paging))
    }

    async fn slices(&self, query: &SliceQuery) -> Result<Page<Slice>, StoreError> {
        let kept = self.kept.lock();
        let lanes = kept.lanes.values().filter(|lane| wanted(&query.of, &lane.stream));
        let mut matching: Vec<&Slice> = lanes
            .flat_map(Lane::slices)
            .filter(|slice| streams::slice_wanted(query, slice))
            .collect();
        matching.sort_by_key(|slice| (slice.window.from(), slice.id));
        Ok(page_of(matching.into_iter(), query.paging))
    }

    async fn runs(&self, query: &StreamQuery, paging: Paging) -> Result<Page<Run>, StoreError> {
        let kept = self.kept.lock();
        let of =
            |run: &&Run| kept.lanes.get(&run.key).is_some_and(|lane| wanted(query, &lane.stream));
        Ok(page_of(kept.runs.iter().filter(of), paging))
    }

    async fn forget(&self, old: &Old) -> Result<u64, StoreError> {
        let mut kept = self.kept.lock();
        let mut gone = 0;
        if let Some(before) = old.runs_before {
            gone += kept.forget_runs(before, old.limit);
        }
        if let Some(before) = old.findings_before {
            gone += kept.forget_findings(before, old.limit);
        }
        Ok(gone)
    }
}
