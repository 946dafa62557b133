//! What is due when: one heap, so that nothing is done for streams that are not due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use base::Timestamp;

/// Moments at which streams are looked at.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, Arc<str>, Kind)>>,
    /// The moment that counts for a stream's tick; others in the heap are out of date.
    ticks: HashMap<Arc<str>, Timestamp>,
}

/// Why a stream is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Its schedule says so.
    Tick,
    /// Something of it waits for this moment.
    Retry,
}

impl Timers {
    /// The stream's next tick.
    pub(crate) fn tick(&mut self, name: Arc<str>, at: Timestamp) {
        self.ticks.insert(name.clone(), at);
        self.heap.push(Reverse((at, name, Kind::Tick)));
    }

    /// A moment besides its ticks.
    pub(crate) fn retry(&mut self, name: Arc<str>, at: Timestamp) {
        self.heap.push(Reverse((at, name, Kind::Retry)));
    }

    /// Ticks of other definitions no longer count.
    pub(crate) fn clear_ticks(&mut self) {
        self.ticks.clear();
        self.heap.retain(|Reverse((_, _, kind))| *kind != Kind::Tick);
    }

    /// What is due, earliest first.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(Arc<str>, Kind)> {
        let mut due = Vec::new();
        while let Some(Reverse((at, ..))) = self.heap.peek()
            && *at <= now
        {
            let Some(Reverse((at, name, kind))) = self.heap.pop() else { break };
            if kind == Kind::Retry || self.ticks.get(&name) == Some(&at) {
                due.push((name, kind));
            }
        }
        due
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
}
