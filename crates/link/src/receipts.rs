//! Receipts of requests that have begun: each waits a moment for the end of its attempt, which stands
//! for it. A flow that is done at once is one message.

use std::time::Duration;

use base::Timestamp;
use model::results::AttemptId;
use prost::Message;
use wire::{Report, ReportSays};

use crate::ports::StoredReport;

/// How long a receipt waits.
const PATIENCE: Duration = Duration::from_millis(500);

/// Receipts that are to be sent, each with the moment from which on.
#[derive(Debug, Default)]
pub(crate) struct Receipts(Vec<(AttemptId, Timestamp)>);

impl Receipts {
    /// An attempt has begun.
    pub(crate) fn begun(&mut self, attempt: AttemptId, now: Timestamp) {
        self.0.push((attempt, now.plus(PATIENCE)));
    }

    /// A report is sent; when it is the end of its attempt, no receipt is needed any more.
    pub(crate) fn sent(&mut self, report: &StoredReport) {
        if !self.0.is_empty() && is_end(report) {
            self.0.retain(|(waiting, _)| *waiting != report.attempt);
        }
    }

    /// Those that are due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<AttemptId> {
        self.0.extract_if(.., |(_, due)| *due <= now).map(|(attempt, _)| attempt).collect()
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.iter().map(|(_, due)| *due).min()
    }
}

/// Whether a report is the last of its attempt.
fn is_end(report: &StoredReport) -> bool {
    let said = Report::decode(&*report.bytes).ok().and_then(|report| report.says);
    matches!(said, Some(ReportSays::Status(_)))
}
