//! Compares what an agent declares at the end of an attempt with what has arrived.
//!
//! Pure. Declared and received must be the same, or the attempt is `incomplete`: "nothing found"
//! and "not all of it arrived" must never look the same.

use std::collections::BTreeMap;

use model::flow::{FlowFailure, FlowYield};

/// Rows and batches of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCount {
    /// Its rows.
    pub rows: u64,
    /// Its batches.
    pub batches: u64,
}

/// How much an attempt brought, as one side counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By source; a source without a batch may be left out.
    pub sources: BTreeMap<String, SourceCount>,
    /// Batches of log lines.
    pub log_batches: u64,
    /// Complete files.
    pub uploads: u64,
    /// Bytes of them.
    pub upload_bytes: u64,
}

impl Tally {
    /// Rows over all sources.
    pub fn rows(&self) -> u64 {
        self.sources.values().fold(0, |sum, source| sum.saturating_add(source.rows))
    }
}

/// How an attempt ended, as the agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It ran to its end.
    Finished,
    /// It did not.
    Failed(FlowFailure),
    /// It was told to stop.
    Cancelled,
}

/// The outcome of an attempt that finished or failed.
pub fn outcome(
    failure: Option<FlowFailure>,
    declared: &Tally,
    received: &Tally,
    cpu_millis: u64,
) -> Result<FlowYield, FlowFailure> {
    if let Some(failure) = failure {
        return Err(failure);
    }
    if let Some(difference) = first_difference(declared, received) {
        return Err(FlowFailure::Incomplete(difference));
    }
    Ok(FlowYield {
        rows: received.rows(),
        uploads: received.uploads,
        upload_bytes: received.upload_bytes,
        cpu_millis,
    })
}

fn first_difference(declared: &Tally, received: &Tally) -> Option<String> {
    let none = SourceCount::default();
    let names = declared.sources.keys().chain(received.sources.keys());
    for name in names {
        let said = declared.sources.get(name).unwrap_or(&none);
        let got = received.sources.get(name).unwrap_or(&none);
        if said != got {
            return Some(format!(
                "{name}: {} rows in {} batches declared, {} in {} received",
                said.rows, said.batches, got.rows, got.batches
            ));
        }
    }
    let counts = [
        ("files", declared.uploads, received.uploads),
        ("bytes of files", declared.upload_bytes, received.upload_bytes),
        ("batches of log lines", declared.log_batches, received.log_batches),
    ];
    counts
        .iter()
        .find(|(_, said, got)| said != got)
        .map(|(what, said, got)| format!("{said} {what} declared, {got} received"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: u64, batches: u64, uploads: u64) -> Tally {
        let sources = [("A".to_owned(), SourceCount { rows, batches })].into();
        Tally { sources, uploads, ..Tally::default() }
    }

    #[test]
    fn what_was_declared_must_have_arrived() {
        let check = |declared: Tally, received: Tally, text: &str| {
            let failure = outcome(None, &declared, &received, 0).unwrap_err();
            assert_eq!(failure, FlowFailure::Incomplete(text.to_owned()));
        };
        check(tally(3, 2, 0), tally(3, 1, 0), "A: 3 rows in 2 batches declared, 3 in 1 received");
        check(tally(0, 0, 0), tally(1, 1, 0), "A: 0 rows in 0 batches declared, 1 in 1 received");
        check(tally(1, 1, 2), tally(1, 1, 1), "2 files declared, 1 received");
    }

    #[test]
    fn a_source_without_rows_may_be_left_out() {
        assert!(outcome(None, &tally(0, 0, 0), &Tally::default(), 7).is_ok());
    }
}
