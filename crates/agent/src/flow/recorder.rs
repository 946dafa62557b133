//! Takes what one evaluation finds, keeps it within the flow's limits, and puts it into the outbox.
//!
//! # Invariants
//! - **A2** after [`Recorder::close`] nothing more is recorded, whatever the evaluation still does.
//! - **A3** what the end declares is what was put into the outbox.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base::{Clock, Timestamp};
use link::{Outbox, OutboxError};
use model::flow::{FlowFailure, FlowLimits};
use model::results::AttemptId;
use sha2::{Digest, Sha256};
use wire::{
    AttemptOutcome, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LogLine, LogLines, ReportSays, Status,
    UPLOAD_PART_BYTES_MAX, UploadPart, WindowDone,
};

use super::batch::Batches;
use super::pace::Pace;
use super::room::Room;
use crate::collector::{Evidence, FileSent, FileToSend, Halt, StopSign};

/// Log lines wait at most this long.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// Log lines of one attempt; more are counted only.
const LOG_LINES_TOTAL_MAX: u64 = 100_000;

/// How often a full outbox is looked at again when nobody says that there is room.
const ROOM_PATIENCE: Duration = Duration::from_millis(500);

/// A size that no file has; declared when the size is not known and the flow has no limit.
const UNKNOWN_SIZE: u64 = 1 << 40;

/// What a recorder needs.
pub(crate) struct RecorderParts {
    pub(crate) attempt: AttemptId,
    pub(crate) limits: FlowLimits,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) room: Arc<Room>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: StopSign,
}

/// Records one attempt.
pub(crate) struct Recorder {
    parts: RecorderParts,
    /// Set when the evaluation begins.
    pace: OnceLock<Pace>,
    /// When the request came.
    began: Instant,
    /// Milliseconds after `began` of the last progress.
    progress: AtomicU64,
    /// Apart from the state: a reason to end must be heard while a report waits for room.
    verdict: Mutex<Verdict>,
    state: Mutex<State>,
}

/// Why the attempt does not just finish.
#[derive(Default)]
struct Verdict {
    /// The first reason to end.
    ending: Option<AttemptOutcome>,
    /// The first error that was logged.
    failed: Option<String>,
}

#[derive(Default)]
struct State {
    batches: Batches,
    rows: u64,
    log: Vec<LogLine>,
    log_since: Duration,
    log_batches: u64,
    log_lines: u64,
    files: u64,
    files_begun: u64,
    upload_bytes: u64,
    closed: bool,
    /// What the sources read, if the evaluation comes to its end.
    windows: Vec<WindowDone>,
}

impl Recorder {
    pub(crate) fn new(parts: RecorderParts) -> Self {
        Self {
            parts,
            pace: OnceLock::new(),
            began: Instant::now(),
            progress: AtomicU64::new(0),
            verdict: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// The evaluation begins now, on the calling thread.
    pub(crate) fn begin(&self) {
        self.note_progress();
        self.pace().measure();
    }

    fn pace(&self) -> &Pace {
        self.pace.get_or_init(|| Pace::new(self.parts.limits.cpu_percent))
    }

    fn verdict(&self) -> MutexGuard<'_, Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago the request came.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn note_progress(&self) {
        let millis = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        self.progress.store(millis, Ordering::Relaxed);
    }

    /// How long nothing came.
    pub(crate) fn idle(&self) -> Duration {
        let last = Duration::from_millis(self.progress.load(Ordering::Relaxed));
        self.now().saturating_sub(last)
    }

    /// Ends the evaluation; the first reason counts.
    pub(crate) fn end(&self, outcome: AttemptOutcome) {
        self.verdict().ending.get_or_insert(outcome);
        self.parts.stop.raise();
        self.parts.room.free();
    }

    /// Notes that the collection failed; the first text counts, and it goes on.
    pub(crate) fn fail(&self, text: &str) {
        self.verdict().failed.get_or_insert_with(|| text.chars().take(2_000).collect());
    }

    /// Whether the evaluation was asked to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.parts.stop.is_raised()
    }

    /// What asks the evaluation to end.
    pub(crate) fn stop_sign(&self) -> StopSign {
        self.parts.stop.clone()
    }

    /// Counts the processor time of the calling thread.
    pub(crate) fn measure(&self) {
        self.pace().measure();
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.parts.stop.is_raised() { Err(Halt) } else { Ok(()) }
    }

    /// Puts a report into the outbox, waiting for room while the evaluation may go on. Called under
    /// the state's lock, so that reports keep their order.
    fn put(&self, says: ReportSays) -> Result<(), Halt> {
        let mut is_told = false;
        loop {
            match self.parts.outbox.append(self.parts.attempt, says.clone()) {
                Ok(_) => {
                    self.parts.room.add();
                    return Ok(());
                }
                Err(OutboxError::Full { .. }) => {
                    self.go_on()?;
                    self.parts.room.wait_for_room(ROOM_PATIENCE);
                    // Waiting for the server is not the query's fault.
                    self.note_progress();
                }
                Err(error) if error.is_full_disk() => {
                    if !std::mem::replace(&mut is_told, true) {
                        crate::event::disk_failed("keep a report until there is room", &error);
                    }
                    self.go_on()?;
                    self.parts.room.wait_for_room(ROOM_PATIENCE);
                    self.note_progress();
                }
                Err(error) => {
                    crate::event::disk_failed("keep a report", &error);
                    self.parts.stop.raise();
                    return Err(Halt);
                }
            }
        }
    }

    fn put_rows(&self, state: &mut State, rows: impl IntoIterator<Item = wire::Rows>) {
        for batch in rows {
            let lost = self.put(ReportSays::Rows(batch)).is_err();
            if lost && !state.closed {
                // The declared numbers no longer match; the reason to stop says why, or the disk.
                let disk = "the agent could not keep a part of what was collected".to_owned();
                let outcome = AttemptOutcome::Failed(FlowFailure::Incomplete(disk));
                self.verdict().ending.get_or_insert(outcome);
            }
        }
    }

    fn put_log(&self, state: &mut State) {
        if state.log.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut state.log);
        let says = ReportSays::Log(LogLines { seq: state.log_batches, lines });
        if self.put(says).is_ok() {
            state.log_batches += 1;
        }
    }

    /// Sends what has waited long enough. Called from time to time by whoever watches the attempt,
    /// on a thread that may block.
    pub(crate) fn flush_stale(&self) {
        // While the evaluation waits for room there is nothing to hurry.
        let Ok(mut state) = self.state.try_lock() else { return };
        if state.closed {
            return;
        }
        let now = self.now();
        let stale = state.batches.flush_stale(now);
        self.put_rows(&mut state, stale);
        if now.saturating_sub(state.log_since) >= LOG_PATIENCE {
            self.put_log(&mut state);
        }
    }

    /// Notes the windows that the sources of the flow read from now on.
    pub(crate) fn opened(&self, windows: Vec<WindowDone>) {
        self.state().windows = windows;
    }

    /// Sends all that is left and says how the attempt ended. `result` is the collector's.
    pub(crate) fn close(&self, result: Result<(), String>) -> Status {
        if let Err(text) = &result {
            self.fail(text);
        }
        let mut state = self.state();
        let rest = state.batches.flush_all();
        self.put_rows(&mut state, rest);
        self.put_log(&mut state);
        state.closed = true;
        let Verdict { ending, failed } = std::mem::take(&mut *self.verdict());
        let failed = failed.map(|text| AttemptOutcome::Failed(FlowFailure::Query(text)));
        let outcome = ending.or(failed).unwrap_or(AttemptOutcome::Finished);
        let used = self.pace.get().map(Pace::used).unwrap_or_default();
        Status {
            failure: outcome.class().to_owned(),
            detail: outcome.detail().to_owned(),
            sources: state.batches.totals(),
            uploads: state.files,
            upload_bytes: state.upload_bytes,
            cpu_millis: u64::try_from(used.as_millis()).unwrap_or(u64::MAX),
            log_batches: state.log_batches,
            windows: std::mem::take(&mut state.windows),
        }
    }

    /// Takes the number of a new file and the size to declare.
    fn begin_file(&self, size: Option<u64>) -> Result<(u64, u64), String> {
        let mut state = self.state();
        let max = self.parts.limits.upload_bytes_max;
        let left = if max == 0 { UNKNOWN_SIZE } else { max.saturating_sub(state.upload_bytes) };
        let declared = size.unwrap_or(left);
        if declared > left || (size.is_none() && left == 0) {
            drop(state);
            self.end(AttemptOutcome::Failed(FlowFailure::UploadLimit));
            return Err(format!("the flow may send only {left} more bytes of files"));
        }
        state.files_begun += 1;
        Ok((state.files_begun - 1, declared))
    }
}

/// Fills a buffer as far as the content goes. Also gives what went wrong before it was full.
fn fill(content: &mut dyn Read, buffer: &mut Vec<u8>, wanted: usize) -> Option<std::io::Error> {
    buffer.clear();
    content.take(wanted as u64).read_to_end(buffer).err()
}

impl Evidence for Recorder {
    fn row(&self, source: &str, json: String) -> Result<(), Halt> {
        self.breathe()?;
        let mut state = self.state();
        if state.closed {
            return Err(Halt);
        }
        let max = self.parts.limits.rows_max;
        if max != 0 && state.rows >= max {
            drop(state);
            self.end(AttemptOutcome::Failed(FlowFailure::RowLimit));
            return Err(Halt);
        }
        self.note_progress();
        let now = self.now();
        match state.batches.add(source, json, now) {
            Ok(cut) => {
                state.rows += 1;
                self.put_rows(&mut state, cut);
                self.go_on()
            }
            Err(too_large) => {
                drop(state);
                self.log("ERROR", &format!("{source}: {too_large}"), true);
                Ok(())
            }
        }
    }

    fn log(&self, level: &str, text: &str, failure: bool) {
        if failure {
            self.fail(text);
        }
        let mut state = self.state();
        if state.closed || state.log_lines >= LOG_LINES_TOTAL_MAX {
            return;
        }
        state.log_lines += 1;
        let last = state.log_lines == LOG_LINES_TOTAL_MAX;
        let text = if last { "the log is full; later lines are dropped" } else { text };
        let now = self.now();
        if state.log.is_empty() {
            state.log_since = now;
        }
        let time: Timestamp = self.parts.clock.now();
        state.log.push(LogLine {
            time_micros: time.as_micros(),
            level: level.to_owned(),
            text: cut(text, LOG_LINE_BYTES_MAX).to_owned(),
        });
        let bytes: usize = state.log.iter().map(|line| line.text.len()).sum();
        let stale = now.saturating_sub(state.log_since) >= LOG_PATIENCE;
        if state.log.len() >= LOG_LINES_MAX || bytes > wire::BATCH_BYTES_MAX || stale {
            self.put_log(&mut state);
        }
    }

    fn file(&self, file: FileToSend<'_>) -> Result<FileSent, String> {
        let stopped = |_: Halt| "the collection was stopped".to_owned();
        self.breathe().map_err(stopped)?;
        let mut data = Vec::with_capacity(UPLOAD_PART_BYTES_MAX.min(64 << 10));
        let mut trouble = fill(file.content, &mut data, UPLOAD_PART_BYTES_MAX);
        if let Some(error) = trouble.take_if(|_| data.is_empty()) {
            return Err(format!("{}: {error}", file.path));
        }
        // A short file has the size that was read, whatever its folder says (0 in /proc).
        let whole = (data.len() < UPLOAD_PART_BYTES_MAX).then_some(data.len() as u64);
        let size = whole.or(file.size.filter(|size| *size >= data.len() as u64));
        let (number, declared_size) = self.begin_file(size)?;
        let (mut hash, mut offset) = (Sha256::new(), 0);
        loop {
            // A file that grows meanwhile is sent as long as it was at first.
            data.truncate(usize::try_from(declared_size - offset).unwrap_or(usize::MAX));
            hash.update(&data);
            let end = offset + data.len() as u64;
            let last =
                data.len() < UPLOAD_PART_BYTES_MAX || end == declared_size || trouble.is_some();
            let sha256: [u8; 32] = if last { hash.finalize_reset().into() } else { [0; 32] };
            let part = UploadPart {
                number,
                path: cut(&file.path, wire::PATH_BYTES_MAX).to_owned(),
                accessor: file.accessor.clone(),
                declared_size,
                offset,
                data: std::mem::take(&mut data),
                last,
                sha256: if last { sha256.to_vec() } else { Vec::new() },
            };
            self.go_on().and_then(|()| self.put(ReportSays::Upload(part))).map_err(stopped)?;
            self.note_progress();
            offset = end;
            if last {
                let mut state = self.state();
                state.files += 1;
                state.upload_bytes += offset;
                drop(state);
                if size.is_none() && offset == declared_size {
                    self.end(AttemptOutcome::Failed(FlowFailure::UploadLimit));
                }
                if let Some(error) = trouble {
                    let path = &file.path;
                    self.log(
                        "WARN",
                        &format!("{path}: {error}; kept its first {offset} bytes"),
                        false,
                    );
                }
                return Ok(FileSent { number, size: offset, sha256 });
            }
            self.pace().keep();
            trouble = fill(file.content, &mut data, UPLOAD_PART_BYTES_MAX);
        }
    }

    fn source_done(&self, source: &str) {
        self.note_progress();
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.batches.note(source);
        let rest = state.batches.flush(source);
        self.put_rows(&mut state, rest);
    }

    fn breathe(&self) -> Result<(), Halt> {
        self.go_on()?;
        self.pace().keep();
        self.go_on()
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
