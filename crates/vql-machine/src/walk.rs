//! The walk: all patterns at once, so that no directory is listed twice.
//!
//! # Invariants
//!
//! - **GW-1** Every file is yielded at most once per path, however many patterns fit it.
//! - **GW-2** The walk ends: depth is bounded by the patterns, and `**` enters a directory behind a
//!   link only if it has not been visited. Components with a name follow links always.
//! - **GW-3** What cannot be listed is reported and passed over.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use parsers::glob::{Case, Component};
use rows::{OsPath, Text, Value};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, FileKind, Level, Scope};

/// One pattern without choices.
pub(super) struct Pattern {
    /// As the query wrote it.
    pub(super) source: Text,
    /// What each component asks.
    pub(super) components: Vec<Component>,
}

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

/// How far a pattern has come: which one, its next component, and how many directories the
/// recursive component there may still go down.
type State = (usize, usize, usize);

/// A directory that is still to be listed.
struct Todo {
    path: OsPath,
    states: BTreeSet<State>,
    device: u64,
}

/// A directory that is being listed.
struct Listing {
    entries: DirStream,
    states: BTreeSet<State>,
    device: u64,
    below: Vec<Todo>,
}

/// Where a directory really is.
type Place = (u64, i64);

/// A walk over all files that fit the patterns.
pub(super) struct Walk {
    accessor: Arc<dyn Accessor>,
    scope: Scope,
    patterns: Vec<Pattern>,
    options: WalkOptions,
    todo: Vec<Todo>,
    listing: Option<Listing>,
    ready: Vec<Hit>,
    visited: HashSet<Place>,
    /// Literal names of the directory being listed that exist under their own spelling.
    exact_names: HashSet<Text>,
    reports: usize,
}

/// More lines than this about one walk say nothing new.
const REPORTS_MAX: usize = 100;

/// How many links in a row are followed.
const LINKS_MAX: usize = 40;

impl Walk {
    pub(super) fn new(
        accessor: Arc<dyn Accessor>,
        scope: Scope,
        root: OsPath,
        patterns: Vec<Pattern>,
        options: WalkOptions,
    ) -> Self {
        let mut walk = Self {
            accessor,
            scope,
            patterns,
            options,
            todo: Vec::new(),
            listing: None,
            ready: Vec::new(),
            visited: HashSet::new(),
            exact_names: HashSet::new(),
            reports: 0,
        };
        let states =
            (0..walk.patterns.len()).flat_map(|pattern| walk.entered(pattern, 0)).collect();
        walk.start(root, &states);
        walk
    }

    fn start(&mut self, root: OsPath, states: &BTreeSet<State>) {
        let info = self.accessor.stat(&root, &self.scope);
        let device = info.as_ref().map_or(0, |info| info.device);
        match info {
            Ok(info) => {
                self.visited.extend(place(&info));
                self.collect(&info, states);
            }
            Err(error) => self.report(&error.to_string()),
        }
        self.plan(Todo { path: root, states: states.clone(), device });
    }

    /// The states of a pattern that has come to a component: a recursive one may also stand for
    /// no directory at all, unless it is the last, which stands for what is below.
    fn entered(&self, pattern: usize, mut at: usize) -> Vec<State> {
        let components = &self.patterns[pattern].components;
        let mut states = Vec::new();
        loop {
            match components.get(at) {
                Some(Component::Recursive { depth }) => {
                    states.push((pattern, at, *depth));
                    at += 1;
                    if at == components.len() {
                        return states;
                    }
                }
                _ => {
                    states.push((pattern, at, 0));
                    return states;
                }
            }
        }
    }

    /// The states below an entry with this name. `exact` says which literal components have
    /// been found under their own spelling, for which another spelling does not count.
    fn advance(
        &self,
        states: &BTreeSet<State>,
        name: &str,
        exact: &HashSet<Text>,
    ) -> BTreeSet<State> {
        let mut next = BTreeSet::new();
        for &(pattern, at, depth) in states {
            let Some(component) = self.patterns[pattern].components.get(at) else { continue };
            match component {
                Component::Recursive { .. } => {
                    if depth > 0 {
                        next.insert((pattern, at, depth - 1));
                        next.extend(self.entered(pattern, at + 1));
                    }
                }
                Component::Literal(text) => {
                    let known = exact.contains(text.as_bytes());
                    let case = if known { Case::Matters } else { Case::Ignored };
                    if component.matches(name, case) {
                        next.extend(self.entered(pattern, at + 1));
                    }
                }
                Component::Shape(_) => {
                    if component.matches(name, Case::Ignored) {
                        next.extend(self.entered(pattern, at + 1));
                    }
                }
            }
        }
        next
    }

    /// Whether anything is still wanted below a place with these states.
    fn goes_on(&self, states: &BTreeSet<State>) -> bool {
        states.iter().any(|&(pattern, at, depth)| match self.patterns[pattern].components.get(at) {
            Some(Component::Recursive { .. }) => depth > 0,
            Some(_) => true,
            None => false,
        })
    }

    /// Notes a hit when a pattern is at its end.
    fn collect(&mut self, info: &FileInfo, states: &BTreeSet<State>) {
        let mut sources: Vec<Text> = Vec::new();
        for &(pattern, at, _) in states {
            let pattern = &self.patterns[pattern];
            if at == pattern.components.len() && !sources.contains(&pattern.source) {
                sources.push(pattern.source.clone());
            }
        }
        if !sources.is_empty() {
            self.ready.push(Hit { info: info.clone(), sources });
        }
    }

    fn plan(&mut self, todo: Todo) {
        if self.goes_on(&todo.states) {
            self.todo.push(todo);
        }
    }

    fn report(&mut self, text: &str) {
        self.reports += 1;
        match self.reports.cmp(&REPORTS_MAX) {
            std::cmp::Ordering::Less => report(&self.scope, text),
            std::cmp::Ordering::Equal => {
                report(&self.scope, "more could not be read; no further lines")
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Begins with a directory. Where only literal names are wanted they are looked up without
    /// listing it, which also works where listing is not allowed.
    fn begin(&mut self, todo: Todo) {
        let mut literals: BTreeSet<Text> = BTreeSet::new();
        let mut only_literals = true;
        for &(pattern, at, _) in &todo.states {
            match self.patterns[pattern].components.get(at) {
                Some(Component::Literal(text)) => {
                    literals.insert(Text::from(text.as_str()));
                }
                Some(_) => only_literals = false,
                None => {}
            }
        }
        let mut exact: HashSet<Text> = HashSet::new();
        let mut found = Vec::new();
        for name in &literals {
            if let Ok(info) = self.accessor.stat(&todo.path.join([name.clone()]), &self.scope) {
                exact.insert(name.clone());
                found.push(info);
            }
        }
        if only_literals && exact.len() == literals.len() {
            let mut below = Vec::new();
            for info in found {
                below.extend(self.visit(info, &todo.states, todo.device, &exact));
            }
            self.todo.extend(below.into_iter().rev());
            return;
        }
        match self.accessor.list(&todo.path, &self.scope) {
            Ok(entries) => {
                self.exact_names = exact;
                let (states, device) = (todo.states, todo.device);
                self.listing = Some(Listing { entries, states, device, below: Vec::new() });
            }
            Err(AccessError::NotFound { .. }) => {}
            Err(error) => self.report(&error.to_string()),
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
        let next = self.advance(states, &name.to_str_lossy(), exact);
        if next.is_empty() {
            return None;
        }
        self.collect(&info, &next);
        if !self.goes_on(&next) {
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
                let recursive: Vec<State> =
                    next.iter().copied().filter(|state| self.is_recursive(*state)).collect();
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
        self.goes_on(&next).then_some(Todo { path: info.path, states: next, device })
    }

    /// Whether a state belongs to `**`: it is one, or follows on one.
    fn is_recursive(&self, (pattern, at, _): State) -> bool {
        let components = &self.patterns[pattern].components;
        let here = components.get(at);
        let before = at.checked_sub(1).and_then(|before| components.get(before));
        [here, before].iter().any(|one| matches!(one, Some(Component::Recursive { .. })))
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
                self.accessor.parse(&target).ok()?
            } else {
                at.path.dirname().join_text(&target)
            };
            at = self.accessor.stat(&path, &self.scope).ok()?;
        }
        None
    }

    /// The next entry of the directory that is being listed; `None` when it is done.
    fn step(&mut self) -> Option<()> {
        let mut listing = self.listing.take()?;
        match listing.entries.next() {
            Some(Ok(info)) => {
                let exact = std::mem::take(&mut self.exact_names);
                let below = self.visit(info, &listing.states, listing.device, &exact);
                self.exact_names = exact;
                listing.below.extend(below);
                self.listing = Some(listing);
            }
            Some(Err(error)) => {
                self.report(&error.to_string());
                self.listing = Some(listing);
            }
            // The first directory of the listing is the next to be walked.
            None => self.todo.extend(listing.below.into_iter().rev()),
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
            if !self.ready.is_empty() {
                return Some(self.ready.remove(0));
            }
            if self.scope.stopped() {
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
