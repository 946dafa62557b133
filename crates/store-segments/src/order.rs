//! The batches of a scope in order of arrival, wherever they are. Pure.

use flows::hot::BatchHead;

use crate::file::SegmentFile;
use base::FlowId;

/// A batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) arrival: u64,
    pub(crate) rows: u32,
    /// The number of its segment and its first row there; `None` while it is hot.
    pub(crate) place: Option<(u32, u32)>,
}

impl Entry {
    pub(crate) fn hot(head: &BatchHead) -> Self {
        let rows = u32::try_from(head.rows).unwrap_or(u32::MAX);
        Self { arrival: head.arrival, rows, place: None }
    }
}

/// The batches of some segments in order of arrival; of one flow only if one is named.
pub(crate) fn in_segments<'f>(
    files: impl Iterator<Item = &'f SegmentFile>,
    flow: Option<FlowId>,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (number, file) in (0u32..).zip(files) {
        let runs = file.runs.iter().filter(|run| flow.is_none_or(|flow| run.flow == flow));
        entries.extend(runs.map(|run| Entry {
            arrival: run.arrival,
            rows: run.rows,
            place: Some((number, run.first)),
        }));
    }
    entries.sort_unstable_by_key(|entry| entry.arrival);
    entries
}

/// Both in order of arrival, from the first after `after`.
pub(crate) fn merged<'e>(
    segments: &'e [Entry],
    hot: &'e [BatchHead],
    after: u64,
) -> impl Iterator<Item = Entry> + 'e {
    let mut segments =
        segments[segments.partition_point(|entry| entry.arrival <= after)..].iter().peekable();
    let mut hot = hot[hot.partition_point(|head| head.arrival <= after)..].iter().peekable();
    std::iter::from_fn(move || match (segments.peek(), hot.peek()) {
        (Some(entry), Some(head)) if head.arrival < entry.arrival => hot.next().map(Entry::hot),
        (Some(_), _) => segments.next().copied(),
        (None, _) => hot.next().map(Entry::hot),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_order_wherever_they_are() {
        let entry = |arrival| Entry { arrival, rows: 1, place: Some((0, 0)) };
        let segments = [entry(2), entry(5), entry(9)];
        let hot = [3, 4, 12].map(|arrival| BatchHead { arrival, rows: 1 });
        let order = |after| -> Vec<u64> {
            merged(&segments, &hot, after).map(|entry| entry.arrival).collect()
        };
        assert_eq!(order(0), [2, 3, 4, 5, 9, 12]);
        assert_eq!(order(4), [5, 9, 12]);
        assert_eq!(order(12), [] as [u64; 0]);
    }
}
