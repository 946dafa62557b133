//! Keeps the rows of a page out of any number, by sort key and arrival. Pure.

use std::cmp::Ordering;

/// A row that may be on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// By what it is sorted; nothing sorts first.
    key: Option<Box<[u8]>>,
    /// The arrival number of its batch.
    pub(crate) arrival: u64,
    /// Its place in the batch.
    pub(crate) place: u32,
}

/// Keeps the first rows of a sorted result and counts all.
pub(crate) struct Best {
    depth: usize,
    descending: bool,
    kept: Vec<Candidate>,
    /// Whether the last of those kept is the last of `depth`, so that what sorts behind it is out.
    full: bool,
    worst: usize,
    total: u64,
}

impl Best {
    /// Keeps so many.
    pub(crate) fn new(depth: u64, descending: bool) -> Self {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        Self { depth, descending, kept: Vec::new(), full: false, worst: 0, total: 0 }
    }

    fn order(&self, a: (Option<&[u8]>, u64, u32), b: (Option<&[u8]>, u64, u32)) -> Ordering {
        let by_key = a.0.cmp(&b.0);
        let by_key = if self.descending { by_key.reverse() } else { by_key };
        by_key.then((a.1, a.2).cmp(&(b.1, b.2)))
    }

    /// Counts a row, and keeps it if it may be among the first.
    pub(crate) fn offer(&mut self, key: Option<&[u8]>, arrival: u64, place: u32) {
        self.total += 1;
        if self.depth == 0 {
            return;
        }
        if self.full {
            let worst = &self.kept[self.worst];
            let worst = (worst.key.as_deref(), worst.arrival, worst.place);
            if self.order((key, arrival, place), worst) != Ordering::Less {
                return;
            }
        }
        self.kept.push(Candidate { key: key.map(Into::into), arrival, place });
        if self.kept.len() >= self.depth.saturating_mul(2).max(1_024) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let descending = self.descending;
        let order = |a: &Candidate, b: &Candidate| {
            let by_key = a.key.cmp(&b.key);
            let by_key = if descending { by_key.reverse() } else { by_key };
            by_key.then((a.arrival, a.place).cmp(&(b.arrival, b.place)))
        };
        if self.kept.len() > self.depth {
            self.kept.select_nth_unstable_by(self.depth - 1, order);
            self.kept.truncate(self.depth);
            // What was selected stands at its place; everything before sorts before it.
            (self.full, self.worst) = (true, self.depth - 1);
        }
    }

    /// Takes in what another has kept.
    pub(crate) fn merge(&mut self, other: Self) {
        self.total += other.total;
        for candidate in other.kept {
            self.total -= 1;
            self.offer(candidate.key.as_deref(), candidate.arrival, candidate.place);
        }
    }

    /// The rows from `offset` on, in order, and how many were offered in all.
    pub(crate) fn finish(mut self, offset: u64) -> (Vec<Candidate>, u64) {
        self.cut();
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by(|a, b| {
            self.order(
                (a.key.as_deref(), a.arrival, a.place),
                (b.key.as_deref(), b.arrival, b.place),
            )
        });
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(kept.len());
        kept.drain(..offset);
        (kept, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_sorting_everything_gives(
            keys in proptest::collection::vec(proptest::option::of(0u8..6), 0..3_000),
            depth in 0u64..40, offset in 0u64..40, descending: bool, parts in 1usize..4,
        ) {
            let mut bests: Vec<Best> = (0..parts).map(|_| Best::new(depth, descending)).collect();
            for (at, key) in keys.iter().enumerate() {
                let key = key.map(|key| [key]);
                bests[at % parts].offer(key.as_ref().map(|key| &key[..]), at as u64 / 7, at as u32 % 7);
            }
            let mut all: Vec<(Option<u8>, usize)> = keys.iter().copied().zip(0..).collect();
            if descending {
                all.sort_by_key(|(key, at)| (std::cmp::Reverse(*key), *at));
            } else {
                all.sort();
            }
            let mut best = bests.remove(0);
            bests.into_iter().for_each(|other| best.merge(other));
            let (found, total) = best.finish(offset);
            let found: Vec<usize> =
                found.iter().map(|one| one.arrival as usize * 7 + one.place as usize).collect();
            let wanted: Vec<usize> = all
                .iter()
                .map(|(_, at)| *at)
                .take(depth as usize)
                .skip(offset as usize)
                .collect();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(total, keys.len() as u64);
        }
    }
}
