//! The walk: all patterns at once, so that no directory is listed twice.
//!
//! # Invariants
//!
//! - **GW-1** Every file is yielded at most once per path, however many patterns fit it.
//! - **GW-2** The walk ends: depth is bounded by the patterns, and `**` enters a directory behind a
//!   link only if it has not been visited. Components with a name follow links always.
//! - **GW-3** What cannot be listed is reported and passed over.

mod look;
mod states;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rows::{OsPath, Text, Value};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, FileKind, Level, Scope};

use look::{AHEAD_MAX, Ahead, Looker, Seen};
use states::{Patterns, State};

pub(crate) use states::Pattern;

/// A file that fits.
pub(super) struct Hit {
    /// The file.
    pub(super) info: FileInfo,
    /// The patterns it fits.
    pub(super) sources: Vec<Text>,
}

/// How to walk.
pub(super) struct WalkOptions {
    pub(super) follow_links: bool,
    pub(super) one_filesystem: bool,
    pub(super) recurse: Option<Recurse>,
}

/// Whether to go into a directory.
pub(super) type Recurse = Box<dyn Fn(&FileInfo) -> bool + Send>;

/// A directory that is still to be listed.
struct Todo {
    path: OsPath,
    states: BTreeSet<State>,
    device: u64,
    /// What somebody sees who looks ahead.
    ahead: Option<Receiver<Seen>>,
}

/// A directory that is being listed.
struct Listing {
    entries: DirStream,
    exact: HashSet<Text>,
    states: BTreeSet<State>,
    device: u64,
    below: Vec<Todo>,
}

/// Where a directory really is.
type Place = (u64, i64);

/// A walk over all files that fit the patterns.
pub(crate) struct Walk {
    looker: Looker,
    options: WalkOptions,
    ahead: Option<Ahead>,
    todo: Vec<Todo>,
    listing: Option<Listing>,
    ready: VecDeque<Hit>,
    visited: HashSet<Place>,
    reports: usize,
}

/// More lines than this about one walk say nothing new.
const REPORTS_MAX: usize = 100;

/// How many links in a row are followed.
const LINKS_MAX: usize = 40;

/// More threads than this gain nothing, because they wait for the same disk.
const THREADS_MAX: usize = 4;

impl Walk {
    pub(crate) fn new(
        accessor: Arc<dyn Accessor>,
        scope: Scope,
        root: OsPath,
        patterns: Vec<Pattern>,
        options: WalkOptions,
    ) -> Self {
        let patterns = Patterns { list: patterns, follow_links: options.follow_links };
        let states = patterns.first();
        let mut walk = Self {
            looker: Looker { accessor, scope, patterns: Arc::new(patterns) },
            options,
            ahead: None,
            todo: Vec::new(),
            listing: None,
            ready: VecDeque::new(),
            visited: HashSet::new(),
            reports: 0,
        };
        walk.start(root, states);
        walk
    }

    fn start(&mut self, root: OsPath, states: BTreeSet<State>) {
        let info = self.looker.accessor.stat(&root, &self.looker.scope);
        let device = info.as_ref().map_or(0, |info| info.device);
        match info {
            Ok(info) => {
                self.visited.extend(place(&info));
                self.collect(&info, &states);
            }
            Err(error) => self.report(&error.to_string()),
        }
        if self.looker.patterns.goes_on(&states) {
            self.todo.push(Todo { path: root, states, device, ahead: None });
        }
    }

    /// Notes a hit when a pattern is at its end.
    fn collect(&mut self, info: &FileInfo, states: &BTreeSet<State>) {
        let sources = self.looker.patterns.at_their_end(states);
        if !sources.is_empty() {
            self.ready.push_back(Hit { info: info.clone(), sources });
        }
    }

    fn report(&mut self, text: &str) {
        self.reports += 1;
        match self.reports.cmp(&REPORTS_MAX) {
            std::cmp::Ordering::Less => report(&self.looker.scope, text),
            std::cmp::Ordering::Equal => {
                report(&self.looker.scope, "more could not be read; no further lines")
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Begins with a directory.
    fn begin(&mut self, todo: Todo) {
        // Whoever looked ahead may have failed; then nobody did.
        let ahead = todo.ahead.and_then(|ahead| ahead.recv().ok());
        let seen = ahead.unwrap_or_else(|| self.looker.look(&todo.path, &todo.states));
        match seen.entries {
            Ok(entries) => {
                self.listing = Some(Listing {
                    entries,
                    exact: seen.exact,
                    states: todo.states,
                    device: todo.device,
                    below: Vec::new(),
                });
            }
            Err(AccessError::NotFound { .. }) => {}
            Err(error) => self.report(&error.to_string()),
        }
    }

    /// These are the next directories, the first of them first.
    fn plan(&mut self, below: Vec<Todo>) {
        self.todo.extend(below.into_iter().rev());
        let is_large = self.todo.len() > 1;
        if self.ahead.is_none() && is_large {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            if cores > 1 {
                self.ahead = Ahead::start(&self.looker, (cores - 1).min(THREADS_MAX));
            }
        }
        let Some(ahead) = &self.ahead else { return };
        // The last is walked at once by the walk itself.
        for todo in self.todo.iter_mut().rev().skip(1).take(AHEAD_MAX) {
            if todo.ahead.is_none() && !self.looker.only_literals(&todo.states) {
                todo.ahead = ahead.ask(&todo.path, &todo.states);
            }
        }
    }

    /// Looks at one entry: notes a hit, and says whether to go into it.
    fn visit(
        &mut self,
        info: FileInfo,
        states: &BTreeSet<State>,
        device: u64,
        exact: &HashSet<Text>,
    ) -> Option<Todo> {
        let name = info.path.basename();
        let next = self.looker.patterns.advance(states, &name.to_str_lossy(), exact);
        if next.is_empty() {
            return None;
        }
        self.collect(&info, &next);
        if !self.looker.patterns.goes_on(&next) {
            return None;
        }
        let mut next = next;
        let directory = match info.kind {
            FileKind::Dir => {
                self.visited.extend(place(&info));
                info.clone()
            }
            FileKind::Symlink if self.options.follow_links => {
                let directory = self.behind_link(&info)?;
                let is_recursive = |state: &State| self.looker.patterns.is_recursive(*state);
                let recursive: Vec<State> = next.iter().copied().filter(is_recursive).collect();
                if !recursive.is_empty() && !self.is_new(&directory) {
                    next.retain(|state| !recursive.contains(state));
                }
                directory
            }
            _ => return None,
        };
        if self.options.one_filesystem && directory.device != device {
            return None;
        }
        if self.options.recurse.as_ref().is_some_and(|wanted| !wanted(&info)) {
            return None;
        }
        let goes_on = self.looker.patterns.goes_on(&next);
        goes_on.then_some(Todo { path: info.path, states: next, device, ahead: None })
    }

    /// Whether a directory has not been visited; it has been from now on.
    fn is_new(&mut self, directory: &FileInfo) -> bool {
        place(directory).is_none_or(|place| self.visited.insert(place))
    }

    /// The directory behind a link.
    fn behind_link(&self, link: &FileInfo) -> Option<FileInfo> {
        let mut at = link.clone();
        for _ in 0..LINKS_MAX {
            match at.kind {
                FileKind::Dir => return Some(at),
                FileKind::Symlink => {}
                _ => return None,
            }
            let target = at.link.clone()?;
            let path = if target.starts_with(b"/") {
                self.looker.accessor.parse(&target).ok()?
            } else {
                at.path.dirname().join_text(&target)
            };
            at = self.looker.accessor.stat(&path, &self.looker.scope).ok()?;
        }
        None
    }

    /// The next entry of the directory that is being listed; `None` when it is done.
    fn step(&mut self) -> Option<()> {
        let mut listing = self.listing.take()?;
        match listing.entries.next() {
            Some(Ok(info)) => {
                let below = self.visit(info, &listing.states, listing.device, &listing.exact);
                listing.below.extend(below);
                self.listing = Some(listing);
            }
            Some(Err(error)) => {
                self.report(&error.to_string());
                self.listing = Some(listing);
            }
            // The first directory of the listing is the next to be walked.
            None => self.plan(listing.below),
        }
        Some(())
    }
}

fn place(info: &FileInfo) -> Option<Place> {
    match info.data.get("Inode") {
        Some(Value::Int(inode)) => Some((info.device, *inode)),
        _ => None,
    }
}

impl Iterator for Walk {
    type Item = Hit;

    fn next(&mut self) -> Option<Hit> {
        loop {
            if let Some(hit) = self.ready.pop_front() {
                return Some(hit);
            }
            if self.looker.scope.stopped() {
                return None;
            }
            if self.step().is_none() {
                let todo = self.todo.pop()?;
                self.begin(todo);
            }
        }
    }
}

/// Something could not be listed or looked at.
pub(crate) fn report(scope: &Scope, text: &str) {
    scope.log(Level::Warn, &format!("glob: {text}"));
}
