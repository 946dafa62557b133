//! What is wrong with segments right now, as a server's health tells it.
//!
//! Whoever meets a segment that cannot be read notes it here; the keeper looks at it again, and takes
//! the note away when it can be read or is no longer part of the results.

use std::collections::BTreeMap;

use base::Chain;
use flows::hot::Segment;
use model::results::ResultScope;
use model::store::StoreError;
use parking_lot::Mutex;

use crate::file::SegmentFile;
use crate::results::SegmentedResults;

/// Segments that are remembered as unreadable; more need not be told apart.
const NOTES_MAX: usize = 1_000;

/// When a segment turned out to be unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// When it was opened.
    AtOnce,
    /// When its rows were read.
    Later,
}

struct Note {
    segment: Segment,
    why: String,
    seen: Seen,
}

#[derive(Default)]
pub(crate) struct Trouble {
    unreadable: Mutex<BTreeMap<String, Note>>,
    moving: Mutex<Option<String>>,
}

impl Trouble {
    /// This segment cannot be read.
    pub(crate) fn unreadable(&self, segment: &Segment, error: &StoreError, seen: Seen) {
        let mut notes = self.unreadable.lock();
        if notes.len() < NOTES_MAX {
            let why = Chain(error).to_string();
            notes.insert(segment.key.clone(), Note { segment: segment.clone(), why, seen });
        }
    }

    /// How the last attempt to move rows went.
    pub(crate) fn moved(&self, outcome: Result<(), String>) {
        *self.moving.lock() = outcome.err();
    }

    fn noted(&self) -> Vec<(Segment, Seen)> {
        let notes = self.unreadable.lock();
        notes.values().map(|note| (note.segment.clone(), note.seen)).collect()
    }

    fn mended(&self, key: &str) {
        self.unreadable.lock().remove(key);
    }

    fn tell(&self) -> Option<String> {
        let notes = self.unreadable.lock();
        let mut told = Vec::new();
        if let Some(first) = notes.values().next() {
            let rows: u64 = notes.values().map(|note| note.segment.rows).sum();
            told.push(format!(
                "{rows} rows of results in {} segments cannot be read, the first of hunt {}: {}. \
                 When the store of segments is there, restore these objects from a backup",
                notes.len(),
                first.segment.series.hunt,
                first.why
            ));
        }
        if let Some(why) = &*self.moving.lock() {
            told.push(format!(
                "rows of results cannot be moved to segments and stay in the record store: {why}"
            ));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}

impl SegmentedResults {
    /// What is wrong right now, as a whole sentence.
    pub fn trouble(&self) -> Option<String> {
        self.files.place().trouble().tell()
    }

    /// Looks again at segments that could not be opened; with `whole` also at those that could not be
    /// read to their end, which takes longer.
    pub(crate) async fn look_again(&self, whole: bool) {
        let trouble = self.files.place().trouble();
        let wanted = |(_, seen): &(Segment, Seen)| whole || *seen == Seen::AtOnce;
        for (segment, seen) in trouble.noted().into_iter().filter(wanted) {
            let series = &segment.series;
            let scope = ResultScope::Hunt { hunt: series.hunt, round: series.round };
            // When the records cannot be asked either, the next look will tell.
            let Ok(view) = self.hot.view(scope, Some(&series.source)).await else { return };
            let live = view.segments.iter().any(|live| live.key == segment.key);
            let readable = async {
                let file = SegmentFile::open(self.files.place(), &segment).await?;
                if seen == Seen::Later { file.read_all().await } else { Ok(()) }
            };
            if !live || readable.await.is_ok() {
                trouble.mended(&segment.key);
            }
        }
    }
}
