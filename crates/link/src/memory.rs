//! The ports in memory: for tests, the simulation, and load tests with many agents in one process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use model::results::AttemptId;
use prost::Message;
use wire::{FlowRequest, Monitoring, OfferId, Report, ReportSays, Status};

use crate::ports::{
    Admission, Bookmark, Bookmarks, Census, HeldFlow, Outbox, OutboxError, StoredReport,
};

/// How many attempts that are over are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// How many requests are held at once.
const HELD_MAX: usize = 1_000;

/// An [`Outbox`] in memory.
#[derive(Debug)]
pub struct MemOutbox {
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<HeldFlow>,
    over: VecDeque<(AttemptId, Status)>,
    reports: BTreeMap<u64, StoredReport>,
    bytes: u64,
    acknowledged: u64,
    last: u64,
}

impl State {
    fn push(&mut self, attempt: AttemptId, says: ReportSays) -> u64 {
        self.last += 1;
        let report = Report { number: self.last, attempt: Some(attempt.into()), says: Some(says) };
        let bytes = report.encode_to_vec();
        self.bytes += bytes.len() as u64;
        self.reports.insert(self.last, StoredReport { number: self.last, attempt, bytes });
        self.last
    }

    fn waits(&self, attempt: AttemptId) -> bool {
        self.reports.values().any(|report| report.attempt == attempt)
    }
}

impl MemOutbox {
    /// An empty outbox that holds at most so many bytes of reports.
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Outbox for MemOutbox {
    fn accept(&self, attempt: AttemptId, request: &FlowRequest) -> Result<Admission, OutboxError> {
        let mut state = self.state();
        if state.held.iter().any(|held| held.attempt == attempt) {
            return Ok(Admission::Held);
        }
        if let Some((_, status)) = state.over.iter().find(|(over, _)| *over == attempt).cloned() {
            if !state.waits(attempt) {
                state.push(attempt, ReportSays::Status(status));
            }
            return Ok(Admission::Over);
        }
        if state.held.len() >= HELD_MAX {
            return Err(OutboxError::TooManyFlows { held: state.held.len() });
        }
        state.held.push(HeldFlow { attempt, request: request.clone(), begun: false });
        Ok(Admission::New)
    }

    fn held(&self) -> Result<Vec<HeldFlow>, OutboxError> {
        Ok(self.state().held.clone())
    }

    fn begin(&self, attempt: AttemptId) -> Result<(), OutboxError> {
        let mut state = self.state();
        let held = state.held.iter_mut().find(|held| held.attempt == attempt);
        held.ok_or(OutboxError::NotHeld(attempt))?.begun = true;
        Ok(())
    }

    fn append(&self, attempt: AttemptId, says: ReportSays) -> Result<u64, OutboxError> {
        let mut state = self.state();
        let is_run = attempt.run().is_some();
        if !is_run && !state.held.iter().any(|held| held.attempt == attempt) {
            return Err(OutboxError::NotHeld(attempt));
        }
        let bytes_max = if is_run { self.bytes_max / 2 } else { self.bytes_max };
        if state.bytes + says.encoded_len() as u64 > bytes_max && state.bytes > 0 {
            return Err(OutboxError::Full { bytes: state.bytes, bytes_max });
        }
        Ok(state.push(attempt, says))
    }

    fn finish(&self, attempt: AttemptId, status: Status) -> Result<u64, OutboxError> {
        let mut state = self.state();
        let at = state.held.iter().position(|held| held.attempt == attempt);
        state.held.remove(at.ok_or(OutboxError::NotHeld(attempt))?);
        if state.over.len() == REMEMBERED_MAX {
            state.over.pop_front();
        }
        state.over.push_back((attempt, status.clone()));
        Ok(state.push(attempt, ReportSays::Status(status)))
    }

    fn read(&self, after: u64, bytes_max: usize) -> Result<Vec<StoredReport>, OutboxError> {
        let state = self.state();
        let mut bytes = 0;
        let fits = |report: &&StoredReport| {
            let first = bytes == 0;
            bytes += report.bytes.len();
            first || bytes <= bytes_max
        };
        let waiting = state.reports.range(after.saturating_add(1)..).map(|(_, report)| report);
        Ok(waiting.take_while(fits).cloned().collect())
    }

    fn acknowledge(&self, up_to: u64) -> Result<(), OutboxError> {
        let mut state = self.state();
        let up_to = up_to.min(state.last);
        let waiting = state.reports.split_off(&(up_to + 1));
        let gone = std::mem::replace(&mut state.reports, waiting);
        state.bytes -= gone.values().map(|report| report.bytes.len() as u64).sum::<u64>();
        state.acknowledged = state.acknowledged.max(up_to);
        Ok(())
    }

    fn census(&self) -> Census {
        let state = self.state();
        let mut live: Vec<AttemptId> = state.held.iter().map(|held| held.attempt).collect();
        live.extend(state.reports.values().map(|report| report.attempt));
        live.retain(|attempt| attempt.run().is_none());
        live.sort();
        live.dedup();
        Census {
            live,
            acknowledged: state.acknowledged,
            last: state.last,
            bytes: state.bytes,
            bytes_max: self.bytes_max,
        }
    }
}

/// [`Bookmarks`] in memory.
#[derive(Debug, Default)]
pub struct MemBookmarks(Mutex<Marks>);

#[derive(Debug, Default, Clone)]
struct Marks {
    bookmark: Bookmark,
    crashed: Vec<OfferId>,
    current: Vec<OfferId>,
    monitoring: Monitoring,
}

impl MemBookmarks {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What the next process would find if this one died now.
    pub fn reborn(&self) -> Self {
        let mut marks = self.marks().clone();
        let current = std::mem::take(&mut marks.current);
        marks.crashed.extend(current);
        Self(Mutex::new(marks))
    }
}

impl Bookmarks for MemBookmarks {
    fn bookmark(&self) -> Bookmark {
        self.marks().bookmark
    }

    fn save(&self, bookmark: Bookmark) -> Result<(), OutboxError> {
        let mut marks = self.marks();
        marks.bookmark = bookmark;
        marks.crashed.clear();
        Ok(())
    }

    fn begin_query(&self, offers: &[OfferId]) -> Result<(), OutboxError> {
        self.marks().current = offers.to_vec();
        Ok(())
    }

    fn end_query(&self) -> Result<(), OutboxError> {
        self.marks().current.clear();
        Ok(())
    }

    fn crashed(&self) -> Vec<OfferId> {
        self.marks().crashed.clone()
    }

    fn monitoring(&self) -> Monitoring {
        self.marks().monitoring.clone()
    }

    fn save_monitoring(&self, wanted: &Monitoring) -> Result<(), OutboxError> {
        self.marks().monitoring = wanted.clone();
        Ok(())
    }
}
