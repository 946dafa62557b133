//! What is wrong with the server right now, as people are told.
//!
//! Whoever can see a problem registers how to look for it; nobody keeps a list of old problems. Of each
//! look it is remembered since when it finds something, so somebody must look now and then. What can
//! be seen only while something is tried is in `trouble`: it lasts until `recovery` has seen that it is
//! over.

pub(crate) mod files;
pub(crate) mod recovery;
pub(crate) mod trouble;

use base::Timestamp;
use parking_lot::{Mutex, RwLock};

/// Looks for one kind of problem; `Some` is a whole sentence.
pub type Look = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// A problem that there is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong: a whole sentence.
    pub what: String,
    /// Since when, as far as somebody looked.
    pub since: Timestamp,
    /// What works all the same; empty when nobody knows.
    pub works: &'static str,
}

struct Watched {
    look: Look,
    works: &'static str,
    since: Mutex<Option<Timestamp>>,
}

/// All ways to look for problems.
#[derive(Default)]
pub struct Health {
    watched: RwLock<Vec<Watched>>,
}

impl Health {
    /// Nobody looks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for this from now on.
    pub fn watch(&self, look: Look) {
        self.watch_beside("", look);
    }

    /// Looks for this from now on; `works` says what works all the same while it is so.
    pub fn watch_beside(&self, works: &'static str, look: Look) {
        self.watched.write().push(Watched { look, works, since: Mutex::new(None) });
    }

    /// What is wrong now, and since when.
    pub fn troubles(&self, now: Timestamp) -> Vec<Trouble> {
        let found = |one: &Watched| {
            let what = (one.look)();
            let mut since = one.since.lock();
            *since = what.as_ref().map(|_| since.unwrap_or(now));
            Some(Trouble { what: what?, since: (*since)?, works: one.works })
        };
        self.watched.read().iter().filter_map(found).collect()
    }

    /// What is wrong now.
    pub fn problems(&self) -> Vec<String> {
        self.watched.read().iter().filter_map(|one| (one.look)()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_problem_has_its_beginning_until_it_is_gone() {
        let health = Health::new();
        let full = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&full);
        let look = move || seen.load(Ordering::Relaxed).then(|| "the disk is full".to_owned());
        health.watch_beside("reading goes on", Box::new(look));
        let at = |secs| health.troubles(Timestamp::from_secs(secs));
        let trouble = |secs| Trouble {
            what: "the disk is full".into(),
            since: Timestamp::from_secs(secs),
            works: "reading goes on",
        };
        assert_eq!(at(10), [trouble(10)]);
        assert_eq!(at(20), [trouble(10)]);
        full.store(false, Ordering::Relaxed);
        assert_eq!(at(30), []);
        full.store(true, Ordering::Relaxed);
        assert_eq!(at(40), [trouble(40)]);
    }
}
