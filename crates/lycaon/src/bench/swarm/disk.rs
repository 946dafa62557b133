//! The disk of a simulated agent: memory, made slow, forgetful or dishonest as its habits say.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::{Clock, Timestamp};
use link::{
    Admission, Bookmark, Bookmarks, Census, HeldFlow, MemBookmarks, MemOutbox, Outbox, OutboxError,
    StoredReport,
};
use model::results::AttemptId;
use wire::{FlowRequest, Monitoring, OfferId, ReportSays, Status};

use super::scenario::{Habits, Lie};
use crate::machine::SystemClock;

/// What a light agent's spool may hold.
const SPOOL_BYTES_MAX: u64 = 4 << 20;

/// A forgetful agent forgets acknowledgements of at most so many reports.
const FORGOTTEN_MAX: u64 = 8;

/// An outbox with habits.
pub(crate) struct OddOutbox {
    disk: MemOutbox,
    habits: Habits,
    /// The server has acknowledged so much.
    acknowledged: AtomicU64,
}

impl OddOutbox {
    pub(crate) fn new(habits: Habits) -> Self {
        let disk = MemOutbox::new(SPOOL_BYTES_MAX);
        Self { disk, habits, acknowledged: AtomicU64::new(0) }
    }

    fn take_time(&self) {
        if let Some(pause) = self.habits.disk {
            std::thread::sleep(pause);
        }
    }
}

impl Outbox for OddOutbox {
    fn accept(&self, attempt: AttemptId, request: &FlowRequest) -> Result<Admission, OutboxError> {
        self.take_time();
        self.disk.accept(attempt, request)
    }

    fn held(&self) -> Result<Vec<HeldFlow>, OutboxError> {
        self.disk.held()
    }

    fn begin(&self, attempt: AttemptId) -> Result<(), OutboxError> {
        self.disk.begin(attempt)
    }

    fn append(&self, attempt: AttemptId, says: ReportSays) -> Result<u64, OutboxError> {
        self.take_time();
        self.disk.append(attempt, says)
    }

    fn finish(&self, attempt: AttemptId, mut status: Status) -> Result<u64, OutboxError> {
        self.take_time();
        if self.habits.lie == Some(Lie::Totals) {
            for source in &mut status.sources {
                source.rows += 7;
            }
        }
        self.disk.finish(attempt, status)
    }

    fn read(&self, after: u64, bytes_max: usize) -> Result<Vec<StoredReport>, OutboxError> {
        self.disk.read(after, bytes_max)
    }

    fn acknowledge(&self, up_to: u64) -> Result<(), OutboxError> {
        let before = self.acknowledged.fetch_max(up_to, Ordering::Relaxed);
        let kept = self.disk.census().acknowledged;
        if self.habits.forgetful && up_to.max(before) < kept + FORGOTTEN_MAX {
            return Ok(());
        }
        self.disk.acknowledge(up_to)
    }

    fn census(&self) -> Census {
        self.disk.census()
    }
}

/// Bookmarks with habits.
#[derive(Default)]
pub(crate) struct OddBookmarks {
    disk: MemBookmarks,
    lies: bool,
}

impl OddBookmarks {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self { disk: MemBookmarks::default(), lies: habits.lie == Some(Lie::Cursor) }
    }
}

impl Bookmarks for OddBookmarks {
    fn bookmark(&self) -> Bookmark {
        let honest = self.disk.bookmark();
        match self.lies {
            true => Bookmark { cursor: honest.cursor.saturating_add(1 << 50), ..honest },
            false => honest,
        }
    }

    fn save(&self, bookmark: Bookmark) -> Result<(), OutboxError> {
        self.disk.save(bookmark)
    }

    fn begin_query(&self, offers: &[OfferId]) -> Result<(), OutboxError> {
        self.disk.begin_query(offers)
    }

    fn end_query(&self) -> Result<(), OutboxError> {
        self.disk.end_query()
    }

    fn crashed(&self) -> Vec<OfferId> {
        self.disk.crashed()
    }

    fn monitoring(&self) -> Monitoring {
        self.disk.monitoring()
    }

    fn save_monitoring(&self, wanted: &Monitoring) -> Result<(), OutboxError> {
        self.disk.save_monitoring(wanted)
    }
}

/// A clock that is wrong.
pub(crate) struct SkewedClock(pub(crate) i64);

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        let by = Duration::from_micros(self.0.unsigned_abs());
        if self.0 < 0 { now.minus(by) } else { now.plus(by) }
    }
}
