//! A folder of definitions that is looked at again and again, and read when its files are not as they
//! were.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::config::{self, Read};

/// How often the files are looked at.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// A file that was written so short a time ago may be written once more without another time of
/// change.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// A folder, and its files as they were when they were read last.
pub(super) struct Watched {
    folder: PathBuf,
    seen: Stamp,
}

/// Names, sizes and times of change; nothing where the folder could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    files: Option<BTreeMap<String, (u64, Option<SystemTime>)>>,
    /// Files that change from now on differ.
    settled: bool,
}

impl Watched {
    /// Reads the folder for the first time.
    pub(super) fn new(folder: &Path) -> (Self, Read) {
        // Whatever changes while it is read is seen by the next look.
        let seen = Stamp::of(folder);
        let read = config::read_folder(folder);
        (Self { folder: folder.to_owned(), seen }, read)
    }

    /// Waits until the files are not what they were, and reads them. They may say the same all the
    /// same. Dropping the future loses nothing.
    pub(super) async fn changed(&mut self) -> Read {
        loop {
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            let (folder, seen) = (self.folder.clone(), self.seen.clone());
            let looked = tokio::task::spawn_blocking(move || look(&folder, &seen)).await;
            if let Ok(Some((seen, read))) = looked {
                self.seen = seen;
                return read;
            }
        }
    }
}

fn look(folder: &Path, seen: &Stamp) -> Option<(Stamp, Read)> {
    let now = Stamp::of(folder);
    let same = seen.settled && seen.files == now.files;
    (!same).then(|| (now, config::read_folder(folder)))
}

impl Stamp {
    fn of(folder: &Path) -> Self {
        let Ok(places) = config::places(&[folder.to_owned()]) else {
            return Self { files: None, settled: true };
        };
        let of_file = |path: &Path| {
            let facts = std::fs::metadata(path).ok();
            let size = facts.as_ref().map_or(0, std::fs::Metadata::len);
            (size, facts.and_then(|facts| facts.modified().ok()))
        };
        let files: BTreeMap<_, _> =
            places.into_iter().map(|(name, path)| (name, of_file(&path))).collect();
        let settled = files.values().all(|(_, changed)| {
            changed.is_some_and(|at| at.elapsed().is_ok_and(|age| age > SETTLED_AFTER))
        });
        Self { files: Some(files), settled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "rule: a\ntitle: A\n";

    fn set_back(path: &Path, secs: u64) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(secs)).unwrap();
    }

    #[test]
    fn files_are_read_again_only_when_they_may_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rule.yaml");
        std::fs::write(&path, RULE).unwrap();
        let (fresh, _) = Watched::new(folder.path());
        let reads = |seen: &Stamp| look(folder.path(), seen).is_some();
        assert!(reads(&fresh.seen), "it was written a moment ago: the same moment may bring more");
        set_back(&path, 60);
        let (watched, _) = Watched::new(folder.path());
        assert!(!reads(&watched.seen), "nothing changed");
        set_back(&path, 50);
        assert!(reads(&watched.seen), "another time");
        set_back(&path, 60);
        let (watched, _) = Watched::new(folder.path());
        std::fs::write(folder.path().join(".hidden.yaml"), RULE).unwrap();
        assert!(!reads(&watched.seen), "no definitions");
        std::fs::remove_file(&path).unwrap();
        assert!(reads(&watched.seen), "it is gone");
    }
}
