//! The bookmark and the marker of client queries, as two small text files; what is monitored, as one
//! record.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use link::{Bookmark, Bookmarks, OutboxError};
use prost::Message;
use wire::{Monitoring, OfferId};

use crate::durable::{make_folder, read_if_there, remove, write_durably};
use crate::record;

/// [`link::Bookmarks`] in a folder.
#[derive(Debug)]
pub struct DiskBookmarks {
    folder: PathBuf,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    bookmark: Bookmark,
    crashed: Vec<OfferId>,
}

impl DiskBookmarks {
    /// Opens the bookmark in `folder`. One that cannot be read counts as none: then the server asks
    /// about all hunts again, and its member records prevent a repetition.
    pub fn open(folder: &Path) -> Result<Self, OutboxError> {
        make_folder(folder)?;
        let text = |name: &str| -> Result<String, OutboxError> {
            let content = read_if_there(&folder.join(name))?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&content).into_owned())
        };
        let bookmark = parse_bookmark(&text("bookmark")?).unwrap_or_default();
        let crashed = text("check.marker")?.lines().filter_map(parse_offer).collect();
        let marks = Mutex::new(Marks { bookmark, crashed });
        Ok(Self { folder: folder.to_owned(), marks })
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_marker(&self, offers: &[OfferId]) -> Result<(), OutboxError> {
        let path = self.folder.join("check.marker");
        if offers.is_empty() {
            return remove(&path);
        }
        let line = |offer: &OfferId| format!("{} {} {}\n", offer.hunt, offer.round, offer.revision);
        write_durably(&path, offers.iter().map(line).collect::<String>().as_bytes())
    }
}

fn parse_bookmark(text: &str) -> Option<Bookmark> {
    let number = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    Some(Bookmark { cursor: number("last_hunt_timestamp ")?, recheck: number("recheck ")? })
}

fn parse_offer(line: &str) -> Option<OfferId> {
    let mut words = line.split(' ');
    let hunt = words.next()?.parse().ok()?;
    let round = words.next()?.parse().ok()?;
    let revision = words.next()?.parse().ok()?;
    Some(OfferId { hunt, round, revision })
}

impl Bookmarks for DiskBookmarks {
    fn bookmark(&self) -> Bookmark {
        self.marks().bookmark
    }

    fn save(&self, bookmark: Bookmark) -> Result<(), OutboxError> {
        let mut marks = self.marks();
        let text =
            format!("last_hunt_timestamp {}\nrecheck {}\n", bookmark.cursor, bookmark.recheck);
        write_durably(&self.folder.join("bookmark"), text.as_bytes())?;
        marks.bookmark = bookmark;
        marks.crashed.clear();
        self.write_marker(&[])
    }

    fn begin_query(&self, offers: &[OfferId]) -> Result<(), OutboxError> {
        let mut all = self.marks().crashed.clone();
        all.extend_from_slice(offers);
        self.write_marker(&all)
    }

    fn end_query(&self) -> Result<(), OutboxError> {
        let crashed = self.marks().crashed.clone();
        self.write_marker(&crashed)
    }

    fn crashed(&self) -> Vec<OfferId> {
        self.marks().crashed.clone()
    }

    fn monitoring(&self) -> Monitoring {
        let content = read_if_there(&self.folder.join("monitoring")).ok().flatten();
        let bytes = content.unwrap_or_default();
        let found = record::scan(&bytes);
        let first = found.found.first();
        first
            .and_then(|record| Monitoring::decode(&bytes[record.payload.clone()]).ok())
            .unwrap_or_default()
    }

    fn save_monitoring(&self, wanted: &Monitoring) -> Result<(), OutboxError> {
        let content = record::encode(wanted.id, &wanted.encode_to_vec());
        write_durably(&self.folder.join("monitoring"), &content)
    }
}
