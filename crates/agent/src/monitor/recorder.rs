//! Takes what one run of a monitored source finds and puts it into the outbox, batch by batch.
//!
//! A full outbox holds the evaluation up; so does a source that gives more rows or uses more of the
//! processor than it may. Log lines are limited for each minute: what is dropped is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base::Clock;
use link::{Outbox, OutboxError};
use model::monitoring::{Event, EventKind, MonitoringLimits, RunId};
use model::results::AttemptId;
use tokio::sync::Notify;
use wire::{BATCH_BYTES_MAX, LOG_LINE_BYTES_MAX, ReportSays, log_event, pack_events};

use crate::collector::{Evidence, FileSent, FileToSend, Halt, StopSign};
use crate::flow::{Pace, Room, cut};

/// Log lines of one run in one minute.
const LOG_LINES_PER_MINUTE: u32 = 60;

/// How often a full outbox is looked at again when nobody says that there is room.
const ROOM_PATIENCE: Duration = Duration::from_millis(500);

/// Longest sleep at once, so that a stop is noticed.
const NAP_MAX: Duration = Duration::from_millis(200);

/// What a recorder needs.
pub(super) struct EventRecorderParts {
    pub(super) run: RunId,
    /// Whose log it is.
    pub(super) source: String,
    pub(super) limits: MonitoringLimits,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) room: Arc<Room>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Records one run.
pub(super) struct EventRecorder {
    parts: EventRecorderParts,
    stop: StopSign,
    pace: OnceLock<Pace>,
    skipped: AtomicBool,
    flush_wanted: Notify,
    /// When the next row may come.
    next_row: Mutex<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    series: BTreeMap<(EventKind, String), Series>,
    log_minute: u64,
    log_lines: u32,
    log_dropped: u64,
    closed: bool,
}

#[derive(Default)]
struct Series {
    waiting: Vec<Event>,
    bytes: usize,
    seq: u64,
}

impl EventRecorder {
    pub(super) fn new(parts: EventRecorderParts) -> Self {
        Self {
            parts,
            stop: StopSign::default(),
            pace: OnceLock::new(),
            skipped: AtomicBool::new(false),
            flush_wanted: Notify::new(),
            next_row: Mutex::new(Instant::now()),
            state: Mutex::default(),
        }
    }

    /// The evaluation begins now, on the calling thread.
    pub(super) fn begin(&self) {
        self.pace().measure();
    }

    /// Asks the evaluation to end.
    pub(super) fn stop(&self) {
        self.stop.raise();
        self.parts.room.free();
    }

    pub(super) fn stop_sign(&self) -> StopSign {
        self.stop.clone()
    }

    /// Whether the source did not run because its precondition does not hold.
    pub(super) fn was_skipped(&self) -> bool {
        self.skipped.load(Ordering::SeqCst)
    }

    /// Waits until a row has begun to wait for its batch.
    pub(super) async fn flush_wanted(&self) {
        self.flush_wanted.notified().await;
    }

    /// Puts everything that waits into the outbox. Blocks while that is full.
    pub(super) fn flush(&self) {
        let Ok(mut state) = self.state.try_lock() else {
            // The evaluation is about to add a row, or waits for room itself.
            return self.flush_wanted.notify_one();
        };
        self.put_all(&mut state);
    }

    /// Puts what is left into the outbox; nothing more is recorded.
    pub(super) fn close(&self) {
        self.stop();
        let mut state = self.state();
        if state.log_dropped > 0 {
            let text = format!("{} more lines of the log were dropped", state.log_dropped);
            self.add_line(&mut state, "WARN", &text);
        }
        self.put_all(&mut state);
        state.closed = true;
    }

    fn pace(&self) -> &Pace {
        self.pace.get_or_init(|| Pace::new(self.parts.limits.cpu_percent))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.is_raised() { Err(Halt) } else { Ok(()) }
    }

    fn put_all(&self, state: &mut State) {
        for ((kind, source), series) in &mut state.series {
            self.put(*kind, source, series);
        }
    }

    /// Puts a batch into the outbox, waiting for room while the run goes on. Called under the state's
    /// lock, so that batches keep their order.
    fn put(&self, kind: EventKind, source: &str, series: &mut Series) {
        if series.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut series.waiting);
        series.bytes = 0;
        let says = ReportSays::Events(pack_events(source, kind, series.seq, waiting));
        let mut told = false;
        loop {
            match self.parts.outbox.append(AttemptId::of_run(self.parts.run), says.clone()) {
                Ok(_) => {
                    series.seq += 1;
                    return self.parts.room.add();
                }
                Err(OutboxError::Full { .. }) => {}
                Err(error) => {
                    if !told {
                        crate::event::disk_failed("keep monitored rows", &error);
                    }
                    told = true;
                }
            }
            if self.stop.is_raised() {
                return crate::event::monitoring_lost(source);
            }
            self.parts.room.wait_for_room(ROOM_PATIENCE);
        }
    }

    fn add(&self, state: &mut State, (kind, source): (EventKind, &str), json: String) {
        let bytes = json.len() + 1;
        let limits = &self.parts.limits;
        let key = (kind, source.to_owned());
        let mut series = state.series.remove(&key).unwrap_or_default();
        let rows_max = limits.batch_rows.max(1) as usize;
        if series.waiting.len() >= rows_max || series.bytes + bytes > limits.batch_bytes as usize {
            self.put(kind, source, &mut series);
        }
        if series.waiting.is_empty() {
            self.flush_wanted.notify_one();
        }
        series.bytes += bytes;
        series.waiting.push(Event { observed: self.parts.clock.now(), json });
        state.series.insert(key, series);
    }

    fn add_line(&self, state: &mut State, level: &str, text: &str) {
        let line = log_event(level, cut(text, LOG_LINE_BYTES_MAX));
        self.add(state, (EventKind::Log, &self.parts.source), line);
    }

    /// Lets a source wait that gives more rows than it may; a second's worth may come at once.
    fn keep_rate(&self) -> Result<(), Halt> {
        let rate = self.parts.limits.rows_per_second;
        if rate == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let due = {
            let mut next = self.next_row.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
            *next = (*next).max(earliest) + Duration::from_secs(1) / rate;
            *next
        };
        while Instant::now() < due {
            self.go_on()?;
            std::thread::sleep(due.saturating_duration_since(Instant::now()).min(NAP_MAX));
        }
        self.go_on()
    }
}

impl Evidence for EventRecorder {
    fn row(&self, source: &str, json: String) -> Result<(), Halt> {
        self.breathe()?;
        self.keep_rate()?;
        if json.len() >= BATCH_BYTES_MAX {
            let text =
                format!("a row of {} bytes is too large to be sent; it was dropped", json.len());
            self.log("ERROR", &text, true);
            return Ok(());
        }
        let mut state = self.state();
        if state.closed {
            return Err(Halt);
        }
        self.add(&mut state, (EventKind::Rows, source), json);
        drop(state);
        self.go_on()
    }

    fn log(&self, level: &str, text: &str, failure: bool) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        let minute = u64::try_from(self.parts.clock.now().as_micros() / 60_000_000).unwrap_or(0);
        if minute != state.log_minute {
            state.log_minute = minute;
            state.log_lines = 0;
            let dropped = std::mem::take(&mut state.log_dropped);
            if dropped > 0 {
                let text = format!("{dropped} more lines of the log were dropped");
                self.add_line(&mut state, "WARN", &text);
            }
        }
        state.log_lines += 1;
        if state.log_lines > LOG_LINES_PER_MINUTE && !failure {
            state.log_dropped += 1;
            return;
        }
        if state.log_lines > 2 * LOG_LINES_PER_MINUTE {
            state.log_dropped += 1;
            return;
        }
        self.add_line(&mut state, level, text);
    }

    fn file(&self, file: FileToSend<'_>) -> Result<FileSent, String> {
        Err(format!(
            "{}: monitoring sends no files; collect the file with a flow or a hunt",
            file.path
        ))
    }

    fn source_done(&self, _source: &str) {}

    fn source_skipped(&self, _source: &str) {
        self.skipped.store(true, Ordering::SeqCst);
    }

    fn breathe(&self) -> Result<(), Halt> {
        self.go_on()?;
        self.pace().keep();
        self.go_on()
    }
}

#[cfg(test)]
mod tests {
    use base::{FixedClock, Timestamp};
    use link::MemOutbox;
    use prost::Message;
    use wire::{Events, Report};

    use super::*;

    fn recorder(limits: MonitoringLimits) -> (EventRecorder, Arc<MemOutbox>) {
        let outbox = Arc::new(MemOutbox::new(1 << 20));
        let recorder = EventRecorder::new(EventRecorderParts {
            run: RunId(3),
            source: "A".into(),
            limits,
            outbox: outbox.clone(),
            room: Arc::default(),
            clock: Arc::new(FixedClock::at(Timestamp::from_secs(100))),
        });
        (recorder, outbox)
    }

    fn batches(outbox: &MemOutbox) -> Vec<(String, u64, bool, u32)> {
        let reports = outbox.read(0, usize::MAX).unwrap();
        let events = |bytes: &[u8]| match Report::decode(bytes).unwrap().says {
            Some(ReportSays::Events(events)) => events,
            other => panic!("not events: {other:?}"),
        };
        let all: Vec<Events> = reports.iter().map(|report| events(&report.bytes)).collect();
        all.into_iter()
            .map(|events| {
                let rows = events.rows.unwrap();
                (rows.source, rows.seq, events.log, rows.count)
            })
            .collect()
    }

    #[test]
    fn a_batch_is_put_when_it_is_full_and_the_rest_when_it_waits_no_longer() {
        let limits = MonitoringLimits { batch_rows: 2, ..MonitoringLimits::default() };
        let (recorder, outbox) = recorder(limits);
        for n in 0..5 {
            recorder.row("A", format!("{{\"n\":{n}}}")).unwrap();
        }
        let full = [("A".to_owned(), 0, false, 2), ("A".to_owned(), 1, false, 2)];
        assert_eq!(batches(&outbox), full);
        recorder.flush();
        assert_eq!(batches(&outbox)[2..], [("A".to_owned(), 2, false, 1)]);
        recorder.flush();
        assert_eq!(batches(&outbox).len(), 3, "nothing waits any more");
    }

    #[test]
    fn a_large_row_is_a_batch_of_its_own_and_a_too_large_one_is_told() {
        let limits = MonitoringLimits { batch_bytes: 100, ..MonitoringLimits::default() };
        let (recorder, outbox) = recorder(limits);
        let row = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size));
        for size in [10, 200_000, 10, 600_000] {
            recorder.row("A", row(size)).unwrap();
        }
        recorder.close();
        let counts: Vec<_> = batches(&outbox).into_iter().map(|b| (b.1, b.2, b.3)).collect();
        assert_eq!(counts, [(0, false, 1), (1, false, 1), (2, false, 1), (0, true, 1)]);
        assert_eq!(recorder.row("A", row(1)), Err(Halt), "nothing is recorded after the end");
    }

    #[test]
    fn a_noisy_log_is_cut_and_says_so() {
        let (recorder, outbox) = recorder(MonitoringLimits::default());
        for n in 0..500 {
            recorder.log("INFO", &format!("line {n}"), false);
        }
        recorder.close();
        assert_eq!(batches(&outbox), [("A".to_owned(), 0, true, LOG_LINES_PER_MINUTE + 1)]);
    }
}
