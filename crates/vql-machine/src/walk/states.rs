//! How far patterns have come in a directory, and which names they want there.

use std::collections::{BTreeSet, HashSet};

use parsers::glob::{Case, Component};
use rows::Text;
use vql_plugin::FileKind;

/// One pattern without choices.
pub(crate) struct Pattern {
    /// As the query wrote it.
    pub(crate) source: Text,
    /// What each component asks.
    pub(crate) components: Vec<Component>,
}

/// How far a pattern has come: which one, its next component, and how many directories the
/// recursive component there may still go down.
pub(super) type State = (usize, usize, usize);

/// All patterns of a walk.
pub(super) struct Patterns {
    pub(super) list: Vec<Pattern>,
    pub(super) follow_links: bool,
}

impl Patterns {
    /// The states in which a walk begins.
    pub(super) fn first(&self) -> BTreeSet<State> {
        (0..self.list.len()).flat_map(|pattern| self.entered(pattern, 0)).collect()
    }

    pub(super) fn component(&self, (pattern, at, _): State) -> Option<&Component> {
        self.list[pattern].components.get(at)
    }

    /// The states of a pattern that has come to a component: a recursive one may also stand for
    /// no directory at all, unless it is the last, which stands for what is below.
    fn entered(&self, pattern: usize, mut at: usize) -> Vec<State> {
        let components = &self.list[pattern].components;
        let mut states = Vec::new();
        while let Some(Component::Recursive { depth }) = components.get(at) {
            states.push((pattern, at, *depth));
            at += 1;
            if at == components.len() {
                return states;
            }
        }
        states.push((pattern, at, 0));
        states
    }

    /// Whether a pattern may be at its end when it has come to a component.
    fn ends(&self, pattern: usize, at: usize) -> bool {
        self.list[pattern].components.len() == at
    }

    /// Whether a state lets this name pass. `exact` says which literal components have been found
    /// under their own spelling, for which another spelling does not count.
    fn passes(&self, state: State, name: &str, exact: &HashSet<Text>) -> bool {
        match self.component(state) {
            None => false,
            Some(Component::Recursive { .. }) => state.2 > 0,
            Some(component @ Component::Literal(text)) => {
                let known = exact.contains(text.as_bytes());
                component.matches(name, if known { Case::Matters } else { Case::Ignored })
            }
            Some(component @ Component::Shape(_)) => component.matches(name, Case::Ignored),
        }
    }

    /// The states below an entry with this name.
    pub(super) fn advance(
        &self,
        states: &BTreeSet<State>,
        name: &str,
        exact: &HashSet<Text>,
    ) -> BTreeSet<State> {
        let mut next = BTreeSet::new();
        for &state in states.iter().filter(|state| self.passes(**state, name, exact)) {
            let (pattern, at, depth) = state;
            if matches!(self.component(state), Some(Component::Recursive { .. })) {
                next.insert((pattern, at, depth - 1));
            }
            next.extend(self.entered(pattern, at + 1));
        }
        next
    }

    /// Whether an entry is of any use: its name fits, and what is no directory is where a pattern
    /// ends.
    pub(super) fn wants(
        &self,
        states: &BTreeSet<State>,
        name: &str,
        kind: Option<FileKind>,
        exact: &HashSet<Text>,
    ) -> bool {
        let goes_deeper = match kind {
            None | Some(FileKind::Dir) => true,
            Some(FileKind::Symlink) => self.follow_links,
            Some(_) => false,
        };
        states.iter().any(|&state| {
            (goes_deeper || self.ends(state.0, state.1 + 1)) && self.passes(state, name, exact)
        })
    }

    /// Whether anything is still wanted below a place with these states.
    pub(super) fn goes_on(&self, states: &BTreeSet<State>) -> bool {
        states.iter().any(|&state| match self.component(state) {
            Some(Component::Recursive { .. }) => state.2 > 0,
            Some(_) => true,
            None => false,
        })
    }

    /// Whether a state belongs to `**`: it is one, or follows on one.
    pub(super) fn is_recursive(&self, (pattern, at, _): State) -> bool {
        let components = &self.list[pattern].components;
        let here = components.get(at);
        let before = at.checked_sub(1).and_then(|before| components.get(before));
        [here, before].iter().any(|one| matches!(one, Some(Component::Recursive { .. })))
    }

    /// The patterns that are at their end.
    pub(super) fn at_their_end(&self, states: &BTreeSet<State>) -> Vec<Text> {
        let mut sources: Vec<Text> = Vec::new();
        for &(pattern, at, _) in states {
            let pattern = &self.list[pattern];
            if at == pattern.components.len() && !sources.contains(&pattern.source) {
                sources.push(pattern.source.clone());
            }
        }
        sources
    }
}
