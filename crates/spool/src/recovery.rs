//! What opening finds: torn ends are cut, damage is skipped, and attempts that lost something end.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::path::Path;

use link::OutboxError;
use model::results::AttemptId;
use prost::Message;
use wire::{Report, ReportSays};

use crate::durable::{names_in, read_if_there, remove, tried};
use crate::flow_files::{FlowFiles, Standing};
use crate::record::{Found, scan};
use crate::segments::{Place, Segments, damaged, read_acknowledged, segment_path};

/// What was found when a spool was opened; for the log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Reports that wait for the server.
    pub reports: usize,
    /// Bytes of writes that had not finished; they were cut off.
    pub torn_bytes: u64,
    /// Bytes in the middle that could not be read; they were skipped.
    pub unreadable_bytes: u64,
    /// Attempts that were ended because of that.
    pub damaged: Vec<AttemptId>,
}

/// A report that was read whole.
struct Survivor {
    place: Place,
    report: Report,
    /// How many gaps lie before it.
    gaps_before: usize,
}

struct Reading {
    survivors: Vec<Survivor>,
    gaps: usize,
    recovery: Recovery,
    segments: Vec<u64>,
}

/// Opens the segments of a folder and puts them in order.
pub(crate) fn open_segments(
    folder: &Path,
    segment_bytes_max: u64,
    flows: &mut FlowFiles,
) -> Result<(Segments, Recovery), OutboxError> {
    let acknowledged = read_acknowledged(folder);
    let mut reading = read_all(folder, acknowledged)?;
    let last = reading.survivors.last().map_or(acknowledged, |last| last.place.number);
    for survivor in &reading.survivors {
        note_end(flows, survivor)?;
    }
    let places = |survivors: &[Survivor]| survivors.iter().map(|s| s.place).collect();
    if reading.gaps == 0 {
        let waiting: Vec<Place> = places(&reading.survivors);
        for first in &reading.segments {
            if !waiting.iter().any(|place| place.segment == *first) {
                remove(&segment_path(folder, *first))?;
            }
        }
        // The acknowledged number may be older than the segments, or lost.
        let first = waiting.first().map_or(0, |place| place.number - 1);
        let acknowledged = acknowledged.max(first);
        let segments =
            Segments::new(folder.to_owned(), segment_bytes_max, waiting, acknowledged, last);
        reading.recovery.reports = reading.survivors.len();
        return Ok((segments, reading.recovery));
    }
    rewrite(folder, segment_bytes_max, flows, reading, last.max(acknowledged))
}

fn first_number(name: &str) -> Option<u64> {
    name.strip_suffix(".seg")?.parse().ok()
}

fn read_all(folder: &Path, acknowledged: u64) -> Result<Reading, OutboxError> {
    let segments: Vec<u64> = names_in(folder)?.iter().filter_map(|n| first_number(n)).collect();
    let mut reading = Reading {
        survivors: Vec::new(),
        gaps: 0,
        recovery: Recovery::default(),
        segments: segments.clone(),
    };
    // Without a number nothing is known about what should come first.
    let mut expected = (acknowledged > 0).then_some(acknowledged + 1);
    for (at, first) in segments.iter().enumerate() {
        let path = segment_path(folder, *first);
        let bytes = read_if_there(&path)?.unwrap_or_default();
        let scan = scan(&bytes);
        let behind = (bytes.len() - scan.end) as u64;
        let is_last = at + 1 == segments.len();
        let mut gaps = scan.gaps.iter();
        let mut gap = gaps.next();
        for found in &scan.found {
            if gap.is_some_and(|gap| gap.end <= found.at) {
                reading.recovery.unreadable_bytes += gap.map_or(0, |gap| gap.len() as u64);
                reading.gaps += 1;
                gap = gaps.next();
            } else if expected.is_some_and(|expected| expected < found.number) {
                reading.gaps += 1;
            }
            expected = Some(found.number + 1);
            read_one(&bytes, found, *first, acknowledged, &mut reading);
        }
        if behind > 0 && is_last {
            cut(&path, scan.end as u64)?;
            reading.recovery.torn_bytes = behind;
        } else if behind > 0 {
            reading.recovery.unreadable_bytes += behind;
            reading.gaps += 1;
        }
        if scan.found.is_empty() && is_last {
            remove(&path)?;
        }
    }
    Ok(reading)
}

fn read_one(bytes: &[u8], found: &Found, segment: u64, acknowledged: u64, into: &mut Reading) {
    if found.number <= acknowledged {
        return;
    }
    let report = Report::decode(&bytes[found.payload.clone()]).ok();
    let attempt = report.as_ref().and_then(|r| wire::attempt_of(r.attempt.as_ref()).ok());
    let (Some(report), Some(attempt)) = (report, attempt) else {
        into.gaps += 1;
        return;
    };
    let length = found.payload.end - found.at;
    let offset = found.at as u64;
    let place = Place { number: found.number, attempt, segment, offset, length };
    into.survivors.push(Survivor { place, report, gaps_before: into.gaps });
}

fn cut(path: &Path, length: u64) -> Result<(), OutboxError> {
    let cut = OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(length).and_then(|()| file.sync_all()));
    tried(cut, || format!("cut the unfinished end of {}", path.display()))
}

/// A status in the spool means that the attempt is over, whatever its file says.
fn note_end(flows: &mut FlowFiles, survivor: &Survivor) -> Result<(), OutboxError> {
    let Some(ReportSays::Status(status)) = &survivor.report.says else { return Ok(()) };
    match flows.standing(survivor.place.attempt) {
        Some(Standing::Over) => Ok(()),
        _ => flows.end(survivor.place.attempt, status, survivor.place.number),
    }
}

/// Whether a report can be the first of its attempt.
fn begins(report: &Report) -> bool {
    match &report.says {
        Some(ReportSays::Rows(rows)) => rows.seq == 0,
        Some(ReportSays::Log(log)) => log.seq == 0,
        Some(ReportSays::Upload(part)) => part.number == 0 && part.offset == 0,
        Some(ReportSays::Status(status)) => status.sources.is_empty() && status.uploads == 0,
        // A run may lose what the disk lost; what is left of it still counts.
        Some(ReportSays::Events(_)) => true,
        None => false,
    }
}

/// Attempts that may have lost a report in a gap: those alive when it was written.
fn hit_by_a_gap(survivors: &[Survivor], gaps: usize) -> BTreeSet<AttemptId> {
    let mut hit = BTreeSet::new();
    let mut open: BTreeSet<AttemptId> = BTreeSet::new();
    let mut gaps_seen = 0;
    for Survivor { place, report, gaps_before } in survivors {
        if *gaps_before > gaps_seen {
            hit.extend(open.iter().copied());
            gaps_seen = *gaps_before;
        }
        if place.attempt.run().is_some() {
            continue;
        }
        if !open.contains(&place.attempt) && gaps_seen > 0 && !begins(report) {
            hit.insert(place.attempt);
        }
        match &report.says {
            Some(ReportSays::Status(_)) => open.remove(&place.attempt),
            _ => open.insert(place.attempt),
        };
    }
    if gaps > gaps_seen {
        hit.extend(open);
    }
    hit
}

/// Writes what survived damage into new segments under new numbers, and ends the attempts that
/// lost something. A crash in between leaves both: then some reports are sent twice.
fn rewrite(
    folder: &Path,
    segment_bytes_max: u64,
    flows: &mut FlowFiles,
    reading: Reading,
    last: u64,
) -> Result<(Segments, Recovery), OutboxError> {
    let Reading { survivors, gaps, mut recovery, segments: old } = reading;
    let mut hit = hit_by_a_gap(&survivors, gaps);
    hit.extend(ends_that_were_lost(&survivors, flows, read_acknowledged(folder))?);
    // Numbers up to `last` may be in the gap too, so new ones begin safely behind them.
    let last = last + 1;
    let mut segments = Segments::new(folder.to_owned(), segment_bytes_max, Vec::new(), last, last);
    for survivor in survivors.iter().filter(|s| !hit.contains(&s.place.attempt)) {
        if let Some(says) = survivor.report.says.clone() {
            segments.append(survivor.place.attempt, says, false)?;
            recovery.reports += 1;
        }
    }
    for attempt in &hit {
        // One that is still held ends as restarted anyway.
        if !matches!(flows.standing(*attempt), Some(Standing::Waiting | Standing::Begun)) {
            let number = segments.append(*attempt, ReportSays::Status(damaged()), true)?;
            flows.end(*attempt, &damaged(), number)?;
            recovery.reports += 1;
        }
    }
    recovery.damaged = hit.into_iter().collect();
    for first in old {
        remove(&segment_path(folder, first))?;
    }
    tried(fs::write(folder.join("acknowledged"), format!("{last}\n")), || {
        format!("write {}", folder.join("acknowledged").display())
    })?;
    Ok((segments, recovery))
}

/// Attempts that ended after the last acknowledgement, but whose status is nowhere in the spool.
fn ends_that_were_lost(
    survivors: &[Survivor],
    flows: &FlowFiles,
    acknowledged: u64,
) -> Result<Vec<AttemptId>, OutboxError> {
    let said = |attempt: AttemptId| {
        let is_status = |s: &&Survivor| matches!(s.report.says, Some(ReportSays::Status(_)));
        survivors.iter().filter(is_status).any(|s| s.place.attempt == attempt)
    };
    let mut lost = Vec::new();
    for attempt in flows.over().collect::<Vec<_>>() {
        let number = flows.status(attempt)?.map_or(0, |(number, _)| number);
        if number > acknowledged && !said(attempt) {
            lost.push(attempt);
        }
    }
    Ok(lost)
}
