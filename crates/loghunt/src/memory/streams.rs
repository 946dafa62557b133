//! Streams with their slices, ordered so that a step touches only what it needs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::Timestamp;
use model::log::{Position, Slice, SliceId, SliceState};
use model::store::{Page, Paging};

use super::Kept;
use crate::command::Command;
use crate::ports::{SliceQuery, StreamQuery};
use crate::stream::{Changes, Stream};

/// A stream and all of its slices.
pub(super) struct Lane {
    pub(super) stream: Stream,
    /// By their ends: what ends after the checkpoint is one range.
    slices: BTreeMap<(Position, SliceId), Slice>,
    open: BTreeSet<(Position, SliceId)>,
    ends: HashMap<SliceId, Position>,
}

impl Lane {
    pub(super) fn new(stream: Stream) -> Self {
        let (slices, open, ends) = Default::default();
        Self { stream, slices, open, ends }
    }

    pub(super) fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.slices.values()
    }

    fn after(&self, position: Position) -> impl Iterator<Item = &Slice> {
        let first = (Position(position.0.saturating_add(1)), SliceId(0));
        self.slices.range(first..).map(|(_, slice)| slice)
    }

    /// What a ledger must have loaded before these commands.
    pub(super) fn working_set(&self, commands: &[Command]) -> Vec<Slice> {
        let mut set: BTreeMap<SliceId, &Slice> = BTreeMap::new();
        let mut add = |slice: &'_ Slice| {
            // The map borrows from `self`, not from the closure's argument.
            if let Some(end) = self.ends.get(&slice.id)
                && let Some(kept) = self.slices.get(&(*end, slice.id))
            {
                set.insert(kept.id, kept);
            }
        };
        self.open.iter().filter_map(|place| self.slices.get(place)).for_each(&mut add);
        if !matches!(self.stream.key.lane, model::log::Lane::Repair(_)) {
            self.after(self.stream.checkpoint).for_each(&mut add);
        }
        for needs in commands.iter().map(Command::needs) {
            let named = needs.slice.and_then(|id| self.slices.get(&(*self.ends.get(&id)?, id)));
            named.into_iter().for_each(&mut add);
            if let Some(window) = needs.window {
                let meets = |slice: &&Slice| slice.window.meets(window);
                self.after(window.from()).filter(meets).for_each(&mut add);
            }
        }
        set.into_values().cloned().collect()
    }

    /// Whether a window that becomes committed meets one that is.
    pub(super) fn refuses(&self, changes: &Changes) -> bool {
        let committed = |slice: &&Slice| matches!(slice.state, SliceState::Committed(_));
        changes.put.iter().filter(committed).any(|new| {
            let others = self.after(new.window.from()).filter(committed);
            others.into_iter().any(|other| other.id != new.id && other.window.meets(new.window))
        })
    }

    pub(super) fn write(&mut self, changes: &Changes) {
        changes.gone.iter().for_each(|id| self.remove(*id));
        for slice in &changes.put {
            let place = (slice.window.to(), slice.id);
            self.ends.insert(slice.id, slice.window.to());
            if slice.state.is_open() {
                self.open.insert(place);
            } else {
                self.open.remove(&place);
            }
            self.slices.insert(place, slice.clone());
        }
    }

    fn remove(&mut self, id: SliceId) {
        if let Some(end) = self.ends.remove(&id) {
            self.slices.remove(&(end, id));
            self.open.remove(&(end, id));
        }
    }

    /// Slices that may be forgotten, as [`crate::ports::LedgerStore::forget`] says.
    fn forgettable(&self, before: Timestamp) -> Vec<SliceId> {
        let stream = &self.stream;
        let repair = matches!(stream.key.lane, model::log::Lane::Repair(_));
        let old = |slice: &&Slice| {
            let watched = match &slice.state {
                SliceState::Committed(evidence) => evidence.audit_at.is_some(),
                _ => slice.state.is_open(),
            };
            let end = slice.window.to();
            let behind = end < stream.planned_to && (repair || end <= stream.checkpoint);
            !watched && behind && slice.moved_at < before
        };
        self.slices.values().filter(old).map(|slice| slice.id).collect()
    }
}

impl Kept {
    pub(super) fn forget_runs(&mut self, before: Timestamp, limit: u64) -> u64 {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut gone = 0;
        for lane in self.lanes.values_mut() {
            let old: Vec<SliceId> =
                lane.forgettable(before).into_iter().take(limit - gone).collect();
            gone += old.len();
            old.into_iter().for_each(|id| lane.remove(id));
        }
        let mut runs = 0;
        while runs < limit && self.runs.back().is_some_and(|run| run.ended_at < before) {
            self.runs.pop_back();
            runs += 1;
        }
        (gone + runs) as u64
    }
}

/// Whether a stream is one that a query wants.
pub(super) fn wanted(query: &StreamQuery, stream: &Stream) -> bool {
    let key = &stream.key;
    query.tenant.as_ref().is_none_or(|tenant| *tenant == key.tenant)
        && query.dataset.as_ref().is_none_or(|dataset| *dataset == key.dataset)
        && query.rule.as_ref().is_none_or(|rule| *rule == key.rule)
        && query.lane.as_ref().is_none_or(|lane| *lane == key.lane)
        && query.epoch.is_none_or(|epoch| epoch == key.epoch)
        && (query.statuses.is_empty() || query.statuses.contains(&stream.status.word()))
}

/// Whether a slice is one that a query wants; its stream is judged apart.
pub(super) fn slice_wanted(query: &SliceQuery, slice: &Slice) -> bool {
    let word = slice.state.word();
    let state = if query.states.is_empty() {
        slice.state.is_open() || slice.state.is_settled()
    } else {
        query.states.contains(&word)
    };
    let due = |by: Timestamp| match &slice.state {
        SliceState::Committed(evidence) => evidence.audit_at.is_some_and(|at| at <= by),
        _ => false,
    };
    state
        && query.id.is_none_or(|id| id == slice.id)
        && query.window.is_none_or(|window| window.meets(slice.window))
        && query.audit_by.is_none_or(due)
}

/// A page of what is borrowed; only its records are cloned.
pub(super) fn page_of<'a, T: Clone + 'a>(
    matching: impl Iterator<Item = &'a T>,
    paging: Paging,
) -> Page<T> {
    let page = Page::cut(matching.collect::<Vec<_>>(), paging);
    Page { items: page.items.into_iter().cloned().collect(), total: page.total }
}
