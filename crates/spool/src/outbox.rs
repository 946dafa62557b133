//! The outbox on disk: requests in files, reports in segments, one lock around both.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use link::{Admission, Census, HeldFlow, Outbox, OutboxError, StoredReport};
use model::results::AttemptId;
use wire::{FlowRequest, ReportSays, Status};

use crate::durable::{make_folder, tried};
use crate::flow_files::{FlowFiles, Standing};
use crate::recovery::{Recovery, open_segments};
use crate::segments::{Segments, damaged};

/// Segments grow to this, or to a quarter of a small spool.
const SEGMENT_BYTES_MAX: u64 = 4 << 20;

/// How many requests are held at once.
const HELD_MAX: usize = 1_000;

/// A [`link::Outbox`] in a folder that belongs to one process at a time.
#[derive(Debug)]
pub struct DiskOutbox {
    bytes_max: u64,
    state: Mutex<State>,
    /// Held until the process ends.
    _lock: File,
}

#[derive(Debug)]
struct State {
    flows: FlowFiles,
    segments: Segments,
}

impl DiskOutbox {
    /// The smallest bound that makes sense: a few frames.
    pub const BYTES_MIN: u64 = 4 << 20;

    /// Opens the spool in `folder`, making it if need be, and brings it in order after a crash.
    /// It never takes more than about `bytes_max` bytes of disk.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<(Self, Recovery), OutboxError> {
        make_folder(folder)?;
        let lock = lock(folder)?;
        let mut flows = FlowFiles::open(&folder.join("flows"))?;
        let segment_bytes_max = SEGMENT_BYTES_MAX.min(bytes_max / 4);
        let (segments, mut recovery) = open_segments(folder, segment_bytes_max, &mut flows)?;
        // So that there is something to write over when the disk is full; if it is full now, it was there.
        let _ = segments.note_acknowledged();
        let outbox = Self { bytes_max, state: Mutex::new(State { flows, segments }), _lock: lock };
        recovery.damaged.extend(outbox.end_unreadable_requests()?);
        Ok((outbox, recovery))
    }

    /// A request whose file is damaged can never run; its attempt ends.
    fn end_unreadable_requests(&self) -> Result<Vec<AttemptId>, OutboxError> {
        let mut ended = Vec::new();
        let state = self.state();
        for (attempt, _) in state.flows.held() {
            if state.flows.request(attempt)?.is_none() {
                ended.push(attempt);
            }
        }
        drop(state);
        for attempt in &ended {
            self.finish(*attempt, damaged())?;
        }
        Ok(ended)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may wait, so that with one segment of acknowledged bytes the bound still holds.
    fn waiting_max(&self) -> u64 {
        self.bytes_max - SEGMENT_BYTES_MAX.min(self.bytes_max / 4)
    }
}

fn lock(folder: &Path) -> Result<File, OutboxError> {
    let path = folder.join("lock");
    let file = tried(File::create(&path), || format!("create {}", path.display()))?;
    let locked = file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => {
            std::io::Error::other("another agent is running with this state folder")
        }
        std::fs::TryLockError::Error(error) => error,
    });
    tried(locked, || format!("lock {}", path.display()))?;
    Ok(file)
}

/// Parts of files are many; those before the last need not each wait for the disk.
fn must_sync(says: &ReportSays) -> bool {
    match says {
        ReportSays::Upload(part) => part.last,
        ReportSays::Rows(_)
        | ReportSays::Log(_)
        | ReportSays::Status(_)
        | ReportSays::Events(_) => true,
    }
}

impl Outbox for DiskOutbox {
    fn accept(&self, attempt: AttemptId, request: &FlowRequest) -> Result<Admission, OutboxError> {
        let mut state = self.state();
        match state.flows.standing(attempt) {
            Some(Standing::Waiting | Standing::Begun) => Ok(Admission::Held),
            Some(Standing::Over) => {
                let known = state.flows.status(attempt)?;
                let (number, status) = known.unwrap_or_else(|| (0, damaged()));
                let waits = state.segments.attempts().any(|waiting| waiting == attempt);
                if number <= state.segments.acknowledged && !waits {
                    let number =
                        state.segments.append(attempt, ReportSays::Status(status.clone()), true)?;
                    state.flows.end(attempt, &status, number)?;
                }
                Ok(Admission::Over)
            }
            None => {
                let held = state.flows.held().count();
                if held >= HELD_MAX {
                    return Err(OutboxError::TooManyFlows { held });
                }
                state.flows.add(attempt, request)?;
                Ok(Admission::New)
            }
        }
    }

    fn held(&self) -> Result<Vec<HeldFlow>, OutboxError> {
        let state = self.state();
        let mut held = Vec::new();
        for (attempt, begun) in state.flows.held() {
            if let Some(request) = state.flows.request(attempt)? {
                held.push(HeldFlow { attempt, request, begun });
            }
        }
        Ok(held)
    }

    fn begin(&self, attempt: AttemptId) -> Result<(), OutboxError> {
        self.state().flows.begin(attempt)
    }

    fn append(&self, attempt: AttemptId, says: ReportSays) -> Result<u64, OutboxError> {
        let mut state = self.state();
        let is_run = attempt.run().is_some();
        let standing = state.flows.standing(attempt);
        if !is_run && !matches!(standing, Some(Standing::Waiting | Standing::Begun)) {
            return Err(OutboxError::NotHeld(attempt));
        }
        let share = if is_run { 2 } else { 1 };
        let (bytes, bytes_max) = (state.segments.waiting_bytes(), self.waiting_max() / share);
        if bytes > 0 && bytes + says.encoded_len() as u64 > bytes_max {
            return Err(OutboxError::Full { bytes, bytes_max });
        }
        let sync = must_sync(&says);
        state.segments.append(attempt, says, sync)
    }

    fn finish(&self, attempt: AttemptId, status: Status) -> Result<u64, OutboxError> {
        let mut state = self.state();
        if !matches!(state.flows.standing(attempt), Some(Standing::Waiting | Standing::Begun)) {
            return Err(OutboxError::NotHeld(attempt));
        }
        let number = state.segments.append(attempt, ReportSays::Status(status.clone()), true)?;
        state.flows.end(attempt, &status, number)?;
        Ok(number)
    }

    fn read(&self, after: u64, bytes_max: usize) -> Result<Vec<StoredReport>, OutboxError> {
        self.state().segments.read(after, bytes_max)
    }

    fn acknowledge(&self, up_to: u64) -> Result<(), OutboxError> {
        self.state().segments.acknowledge(up_to)
    }

    fn census(&self) -> Census {
        let state = self.state();
        let mut live: Vec<AttemptId> = state.flows.held().map(|(attempt, _)| attempt).collect();
        live.extend(state.segments.attempts().filter(|attempt| attempt.run().is_none()));
        live.sort();
        live.dedup();
        Census {
            live,
            acknowledged: state.segments.acknowledged,
            last: state.segments.last,
            bytes: state.segments.waiting_bytes(),
            bytes_max: self.waiting_max(),
        }
    }
}
