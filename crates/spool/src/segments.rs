//! The segment files: numbered reports, appended at one end and dropped at the other.
//!
//! # Invariants
//! - **S2** numbers grow by one; a segment is named for its first.
//! - **S3** a segment is removed only when all its reports are acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use link::{OutboxError, StoredReport};
use model::results::AttemptId;
use prost::Message;
use wire::{Report, ReportSays, Status};

use crate::durable::{overwrite, remove, tried, write_quickly};
use crate::os::sync_folder;
use crate::record;

/// Where a report lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) attempt: AttemptId,
    /// The first number of its segment.
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// Bytes of the whole record.
    pub(crate) length: usize,
}

/// All segments of a spool.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    segment_bytes_max: u64,
    /// Bytes of each segment file, by first number.
    sizes: BTreeMap<u64, u64>,
    /// Reports that wait, in order.
    waiting: VecDeque<Place>,
    waiting_bytes: u64,
    pub(crate) acknowledged: u64,
    pub(crate) last: u64,
    /// The segment that grows; `None` until the first report after opening.
    growing: Option<(u64, File)>,
}

pub(crate) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.seg"))
}

fn acknowledged_path(folder: &Path) -> PathBuf {
    folder.join("acknowledged")
}

/// The last acknowledged report, as the folder says; 0 when it does not.
pub(crate) fn read_acknowledged(folder: &Path) -> u64 {
    fs::read_to_string(acknowledged_path(folder))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

impl Segments {
    /// Segments as recovery has found them; `waiting` is in order and without gaps.
    pub(crate) fn new(
        folder: PathBuf,
        segment_bytes_max: u64,
        waiting: Vec<Place>,
        acknowledged: u64,
        last: u64,
    ) -> Self {
        let mut sizes = BTreeMap::new();
        for place in &waiting {
            let end = place.offset + place.length as u64;
            let size = sizes.entry(place.segment).or_insert(end);
            *size = end.max(*size);
        }
        let waiting_bytes = waiting.iter().map(|place| place.length as u64).sum();
        let waiting = VecDeque::from(waiting);
        let growing = None;
        Self {
            folder,
            segment_bytes_max,
            sizes,
            waiting,
            waiting_bytes,
            acknowledged,
            last,
            growing,
        }
    }

    /// Bytes of reports that wait.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// Attempts with reports that wait, with repetitions.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = AttemptId> {
        self.waiting.iter().map(|place| place.attempt)
    }

    /// Appends a report; syncs when `sync`. On an error nothing was appended.
    pub(crate) fn append(
        &mut self,
        attempt: AttemptId,
        says: ReportSays,
        sync: bool,
    ) -> Result<u64, OutboxError> {
        let number = self.last + 1;
        let report = Report { number, attempt: Some(attempt.into()), says: Some(says) };
        let bytes = record::encode(number, &report.encode_to_vec());
        let (segment, offset) = self.open_for(number)?;
        if let Err(source) = self.write(&bytes, sync) {
            self.undo(segment, offset);
            let action = format!("append to {}", segment_path(&self.folder, segment).display());
            return Err(OutboxError::Disk { action, source });
        }
        let length = bytes.len();
        self.sizes.insert(segment, offset + length as u64);
        self.waiting.push_back(Place { number, attempt, segment, offset, length });
        self.waiting_bytes += length as u64;
        self.last = number;
        Ok(number)
    }

    fn write(&mut self, bytes: &[u8], sync: bool) -> io::Result<()> {
        let (_, file) = self.growing.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        file.write_all(bytes)?;
        if sync { file.sync_data() } else { Ok(()) }
    }

    /// Takes half a record off the end. If even that fails, the segment does not grow any more and
    /// the next opening finds its torn end.
    fn undo(&mut self, segment: u64, offset: u64) {
        if let Some((_, file)) = &mut self.growing {
            let undone = file.set_len(offset).and_then(|()| file.seek(SeekFrom::Start(offset)));
            if undone.is_err() || offset == 0 {
                self.growing = None;
            }
        }
        if offset == 0 {
            self.sizes.remove(&segment);
        }
    }

    /// The segment that takes report `number`, and where in it.
    fn open_for(&mut self, number: u64) -> Result<(u64, u64), OutboxError> {
        if let Some((first, file)) = &self.growing {
            let size = self.sizes.get(first).copied().unwrap_or(0);
            if size < self.segment_bytes_max {
                return Ok((*first, size));
            }
            tried(file.sync_data(), || "sync a full segment of the spool".to_owned())?;
        }
        let path = segment_path(&self.folder, number);
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path);
        let file = tried(file, || format!("create {}", path.display()))?;
        tried(sync_folder(&self.folder), || format!("sync {}", self.folder.display()))?;
        self.sizes.insert(number, 0);
        self.growing = Some((number, file));
        Ok((number, 0))
    }

    /// Reports after `after`: at most so many bytes, but at least one if there is one.
    pub(crate) fn read(
        &self,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<StoredReport>, OutboxError> {
        let begin = self.waiting.partition_point(|place| place.number <= after);
        let mut reports = Vec::new();
        let mut bytes = 0;
        let mut open: Option<(u64, File)> = None;
        for place in self.waiting.range(begin..) {
            bytes += place.length;
            if bytes > bytes_max && !reports.is_empty() {
                break;
            }
            let file = match &mut open {
                Some((segment, file)) if *segment == place.segment => file,
                _ => {
                    let path = segment_path(&self.folder, place.segment);
                    let file = tried(File::open(&path), || format!("open {}", path.display()))?;
                    &mut open.insert((place.segment, file)).1
                }
            };
            reports.push(read_report(file, place));
        }
        Ok(reports)
    }

    /// Forgets reports up to this one and removes segments that hold no other.
    pub(crate) fn acknowledge(&mut self, up_to: u64) -> Result<(), OutboxError> {
        let up_to = up_to.min(self.last);
        if up_to <= self.acknowledged {
            return Ok(());
        }
        self.acknowledged = up_to;
        while let Some(place) = self.waiting.front().filter(|place| place.number <= up_to) {
            self.waiting_bytes -= place.length as u64;
            self.waiting.pop_front();
        }
        self.note_acknowledged()?;
        self.remove_read_segments()
    }

    /// Writes down what was acknowledged. On a full disk it takes the place of what was written before: only
    /// then can segments go, and make room.
    pub(crate) fn note_acknowledged(&self) -> Result<(), OutboxError> {
        let (path, text) =
            (acknowledged_path(&self.folder), format!("{:020}\n", self.acknowledged));
        write_quickly(&path, text.as_bytes()).or_else(|why| {
            let overwritten = overwrite(&path, text.as_bytes());
            if overwritten { Ok(()) } else { Err(why) }
        })
    }

    fn remove_read_segments(&mut self) -> Result<(), OutboxError> {
        let needed = self.waiting.front().map(|place| place.segment);
        let growing = self.growing.as_ref().map(|(first, _)| *first);
        let idle: Vec<u64> = self
            .sizes
            .iter()
            .filter(|(first, size)| {
                let grown = **size >= self.segment_bytes_max / 2;
                needed.is_none_or(|needed| **first < needed) && (growing != Some(**first) || grown)
            })
            .map(|(first, _)| *first)
            .collect();
        for first in idle {
            if growing == Some(first) {
                self.growing = None;
            }
            self.sizes.remove(&first);
            remove(&segment_path(&self.folder, first))?;
        }
        Ok(())
    }
}

/// Reads one report. One that no longer matches its checksum becomes the end of its attempt, under
/// the same number: the server then runs the attempt again instead of waiting for what is lost.
fn read_report(file: &mut File, place: &Place) -> StoredReport {
    let mut bytes = vec![0; place.length];
    let read = file.seek(SeekFrom::Start(place.offset)).and_then(|_| file.read_exact(&mut bytes));
    let found = read.ok().and_then(|()| record::decode_at(&bytes, 0));
    let Place { number, attempt, .. } = *place;
    let bytes = match found.filter(|found| found.number == number) {
        Some(found) => bytes[found.payload].to_vec(),
        None => {
            let says = Some(ReportSays::Status(damaged()));
            Report { number, attempt: Some(attempt.into()), says }.encode_to_vec()
        }
    };
    StoredReport { number, attempt, bytes }
}

/// The end of an attempt that lost something on the agent's disk.
pub(crate) fn damaged() -> Status {
    Status {
        failure: "incomplete".to_owned(),
        detail: "the agent's disk lost a part of what was collected".to_owned(),
        ..Status::default()
    }
}
