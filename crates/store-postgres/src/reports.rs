//! What agents report, that of many agents in one transaction: their flows are locked and read at once,
//! each report has its effect in turn, and what changed is written at once.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{ClientId, FlowId};
use flows::completion::{AttemptEnd, SourceCount, Tally};
use flows::ports::FlowStep;
use flows::reports::{Burst, Report, ReportStore, Taken};
use flows::results::{Appended, BatchRefusal};
use flows::steer::{Ended, StatusReport, end_step};
use model::flow::{Flow, FlowEvent, FlowState};
use model::results::AttemptId;
use model::store::StoreError;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::flow_steps::{Wanted, Work};
use crate::rows_write::{
    AllHeld, Held, LOG, NewBatch, Put, ROWS, insert_all, judge, judge_log, new_log, put_all,
    read_held_of,
};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column};

/// Files of attempts that are whole: how many, and their bytes.
fn files_of(attempts: &BTreeSet<AttemptId>) -> Question {
    let sql = "SELECT u.flow, u.attempt, count(*), coalesce(sum(u.size), 0)::bigint FROM uploads u
        JOIN unnest($1::bytea[], $2::bigint[]) AS x (flow, attempt)
            ON u.flow = x.flow AND u.attempt = x.attempt
        WHERE u.sha256 IS NOT NULL GROUP BY u.flow, u.attempt";
    Question::new(sql, of_attempts(attempts))
}

/// What attempts have brought so far, by source.
fn held_of(attempts: &BTreeSet<AttemptId>) -> Question {
    let sql = "SELECT s.flow, s.attempt, s.kind, s.source, s.batches, s.rows, s.columns
        FROM attempt_sources s JOIN unnest($1::bytea[], $2::bigint[]) AS x (flow, attempt)
            ON s.flow = x.flow AND s.attempt = x.attempt";
    Question::new(sql, of_attempts(attempts))
}

fn of_attempts(attempts: &BTreeSet<AttemptId>) -> Vec<crate::filter::Bound> {
    vec![
        column(attempts, |attempt| Id(attempt.flow.bits())),
        column(attempts, |attempt| i64::from(attempt.attempt)),
    ]
}

fn attempt_of(report: &Report) -> AttemptId {
    match report {
        Report::Delivered(attempt) => *attempt,
        Report::Rows(batch) => batch.attempt,
        Report::Log(batch) => batch.attempt,
        Report::Ended(report) => report.attempt,
    }
}

fn not_yours(attempt: AttemptId) -> Appended {
    Appended::Refused(BatchRefusal::NotYours(attempt.flow))
}

/// What reports start from and what becomes of it.
struct Desk {
    work: Work,
    held: BTreeMap<AttemptId, AllHeld>,
    files: BTreeMap<AttemptId, (u64, u64)>,
    /// Sources of attempts that brought something.
    grown: BTreeSet<(AttemptId, i64, String)>,
    batches: Vec<NewBatch>,
    logs: Vec<Question>,
}

impl Desk {
    async fn load(lent: &Lent, bursts: &[Burst]) -> Done<Self> {
        let reports = || bursts.iter().flat_map(|burst| &burst.reports);
        let attempts: BTreeSet<AttemptId> = reports().map(attempt_of).collect();
        let ends = || {
            reports().filter_map(|report| match report {
                Report::Ended(report) => Some(report),
                Report::Delivered(_) | Report::Rows(_) | Report::Log(_) => None,
            })
        };
        let failed = |report: &StatusReport| matches!(report.end, AttemptEnd::Failed(_));
        let finished = |report: &StatusReport| matches!(report.end, AttemptEnd::Finished);
        let wanted = Wanted {
            flows: attempts.iter().map(|attempt| attempt.flow).collect(),
            ends: ends().next().is_some(),
            // An attempt that says it has finished may be incomplete, and repeated for that.
            retries: ends().any(|report| failed(report) || finished(report)),
            reads: ends().any(|report| !report.windows.is_empty()),
        };
        let more = vec![held_of(&attempts), files_of(&attempts)];
        let (work, more) = Work::load(lent, &wanted, more).await?;
        let mut more = more.into_iter();
        let held = read_held_of(&more.next().unwrap_or_default())?;
        let mut files = BTreeMap::new();
        for row in &more.next().unwrap_or_default() {
            let mut row = Columns::of(row);
            let (flow, attempt) = (FlowId::from_bits(row.bits()?), row.small()?);
            files.insert(AttemptId { flow, attempt }, (row.count()?, row.count()?));
        }
        let (grown, batches, logs) = (BTreeSet::new(), Vec::new(), Vec::new());
        Ok(Self { work, held, files, grown, batches, logs })
    }

    /// The client's own flow that an attempt belongs to.
    fn own_flow(&self, client: ClientId, attempt: AttemptId) -> Option<&Flow> {
        self.work.flow(attempt.flow).filter(|flow| flow.client == client)
    }

    fn take(&mut self, burst: &Burst, report: &Report) -> Result<Taken, StoreError> {
        let Burst { client, now, .. } = *burst;
        Ok(match report {
            Report::Delivered(attempt) => {
                let waits = self.own_flow(client, *attempt).is_some_and(|flow| {
                    flow.life.attempt == attempt.attempt && flow.life.state == FlowState::Queued
                });
                let event = FlowEvent::Delivered { attempt: attempt.attempt };
                let step = FlowStep::new(attempt.flow, event, now);
                Taken::Delivered(waits && self.work.apply(&step)?.moved)
            }
            Report::Rows(batch) => {
                let before = self.held.get(&batch.attempt).cloned().unwrap_or_default();
                let Some(flow) = self.own_flow(client, batch.attempt) else {
                    return Ok(Taken::Appended(not_yours(batch.attempt)));
                };
                Taken::Appended(match judge(flow, &before, batch) {
                    Ok(held) => {
                        self.batches.push(NewBatch::of(flow, batch, now));
                        self.grow(batch.attempt, (ROWS, clean(&batch.source)), held);
                        Appended::Stored
                    }
                    Err(not_stored) => not_stored,
                })
            }
            Report::Log(batch) => {
                let source = (LOG, String::new());
                let before = self.held.get(&batch.attempt).and_then(|held| held.get(&source));
                let before = before.cloned().unwrap_or_default();
                let Some(flow) = self.own_flow(client, batch.attempt) else {
                    return Ok(Taken::Appended(not_yours(batch.attempt)));
                };
                Taken::Appended(match judge_log(flow, before.batches, batch) {
                    Some(not_stored) => not_stored,
                    None => {
                        let new = new_log(flow, batch);
                        self.logs.push(new);
                        let held = Held { batches: before.batches + 1, ..before };
                        self.grow(batch.attempt, source, held);
                        Appended::Stored
                    }
                })
            }
            Report::Ended(report) => Taken::Ended(self.ended(burst, report)?),
        })
    }

    fn grow(&mut self, attempt: AttemptId, (kind, source): (i64, String), held: Held) {
        self.grown.insert((attempt, kind, source.clone()));
        self.held.entry(attempt).or_default().insert((kind, source), held);
    }

    fn ended(&mut self, burst: &Burst, report: &StatusReport) -> Result<Ended, StoreError> {
        let Some(flow) = self.own_flow(burst.client, report.attempt) else {
            return Ok(Ended::NotYours);
        };
        if !flow.life.accepts(report.attempt.attempt) {
            return Ok(Ended::Late);
        }
        let received = match report.end {
            AttemptEnd::Finished => Some(self.received(report.attempt)),
            AttemptEnd::Failed(_) | AttemptEnd::Cancelled => None,
        };
        let step = end_step(flow, report, received.as_ref(), burst.now);
        let applied = self.work.apply(&step)?;
        Ok(if applied.moved { Ended::Moved(Box::new(applied.flow)) } else { Ended::Late })
    }

    /// What has arrived of an attempt.
    fn received(&self, attempt: AttemptId) -> Tally {
        let (uploads, upload_bytes) = self.files.get(&attempt).copied().unwrap_or_default();
        let mut tally = Tally { uploads, upload_bytes, ..Tally::default() };
        for ((kind, source), held) in self.held.get(&attempt).into_iter().flatten() {
            if *kind == LOG {
                tally.log_batches = held.batches;
            } else {
                let count = SourceCount { rows: held.rows, batches: held.batches };
                tally.sources.insert(source.clone(), count);
            }
        }
        tally
    }

    async fn writes(mut self, store: &RecordStore, lent: &Lent) -> Done<Vec<Question>> {
        let mut writes = Vec::new();
        let puts: Vec<Put<'_>> = self
            .grown
            .iter()
            .filter_map(|(attempt, kind, source)| {
                let held = self.held.get(attempt)?.get(&(*kind, source.clone()))?;
                Some(Put { flow: self.work.flow(attempt.flow)?, attempt, kind, source, held })
            })
            .collect();
        if !puts.is_empty() {
            writes.push(put_all(&puts));
        }
        if !self.batches.is_empty() {
            writes.push(insert_all(&self.batches));
        }
        writes.append(&mut self.logs);
        // Last: these have counters that are shared by many transactions.
        if self.work.has_moved() {
            writes.extend(self.work.writes(store, lent).await?);
        }
        Ok(writes)
    }
}

async fn take(store: &RecordStore, lent: Lent, bursts: &[Burst]) -> Done<Vec<Vec<Taken>>> {
    let mut desk = Desk::load(&lent, bursts).await?;
    let mut all = Vec::with_capacity(bursts.len());
    for burst in bursts {
        let taken = burst.reports.iter().map(|report| desk.take(burst, report));
        match taken.collect::<Result<Vec<_>, _>>() {
            Ok(taken) => all.push(taken),
            Err(why) => return lent.refuse(why).await,
        }
    }
    let writes = desk.writes(store, &lent).await?;
    if writes.is_empty() {
        lent.roll_back().await?;
    } else {
        lent.commit(writes).await?;
    }
    Ok(all)
}

const DOING: &str = "take what agents report";

#[async_trait]
impl ReportStore for RecordStore {
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError> {
        let store = self.clone();
        let work = move |bursts: Vec<Burst>| {
            let store = store.clone();
            async move { store.step(DOING, |lent| take(&store, lent, &bursts)).await }
        };
        self.bursts.call(DOING, burst.clone(), work).await
    }
}
