//! What an agent reports at once, in one job of the writer: the flow is read once, its rows are added,
//! and it ends.

use async_trait::async_trait;
use flows::completion::AttemptEnd;
use flows::ports::FlowStep;
use flows::reports::{Burst, Report, ReportStore, Taken};
use flows::results::{Appended, BatchRefusal};
use flows::steer::{Ended, StatusReport, end_step};
use model::flow::{Flow, FlowEvent, FlowState};
use model::results::AttemptId;
use model::store::StoreError;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::codec::Done;
use crate::{flows_table, rows_table, rows_write};

/// The flow that the last report was about: the next one mostly is about the same.
struct Desk<'a> {
    db: &'a Connection,
    burst: &'a Burst,
    flow: Option<Flow>,
}

impl Desk<'_> {
    /// The client's own flow that an attempt belongs to.
    fn own_flow(&mut self, attempt: AttemptId) -> rusqlite::Result<Option<&Flow>> {
        if self.flow.as_ref().is_none_or(|flow| flow.id != attempt.flow) {
            let found = flows_table::find(self.db, attempt.flow)?;
            self.flow = found.filter(|flow| flow.client == self.burst.client);
        }
        Ok(self.flow.as_ref())
    }

    fn take(&mut self, report: &Report) -> Done<Taken> {
        Ok(match report {
            Report::Delivered(attempt) => Taken::Delivered(self.delivered(*attempt)?),
            Report::Rows(batch) => {
                let (db, now) = (self.db, self.burst.now);
                Taken::Appended(match self.own_flow(batch.attempt)? {
                    Some(flow) => rows_write::append_to(db, flow, batch, now)?,
                    None => not_yours(batch.attempt),
                })
            }
            Report::Log(batch) => {
                let db = self.db;
                Taken::Appended(match self.own_flow(batch.attempt)? {
                    Some(flow) => rows_write::append_log_to(db, flow, batch)?,
                    None => not_yours(batch.attempt),
                })
            }
            Report::Ended(report) => Taken::Ended(self.ended(report)?),
        })
    }

    fn delivered(&mut self, attempt: AttemptId) -> Done<bool> {
        let waits = self.own_flow(attempt)?.is_some_and(|flow| {
            flow.life.attempt == attempt.attempt && flow.life.state == FlowState::Queued
        });
        let event = FlowEvent::Delivered { attempt: attempt.attempt };
        let now = self.burst.now;
        Ok(waits && self.apply(&FlowStep::new(attempt.flow, event, now))?.is_some())
    }

    fn ended(&mut self, report: &StatusReport) -> Done<Ended> {
        let (db, now) = (self.db, self.burst.now);
        let Some(flow) = self.own_flow(report.attempt)? else { return Ok(Ended::NotYours) };
        if !flow.life.accepts(report.attempt.attempt) {
            return Ok(Ended::Late);
        }
        let received = match report.end {
            AttemptEnd::Finished => Some(rows_table::received(db, report.attempt)?),
            AttemptEnd::Failed(_) | AttemptEnd::Cancelled => None,
        };
        let step = end_step(flow, report, received.as_ref(), now);
        Ok(match self.apply(&step)? {
            Some(flow) => Ended::Moved(Box::new(flow)),
            None => Ended::Late,
        })
    }

    /// Moves the flow at hand; the flow as it is then, when that changed it.
    fn apply(&mut self, step: &FlowStep) -> Done<Option<Flow>> {
        let Some(flow) = self.flow.take() else { return Ok(None) };
        let applied = flows_table::apply_to(self.db, flow, step)?;
        self.flow = Some(applied.flow.clone());
        Ok(applied.moved.then_some(applied.flow))
    }
}

fn not_yours(attempt: AttemptId) -> Appended {
    Appended::Refused(BatchRefusal::NotYours(attempt.flow))
}

#[async_trait]
impl ReportStore for SqliteStore {
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError> {
        let burst = burst.clone();
        self.write_again("take what an agent reports", move |db| {
            let mut desk = Desk { db, burst: &burst, flow: None };
            burst.reports.iter().map(|report| desk.take(report)).collect()
        })
        .await
    }
}
