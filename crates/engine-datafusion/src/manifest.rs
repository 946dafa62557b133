//! Positions of a set of files: every stretch of bytes that appeared gets the next number.
//!
//! Pure but for [`Book`], which keeps a manifest in a file.
//!
//! # Invariants
//!
//! - A stretch keeps its number for ever; numbers only grow.
//! - A file that shrinks, or whose known part changes, is another source ([`Changed`]), never new
//!   rows. A file that moves to another name (rotation) keeps its numbers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use model::log::{Position, Window};
use serde_json::{Value as Json, json};

/// What is known of all files of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The number of the next stretch.
    next: i64,
    /// By path.
    files: BTreeMap<String, Known>,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    /// What changes when the file may have changed.
    stamp: String,
    /// Up to where it was read.
    end: u64,
    /// A hash of its first bytes, and how many.
    head: Mark,
    /// A hash of the last bytes before `end`, and how many.
    tail: Mark,
    /// Stretches and their numbers, in order.
    parts: Vec<(Range<u64>, i64)>,
    /// It is no longer there.
    gone: bool,
}

/// A hash of so many bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) length: u64,
    pub(crate) hash: String,
}

/// A file as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) path: String,
    pub(crate) stamp: String,
    pub(crate) size: u64,
    /// Rows are only added at its end.
    pub(crate) grows: bool,
    /// Orders files that are new at the same time.
    pub(crate) modified: i64,
}

/// Looks into files.
pub(crate) trait Look {
    /// The hash of so many bytes.
    fn mark(&mut self, path: &str, bytes: Range<u64>) -> Result<Mark, String>;
    /// Up to where a file's lines are whole, at most `size`, from `from` on.
    fn whole_lines(&mut self, path: &str, from: u64, size: u64) -> Result<u64, String>;
}

/// Why a manifest cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The source is another one.
    #[error("{0}")]
    Changed(String),
    /// A file could not be looked into.
    #[error("{0}")]
    Unreadable(String),
}

/// A stretch of a file: its path, its bytes, its number.
pub(crate) type Part<'m> = (&'m str, Range<u64>, Position);

/// Marks have so many bytes.
const MARK_BYTES: u64 = 4_096;

impl Manifest {
    /// The first number that is not given yet.
    pub(crate) fn horizon(&self) -> Position {
        Position(self.next.max(1))
    }

    /// The number of the oldest stretch that is still there.
    pub(crate) fn oldest(&self) -> Option<Position> {
        let there = self.files.values().filter(|known| !known.gone);
        there.flat_map(|known| known.parts.iter().map(|(_, number)| Position(*number))).min()
    }

    /// The stretches of a window: path, bytes, number. Fails when one is gone.
    pub(crate) fn parts(&self, window: Window) -> Result<Vec<Part<'_>>, Refused> {
        let mut found = Vec::new();
        for (path, known) in &self.files {
            for (bytes, number) in &known.parts {
                let position = Position(*number);
                if !window.contains(position) {
                    continue;
                }
                if known.gone {
                    return Err(Refused::Changed(format!(
                        "`{path}`, which stood at position {number}, is no longer there; restore it, or waive the window"
                    )));
                }
                found.push((path.as_str(), bytes.clone(), position));
            }
        }
        found.sort_by_key(|(_, _, position)| *position);
        Ok(found)
    }

    /// Takes in what is there now. Whether anything changed.
    pub(crate) fn update(
        &mut self,
        present: &[Present],
        look: &mut dyn Look,
    ) -> Result<bool, Refused> {
        let before = self.clone();
        self.next = self.next.max(1);
        let mut present: Vec<&Present> = present.iter().collect();
        present.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        let displaced = self.displaced(&present, look)?;
        let mut missing: Vec<(String, Option<String>)> = displaced.into_iter().collect();
        for file in &present {
            if self.files.contains_key(&file.path) {
                continue;
            }
            if let Some(place) = self.moved_from(&missing, file, look)? {
                let (path, _) = missing.swap_remove(place);
                if let Some(known) = self.files.remove(&path) {
                    self.files.insert(file.path.clone(), known);
                }
            }
        }
        for (path, why) in missing {
            match (why, self.files.get_mut(&path)) {
                (Some(why), _) => return Err(Refused::Changed(why)),
                (None, Some(known)) => known.gone = true,
                (None, None) => {}
            }
        }
        for file in present {
            match self.files.get_mut(&file.path) {
                None => self.added(file, look)?,
                Some(known) if known.stamp == file.stamp => known.gone = false,
                Some(_) => self.grown(file, look)?,
            }
        }
        Ok(*self != before)
    }

    /// The known files that are gone since the last time, or (with the reason) are others now.
    fn displaced(
        &self,
        present: &[&Present],
        look: &mut dyn Look,
    ) -> Result<BTreeMap<String, Option<String>>, Refused> {
        let mut displaced = BTreeMap::new();
        for (path, known) in &self.files {
            let now = present.iter().find(|file| file.path == *path);
            let why = match now {
                None if known.gone => continue,
                None => None,
                Some(file) if file.stamp == known.stamp => continue,
                Some(file) if file.size < known.end => Some("became shorter"),
                Some(file) if fits(known, file) && holds(known, path, look)? => continue,
                Some(_) => Some("was rewritten"),
            };
            let why = why.map(|what| {
                format!(
                    "`{path}` {what} after it was read; restore it, or let the stream continue in a new epoch"
                )
            });
            displaced.insert(path.clone(), why);
        }
        Ok(displaced)
    }

    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    fn added(&mut self, file: &Present, look: &mut dyn Look) -> Result<(), Refused> {
        let end = ends(file, 0, look)?;
        let head = mark(look, &file.path, 0..end.min(MARK_BYTES))?;
        let tail = mark(look, &file.path, end.saturating_sub(MARK_BYTES)..end)?;
        // A file in which nothing is whole yet has no number; it gets one when it has.
        let parts = if end > 0 { vec![(0..end, self.number())] } else { Vec::new() };
        let stamp = file.stamp.clone();
        let known = Known { stamp, end, head, tail, parts, gone: false };
        self.files.insert(file.path.clone(), known);
        Ok(())
    }

    /// A known file that was touched, or has grown.
    fn grown(&mut self, file: &Present, look: &mut dyn Look) -> Result<(), Refused> {
        let Some(known) = self.files.get(&file.path).cloned() else { return Ok(()) };
        let end = ends(file, known.end, look)?;
        let mut now = Known { stamp: file.stamp.clone(), gone: false, ..known };
        if end > now.end {
            now.parts.push((now.end..end, self.number()));
            now.end = end;
            now.head = mark(look, &file.path, 0..end.min(MARK_BYTES))?;
            now.tail = mark(look, &file.path, end.saturating_sub(MARK_BYTES)..end)?;
        }
        self.files.insert(file.path.clone(), now);
        Ok(())
    }

    /// Which of the missing files this one is, under another name.
    fn moved_from(
        &self,
        missing: &[(String, Option<String>)],
        file: &Present,
        look: &mut dyn Look,
    ) -> Result<Option<usize>, Refused> {
        for (place, (path, _)) in missing.iter().enumerate() {
            let Some(known) = self.files.get(path) else { continue };
            if known.end > 0 && fits(known, file) && holds(known, &file.path, look)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Reads what [`Manifest::write`] writes.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let json: Json = serde_json::from_slice(text).ok()?;
        let mark = |json: &Json| {
            let length = json.get(0)?.as_u64()?;
            Some(Mark { length, hash: json.get(1)?.as_str()?.to_owned() })
        };
        let mut files = BTreeMap::new();
        for (path, file) in json.get("files")?.as_object()? {
            let parts = file.get("parts")?.as_array()?.iter().map(|part| {
                let range = part.get(0)?.as_u64()?..part.get(1)?.as_u64()?;
                Some((range, part.get(2)?.as_i64()?))
            });
            let known = Known {
                stamp: file.get("stamp")?.as_str()?.to_owned(),
                end: file.get("end")?.as_u64()?,
                head: mark(file.get("head")?)?,
                tail: mark(file.get("tail")?)?,
                parts: parts.collect::<Option<_>>()?,
                gone: file.get("gone")?.as_bool()?,
            };
            files.insert(path.clone(), known);
        }
        (json.get("version")?.as_i64()? == 1)
            .then_some(Self { next: json.get("next")?.as_i64()?, files })
    }

    /// As JSON.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mark = |mark: &Mark| json!([mark.length, mark.hash]);
        let files: serde_json::Map<String, Json> = self
            .files
            .iter()
            .map(|(path, known)| {
                let parts: Vec<Json> = known
                    .parts
                    .iter()
                    .map(|(range, number)| json!([range.start, range.end, number]))
                    .collect();
                let file = json!({
                    "stamp": known.stamp, "end": known.end, "head": mark(&known.head),
                    "tail": mark(&known.tail), "parts": parts, "gone": known.gone,
                });
                (path.clone(), file)
            })
            .collect();
        json!({ "version": 1, "next": self.next, "files": files }).to_string().into_bytes()
    }
}

fn mark(look: &mut dyn Look, path: &str, bytes: Range<u64>) -> Result<Mark, Refused> {
    look.mark(path, bytes).map_err(Refused::Unreadable)
}

/// Whether a file's size allows that it is a known one.
fn fits(known: &Known, file: &Present) -> bool {
    file.size == known.end || file.grows && file.size > known.end
}

/// Whether a file still begins with what is known.
fn holds(known: &Known, path: &str, look: &mut dyn Look) -> Result<bool, Refused> {
    let head = mark(look, path, 0..known.head.length)?;
    let tail = mark(look, path, known.end - known.tail.length..known.end)?;
    Ok(head == known.head && tail == known.tail)
}

fn ends(file: &Present, from: u64, look: &mut dyn Look) -> Result<u64, Refused> {
    if file.grows {
        return look.whole_lines(&file.path, from, file.size).map_err(Refused::Unreadable);
    }
    Ok(file.size)
}

/// Keeps the manifest of one source in a file.
pub(crate) struct Book {
    path: PathBuf,
}

impl Book {
    /// In a folder, for a source that is called like that.
    pub(crate) fn of(folder: &std::path::Path, source: &str) -> Self {
        use sha2::Digest;
        let name = hex::encode(&sha2::Sha256::digest(source.as_bytes())[..16]);
        Self { path: folder.join(format!("{name}.manifest.json")) }
    }

    /// What is there; an error where it cannot be read, because starting anew would count all again.
    pub(crate) fn read(&self) -> Result<Manifest, Refused> {
        let shown = self.path.display();
        let bytes = crate::os::read(&self.path)
            .map_err(|error| Refused::Unreadable(format!("`{shown}` cannot be read: {error}")))?;
        let Some(bytes) = bytes else { return Ok(Manifest::default()) };
        Manifest::parse(&bytes).ok_or_else(|| {
            Refused::Changed(format!(
                "`{shown}`, which numbers the files of this source, is damaged; restore it, or remove it and let the stream continue in a new epoch"
            ))
        })
    }

    /// Changes what is there, alone among all processes.
    pub(crate) fn update(
        &self,
        present: &[Present],
        look: &mut dyn Look,
    ) -> Result<Manifest, Refused> {
        let failed = |error: std::io::Error| {
            Refused::Unreadable(format!("`{}` cannot be written: {error}", self.path.display()))
        };
        let _alone = crate::os::lock(&self.path.with_extension("lock")).map_err(failed)?;
        let mut manifest = self.read()?;
        if manifest.update(present, look)? {
            crate::os::replace(&self.path, &manifest.write()).map_err(failed)?;
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests;
