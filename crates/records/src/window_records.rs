//! What is kept as JSON of recurring hunts: their schedule and the windows of a flow.

use std::time::Duration;

use base::Timestamp;
use model::window::{Checkpoint, FlowWindow, Schedule, Ticks};
use serde::{Deserialize, Serialize};

use crate::to_micros;

/// A hunt's schedule.
#[derive(Serialize, Deserialize)]
pub(crate) struct ScheduleRecord {
    every_micros: Option<u64>,
    cron: Option<String>,
    buffer_micros: u64,
    first_micros: Option<u64>,
}

/// A schedule as it is kept.
pub(crate) fn from_schedule(schedule: &Schedule) -> ScheduleRecord {
    let (every_micros, cron) = match &schedule.ticks {
        Ticks::Every(every) => (Some(to_micros(*every)), None),
        Ticks::Cron(expression) => (None, Some(expression.clone())),
    };
    ScheduleRecord {
        every_micros,
        cron,
        buffer_micros: to_micros(schedule.buffer),
        first_micros: schedule.first.map(to_micros),
    }
}

/// A schedule that was kept.
pub(crate) fn to_schedule(record: ScheduleRecord) -> Result<Schedule, String> {
    let ticks = match (record.every_micros, record.cron) {
        (Some(every), None) => Ticks::Every(Duration::from_micros(every)),
        (None, Some(expression)) => Ticks::Cron(expression),
        (Some(_), Some(_)) | (None, None) => return Err("a schedule without ticks".to_owned()),
    };
    Ok(Schedule {
        ticks,
        buffer: Duration::from_micros(record.buffer_micros),
        first: record.first_micros.map(Duration::from_micros),
    })
}

#[derive(Serialize, Deserialize)]
struct MarkRecord {
    source: String,
    upto: i64,
    epoch: u32,
    round: u32,
}

#[derive(Serialize, Deserialize)]
struct WindowRecord {
    buffer_micros: u64,
    first_micros: Option<u64>,
    checkpoints: Vec<MarkRecord>,
}

/// Writes the windows of a flow.
pub fn write_window(window: &FlowWindow) -> String {
    let mark = |checkpoint: &Checkpoint| MarkRecord {
        source: checkpoint.source.clone(),
        upto: checkpoint.upto.as_micros(),
        epoch: checkpoint.epoch,
        round: checkpoint.round,
    };
    let record = WindowRecord {
        buffer_micros: to_micros(window.buffer),
        first_micros: window.first.map(to_micros),
        checkpoints: window.checkpoints.iter().map(mark).collect(),
    };
    serde_json::to_string(&record).expect("numbers, texts and lists have a JSON form")
}

/// Reads what [`write_window`] writes.
///
/// # Errors
///
/// When it is damaged, or was written by a newer program.
pub fn read_window(json: &str) -> Result<FlowWindow, String> {
    let record: WindowRecord = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mark = |mark: MarkRecord| Checkpoint {
        source: mark.source,
        upto: Timestamp::from_micros(mark.upto),
        epoch: mark.epoch,
        round: mark.round,
    };
    Ok(FlowWindow {
        buffer: Duration::from_micros(record.buffer_micros),
        first: record.first_micros.map(Duration::from_micros),
        checkpoints: record.checkpoints.into_iter().map(mark).collect(),
    })
}
