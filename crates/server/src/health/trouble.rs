//! A place where the server keeps things fails: since when, and what a person is told of it.
//!
//! # Invariants
//!
//! - What is told says nothing of where things are: whoever reaches the server may read it.
//! - Trouble ends only after the place was used without a failure, some time after the last one.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::event::{TroubleBegan, TroubleOver};

/// A place that works again may fail again at once, as a full disk does that has room for a little: people
/// are told of the end only after so long without a failure.
const QUIET_FOR: Duration = Duration::from_secs(5);

/// Where something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Records: clients, hunts, flows, rows.
    Records,
    /// The bytes of uploaded files and tools.
    Files,
}

impl Place {
    /// Its name in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Files => "files",
        }
    }

    /// What it is called in a sentence.
    fn subject(self) -> &'static str {
        match self {
            Self::Records => "the records",
            Self::Files => "the store of uploaded files",
        }
    }
}

/// Why something failed, as far as a person can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no room.
    Full,
    /// Nothing may be written.
    ReadOnly,
    /// It does not answer, or not well; it may by itself.
    Away,
    /// It answers, but takes long.
    Slow,
    /// None of these.
    Unknown,
}

impl Cause {
    /// What an error and its causes tell.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(found) = cause {
            let by_kind = found.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            let known = match by_kind {
                Some(
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge,
                ) => Self::Full,
                Some(ErrorKind::ReadOnlyFilesystem) => Self::ReadOnly,
                Some(_) | None => Self::of_text(&found.to_string()),
            };
            if known != Self::Unknown {
                return known;
            }
            cause = found.source();
        }
        Self::Unknown
    }

    /// Databases and object stores tell it by their words.
    fn of_text(text: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&["disk is full", "No space left", "Disk quota exceeded"]) {
            Self::Full
        } else if has(&["read-only transaction", "readonly database", "Read-only file system"]) {
            Self::ReadOnly
        } else {
            Self::Unknown
        }
    }

    fn told(self, place: Place) -> String {
        const KEPT: &str = "agents keep what they have and send it again";
        let subject = place.subject();
        match self {
            Self::Full => format!(
                "the disk is full: nothing can be written to {subject} until there is room; {KEPT}"
            ),
            Self::ReadOnly => {
                format!("{subject}: can be read but not written, until somebody allows it; {KEPT}")
            }
            Self::Away => format!("{subject}: cannot be reached, or refused to work; {KEPT}"),
            Self::Slow => format!("{subject}: slow, answers take many seconds; {KEPT}"),
            Self::Unknown => format!("{subject}: failing, the server's log says why; {KEPT}"),
        }
    }
}

/// What is wrong in one place.
#[derive(Clone, Copy)]
struct Trouble {
    since: Instant,
    last: Instant,
    cause: Cause,
}

/// One place.
#[derive(Default)]
struct Spot {
    found: Mutex<Option<Trouble>>,
    begun: Notify,
}

/// What is wrong in each place.
#[derive(Default)]
pub(crate) struct Troubles {
    records: Spot,
    files: Spot,
}

impl Troubles {
    fn of(&self, place: Place) -> &Spot {
        match place {
            Place::Records => &self.records,
            Place::Files => &self.files,
        }
    }

    /// Waits until something has begun to fail there.
    pub(crate) async fn begun(&self, place: Place) {
        self.of(place).begun.notified().await;
    }

    /// Something has just failed there.
    pub(crate) fn note(&self, place: Place, cause: Cause, error: Option<&dyn Error>) {
        let now = Instant::now();
        let mut found = self.of(place).found.lock();
        let before = *found;
        // Who knows less does not hide what is known.
        let cause = match before {
            Some(before) if cause == Cause::Unknown => before.cause,
            Some(_) | None => cause,
        };
        let since = before.map_or(now, |before| before.since);
        *found = Some(Trouble { since, last: now, cause });
        drop(found);
        if before.is_none_or(|before| before.cause != cause) {
            TroubleBegan { place: place.name(), told: &cause.told(place), error }.emit();
            self.of(place).begun.notify_one();
        }
    }

    /// A place that failed was used without a failure. Whether that is the end of it.
    pub(crate) fn worked(&self, place: Place) -> bool {
        let mut found = self.of(place).found.lock();
        let Some(trouble) = *found else { return true };
        if trouble.last.elapsed() < QUIET_FOR {
            return false;
        }
        *found = None;
        drop(found);
        TroubleOver { place: place.name(), lasted: trouble.since.elapsed() }.emit();
        true
    }

    /// Whether something is wrong there.
    pub(crate) fn is_in(&self, place: Place) -> bool {
        self.of(place).found.lock().is_some()
    }

    /// What people are told of a place.
    pub(crate) fn told(&self, place: Place) -> Option<String> {
        let found = *self.of(place).found.lock();
        found.map(|trouble| trouble.cause.told(place))
    }
}

#[cfg(test)]
mod tests {
    use model::store::StoreError;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_ends_when_the_place_works_some_time_after_the_last_failure() {
        let troubles = Troubles::default();
        troubles.note(Place::Records, Cause::Full, None);
        assert!(!troubles.is_in(Place::Files));
        assert!(!troubles.worked(Place::Records), "it may fail again at once");
        tokio::time::advance(QUIET_FOR / 2).await;
        troubles.note(Place::Records, Cause::Unknown, None);
        let told = troubles.told(Place::Records).unwrap();
        assert!(told.starts_with("the disk is full"), "what is known stays known: {told}");
        tokio::time::advance(QUIET_FOR / 2).await;
        assert!(!troubles.worked(Place::Records));
        tokio::time::advance(QUIET_FOR / 2).await;
        assert!(troubles.worked(Place::Records));
        assert_eq!(troubles.told(Place::Records), None);
    }

    #[test]
    fn a_cause_is_found_below_the_error() {
        let check = |error: StoreError, cause| assert_eq!(Cause::of(&error), cause, "{error:?}");
        let io = |kind: ErrorKind| std::io::Error::from(kind);
        check(StoreError::broken("x", io(ErrorKind::StorageFull)), Cause::Full);
        check(StoreError::broken("x", "database or disk is full"), Cause::Full);
        check(StoreError::broken("x", io(ErrorKind::ReadOnlyFilesystem)), Cause::ReadOnly);
        check(
            StoreError::away("x", "db error: cannot execute INSERT in a read-only transaction"),
            Cause::ReadOnly,
        );
        check(StoreError::broken("x", "disk I/O error"), Cause::Unknown);
    }
}
