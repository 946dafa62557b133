//! Cuts rows into numbered batches that fit the wire, one series per source.
//!
//! # Invariants
//! - **A1** batches of a source count from 0 without gaps; none has more rows or bytes than the wire
//!   allows.

use std::collections::BTreeMap;
use std::time::Duration;

use wire::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, Rows, SourceCount, pack_rows};

/// A row waits at most this long for its batch to fill.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rows of one source that wait for their batch to be full.
#[derive(Debug, Default)]
struct Series {
    waiting: Vec<String>,
    bytes: usize,
    /// When the oldest waiting row came.
    since: Duration,
    rows: u64,
    batches: u64,
}

impl Series {
    fn cut(&mut self, source: &str) -> Option<Rows> {
        if self.waiting.is_empty() {
            return None;
        }
        let rows = pack_rows(source, self.batches, &self.waiting);
        self.batches += 1;
        self.waiting.clear();
        self.bytes = 0;
        Some(rows)
    }
}

/// The batches of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    series: BTreeMap<String, Series>,
}

/// A row that no batch can hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row of {0} bytes is larger than a batch may be ({BATCH_BYTES_MAX}); it was dropped")]
pub(crate) struct RowTooLarge(usize);

impl Batches {
    /// Adds a row at a moment of the attempt. Gives the batch that had to make room.
    pub(crate) fn add(
        &mut self,
        source: &str,
        row: String,
        now: Duration,
    ) -> Result<Option<Rows>, RowTooLarge> {
        let bytes = row.len() + 1;
        if bytes > BATCH_BYTES_MAX {
            return Err(RowTooLarge(bytes));
        }
        let series = match self.series.get_mut(source) {
            Some(series) => series,
            None => self.series.entry(source.to_owned()).or_default(),
        };
        let full = series.bytes + bytes > BATCH_BYTES_MAX || series.waiting.len() == BATCH_ROWS_MAX;
        let stale = !series.waiting.is_empty() && now.saturating_sub(series.since) >= PATIENCE;
        let cut = if full || stale { series.cut(source) } else { None };
        if series.waiting.is_empty() {
            series.since = now;
        }
        series.bytes += bytes;
        series.rows += 1;
        series.waiting.push(row);
        Ok(cut)
    }

    /// Notes a source, so that it is declared even without rows.
    pub(crate) fn note(&mut self, source: &str) {
        self.series.entry(source.to_owned()).or_default();
    }

    /// What a source still holds.
    pub(crate) fn flush(&mut self, source: &str) -> Option<Rows> {
        self.series.get_mut(source).and_then(|series| series.cut(source))
    }

    /// Batches whose oldest row has waited long enough.
    pub(crate) fn flush_stale(&mut self, now: Duration) -> Vec<Rows> {
        let stale = |series: &Series| now.saturating_sub(series.since) >= PATIENCE;
        let due = self.series.iter_mut().filter(|(_, series)| stale(series));
        due.filter_map(|(source, series)| series.cut(source)).collect()
    }

    /// What all sources still hold.
    pub(crate) fn flush_all(&mut self) -> Vec<Rows> {
        self.series.iter_mut().filter_map(|(source, series)| series.cut(source)).collect()
    }

    /// What was given out, to be declared at the end.
    pub(crate) fn totals(&self) -> Vec<SourceCount> {
        let total = |(source, series): (&String, &Series)| SourceCount {
            source: source.clone(),
            rows: series.rows - series.waiting.len() as u64,
            batches: series.batches,
        };
        self.series.iter().map(total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::ZERO;

    #[test]
    fn a_batch_is_cut_when_the_next_row_does_not_fit() {
        let mut batches = Batches::default();
        let row = "x".repeat(200_000);
        assert_eq!(batches.add("A", row.clone(), START), Ok(None));
        assert_eq!(batches.add("A", row.clone(), START), Ok(None));
        let cut = batches.add("A", row.clone(), START).unwrap().unwrap();
        assert_eq!((cut.seq, cut.count), (0, 2));
        let rest = batches.flush("A").unwrap();
        assert_eq!((rest.seq, rest.count), (1, 1));
        assert_eq!(batches.add("A", "x".repeat(BATCH_BYTES_MAX), START), Err(RowTooLarge(524_289)));
    }

    #[test]
    fn a_batch_is_cut_at_the_number_of_rows() {
        let mut batches = Batches::default();
        let cuts = (0..10_001).filter_map(|_| batches.add("A", "{}".into(), START).unwrap());
        let counts: Vec<u32> = cuts.map(|batch| batch.count).collect();
        assert_eq!(counts, [5_000, 5_000]);
    }

    #[test]
    fn a_row_does_not_wait_for_ever() {
        let mut batches = Batches::default();
        batches.add("A", "{}".into(), START).unwrap();
        batches.add("B", "{}".into(), Duration::from_millis(900)).unwrap();
        let due = batches.flush_stale(Duration::from_secs(1));
        assert_eq!(due.iter().map(|rows| rows.source.as_str()).collect::<Vec<_>>(), ["A"]);
    }

    #[test]
    fn totals_are_what_was_given_out() {
        let mut batches = Batches::default();
        batches.note("empty");
        batches.add("A", "{}".into(), START).unwrap();
        assert_eq!(batches.totals().iter().map(|total| total.rows).sum::<u64>(), 0);
        batches.flush_all();
        let totals: Vec<_> =
            batches.totals().into_iter().map(|t| (t.source, t.rows, t.batches)).collect();
        assert_eq!(totals, [("A".to_owned(), 1, 1), ("empty".to_owned(), 0, 0)]);
    }
}
