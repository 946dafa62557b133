//! Which rows leave for segments, when, and which segments become one. Pure.

use std::time::Duration;

use base::Timestamp;
use flows::hot::{BatchHead, Ripe, Segment};

/// When rows leave, and how large segments become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A series with so many ripe rows is put away at once.
    pub rows_now: u64,
    /// One with at least so many when its oldest has rested for `rest`.
    pub rows_least: u64,
    /// How long that is.
    pub rest: Duration,
    /// After so long even a single row is put away.
    pub rest_most: Duration,
    /// Most rows of a segment.
    pub rows_max: u64,
    /// Most batches that leave in one transaction.
    pub batches_max: usize,
    /// Bytes of rows after which a segment ends.
    pub bytes_max: u64,
    /// So many small segments become one.
    pub merged_least: usize,
    /// How long objects live on that nobody should need any more: longer than any query.
    pub grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rows_now: 50_000,
            rows_least: 5_000,
            rest: Duration::from_secs(60),
            rest_most: Duration::from_secs(86_400),
            rows_max: 2_000_000,
            batches_max: 10_000,
            bytes_max: 1 << 30,
            merged_least: 8,
            grace: Duration::from_secs(3_600),
        }
    }
}

impl Policy {
    /// Puts everything away at once, a few batches at a time, and merges all there is. For tests.
    pub fn eager() -> Self {
        Self {
            rows_now: 0,
            rows_least: 0,
            rest: Duration::ZERO,
            rest_most: Duration::ZERO,
            rows_max: 1_000_000,
            batches_max: 3,
            bytes_max: 1 << 20,
            merged_least: 3,
            grace: Duration::ZERO,
        }
    }

    /// Whether a series should be put away now.
    pub fn takes(&self, ripe: &Ripe, now: Timestamp) -> bool {
        let rested = Duration::from_micros(
            u64::try_from(now.as_micros().saturating_sub(ripe.oldest.as_micros())).unwrap_or(0),
        );
        ripe.rows >= self.rows_now
            || (ripe.rows >= self.rows_least && rested >= self.rest)
            || rested >= self.rest_most
    }

    /// How many of these batches, from the first, make the next segment; at least one.
    pub fn next_segment(&self, batches: &[BatchHead]) -> usize {
        let mut rows = 0u64;
        let fits = |head: &&BatchHead| {
            rows = rows.saturating_add(head.rows);
            rows <= self.rows_max
        };
        batches.iter().take(self.batches_max.max(1)).take_while(fits).count().max(1)
    }

    /// Which of a series' segments become one; nothing when it is not worth the while. Smallest
    /// first, so that a row is rewritten only a few times.
    pub fn merge<'s>(&self, segments: &'s [Segment]) -> Vec<&'s Segment> {
        let mut small: Vec<&Segment> =
            segments.iter().filter(|segment| segment.rows <= self.rows_max / 2).collect();
        small.sort_by_key(|segment| (segment.rows, segment.first, &segment.key));
        let (mut rows, mut bytes) = (0u64, 0u64);
        let chosen: Vec<&Segment> = small
            .into_iter()
            .take_while(|segment| {
                rows = rows.saturating_add(segment.rows);
                bytes = bytes.saturating_add(segment.bytes);
                rows <= self.rows_max && bytes <= self.bytes_max / 2
            })
            .collect();
        if chosen.len() >= self.merged_least.max(2) { chosen } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::HuntId;
    use flows::hot::Series;

    fn series() -> Series {
        Series { hunt: HuntId::from_bits(1), round: 1, source: "A".into() }
    }

    fn takes(rows: u64, age_secs: i64) -> bool {
        let oldest = Timestamp::from_secs(1_000_000);
        let ripe = Ripe { series: series(), batches: 1, rows, oldest };
        Policy::default().takes(&ripe, Timestamp::from_secs(1_000_000 + age_secs))
    }

    #[test]
    fn many_rows_leave_at_once_and_few_after_a_day() {
        assert!(takes(50_000, 0));
        assert!(!takes(49_999, 59));
        assert!(takes(5_000, 60));
        assert!(!takes(4_999, 86_399));
        assert!(takes(1, 86_400));
        assert!(!takes(1, -5), "a clock that went back");
    }

    #[test]
    fn a_segment_ends_before_it_is_too_large() {
        let policy = Policy { rows_max: 10, batches_max: 3, ..Policy::default() };
        let heads = |rows: &[u64]| -> Vec<BatchHead> {
            rows.iter().map(|rows| BatchHead { arrival: 1, rows: *rows }).collect()
        };
        assert_eq!(policy.next_segment(&heads(&[4, 4, 4])), 2);
        assert_eq!(policy.next_segment(&heads(&[99])), 1);
        assert_eq!(policy.next_segment(&heads(&[0, 0, 0, 0])), 3);
    }

    #[test]
    fn small_segments_become_one_when_there_are_enough() {
        let policy = Policy { rows_max: 100, merged_least: 3, ..Policy::default() };
        let merged = |rows: &[u64]| -> Vec<u64> {
            let segments: Vec<Segment> = rows
                .iter()
                .enumerate()
                .map(|(at, rows)| Segment {
                    key: at.to_string(),
                    series: series(),
                    rows: *rows,
                    batches: 1,
                    bytes: 10,
                    first: at as u64,
                    last: at as u64,
                    columns: vec![],
                    registered: Timestamp::EPOCH,
                })
                .collect();
            policy.merge(&segments).iter().map(|segment| segment.rows).collect()
        };
        assert_eq!(merged(&[90, 10, 30, 20, 25]), [10, 20, 25, 30]);
        assert_eq!(merged(&[10, 20]), [] as [u64; 0]);
        assert_eq!(merged(&[45, 45, 45]), [] as [u64; 0], "two fit, three are wanted");
        assert_eq!(merged(&[51, 1, 1]), [] as [u64; 0]);
    }
}
