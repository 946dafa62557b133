//! Looking into a directory: by several threads, ahead of the walk that decides what comes next.
//!
//! # Invariants
//!
//! - **WL-1** Looking decides nothing: a walk is the same with and without anybody looking ahead.
//! - **WL-2** What was looked at ahead is bounded: [`AHEAD_MAX`] directories of each depth, and
//!   [`ENTRIES_AHEAD_MAX`] entries of each.

use std::collections::{BTreeSet, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use parsers::glob::Component;
use rows::{OsPath, Text};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, Scope, Wanted};

use super::states::{Patterns, State};

/// How many of the directories that come next are looked into ahead.
pub(super) const AHEAD_MAX: usize = 8;

/// How many entries of a directory are read ahead; the others when their turn comes.
const ENTRIES_AHEAD_MAX: usize = 4096;

/// What is in a directory.
pub(super) struct Seen {
    /// Literal names that exist under their own spelling.
    pub(super) exact: HashSet<Text>,
    pub(super) entries: Result<DirStream, AccessError>,
}

/// Who can look.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) accessor: Arc<dyn Accessor>,
    pub(super) scope: Scope,
    pub(super) patterns: Arc<Patterns>,
}

impl Looker {
    /// Looks into a directory. Where only literal names are wanted they are looked up without
    /// listing it, which also works where listing is not allowed.
    pub(super) fn look(&self, path: &OsPath, states: &BTreeSet<State>) -> Seen {
        let mut literals: BTreeSet<Text> = BTreeSet::new();
        for state in states {
            if let Some(Component::Literal(text)) = self.patterns.component(*state) {
                literals.insert(Text::from(text.as_str()));
            }
        }
        let mut exact: HashSet<Text> = HashSet::new();
        let mut found = Vec::new();
        for name in &literals {
            if let Ok(info) = self.accessor.stat(&path.join([name.clone()]), &self.scope) {
                exact.insert(name.clone());
                found.push(Ok(info));
            }
        }
        if self.only_literals(states) && exact.len() == literals.len() {
            return Seen { exact, entries: Ok(Box::new(found.into_iter())) };
        }
        let wanted = self.wanted(states.clone(), exact.clone());
        Seen { exact, entries: self.accessor.list_some(path, &self.scope, wanted) }
    }

    /// Whether a directory need not be listed.
    pub(super) fn only_literals(&self, states: &BTreeSet<State>) -> bool {
        let mut wanted = states.iter().filter_map(|state| self.patterns.component(*state));
        wanted.all(|component| matches!(component, Component::Literal(_)))
    }

    fn wanted(&self, states: BTreeSet<State>, exact: HashSet<Text>) -> Wanted {
        let patterns = self.patterns.clone();
        Arc::new(move |name, kind| {
            patterns.wants(&states, &String::from_utf8_lossy(name), kind, &exact)
        })
    }
}

struct Job {
    path: OsPath,
    states: BTreeSet<State>,
    answer: Sender<Seen>,
}

/// Threads that look ahead. They end when this is dropped.
pub(super) struct Ahead(Sender<Job>);

impl Ahead {
    /// Starts as many threads as can be had; `None` when there are none.
    pub(super) fn start(looker: &Looker, threads: usize) -> Option<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let started = (0..threads).filter(|_| {
            let (queue, looker) = (queue.clone(), looker.clone());
            let run = move || {
                while let Some(job) = next(&queue) {
                    let seen = read_ahead(looker.look(&job.path, &job.states));
                    // The walk may be over.
                    let _ = job.answer.send(seen);
                }
            };
            std::thread::Builder::new().name("vql walk".into()).spawn(run).is_ok()
        });
        (started.count() > 0).then_some(Self(jobs))
    }

    /// Has a directory looked into.
    pub(super) fn ask(&self, path: &OsPath, states: &BTreeSet<State>) -> Option<Receiver<Seen>> {
        let (answer, seen) = channel();
        let job = Job { path: path.clone(), states: states.clone(), answer };
        self.0.send(job).ok().map(|()| seen)
    }
}

fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue.lock().ok()?.recv().ok()
}

/// Reads the first entries, which is what takes the time.
fn read_ahead(seen: Seen) -> Seen {
    let entries = seen.entries.map(|mut rest| {
        let read: Vec<Result<FileInfo, AccessError>> =
            rest.by_ref().take(ENTRIES_AHEAD_MAX).collect();
        let entries: DirStream = Box::new(read.into_iter().chain(rest));
        entries
    });
    Seen { entries, ..seen }
}
