//! Literals that tests look for in one field, found in one pass.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use rows::Text;

use crate::predicate::Anchor;
use crate::text::TextPattern;

#[derive(Default)]
pub(crate) struct Literals {
    /// Texts that are looked for as a whole.
    whole: HashMap<Text, Vec<usize>>,
    /// Tests by the pattern of the automaton.
    parts: Vec<(usize, Anchor)>,
    automaton: Option<AhoCorasick>,
    wanted: Vec<Text>,
    /// All tests that are found here.
    pub(crate) tests: Vec<usize>,
}

impl Literals {
    /// Takes a test over, if it is about a literal.
    pub(crate) fn take(&mut self, pattern: &TextPattern, test: usize) -> bool {
        let (text, anchor) = match pattern {
            TextPattern::Equals(text) => {
                self.whole.entry(text.clone()).or_default().push(test);
                self.tests.push(test);
                return true;
            }
            TextPattern::StartsWith(text) => (text, Anchor::Start),
            TextPattern::EndsWith(text) => (text, Anchor::End),
            TextPattern::Contains(text) => (text, Anchor::Anywhere),
            TextPattern::Like(_) => return false,
        };
        if text.is_empty() {
            return false;
        }
        self.wanted.push(text.clone());
        self.parts.push((test, anchor));
        self.tests.push(test);
        true
    }

    /// Makes the automaton; nothing may be taken afterwards.
    pub(crate) fn build(&mut self) {
        if self.wanted.is_empty() {
            return;
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(self.wanted.iter().map(|text| text.as_bytes()));
        // Too many literals for one automaton: they are looked for one by one.
        self.automaton = built.ok();
    }

    /// Hands over the tests that a text satisfies.
    pub(crate) fn find(&self, text: &[u8], see: &mut dyn FnMut(usize)) {
        for test in self.whole.get(text).into_iter().flatten() {
            see(*test);
        }
        let mut note = |part: usize, start: usize, end: usize| {
            let (test, anchor) = self.parts[part];
            let holds = match anchor {
                Anchor::Whole => start == 0 && end == text.len(),
                Anchor::Start => start == 0,
                Anchor::End => end == text.len(),
                Anchor::Anywhere => true,
            };
            if holds {
                see(test);
            }
        };
        match &self.automaton {
            Some(automaton) => {
                for found in automaton.find_overlapping_iter(text) {
                    note(found.pattern().as_usize(), found.start(), found.end());
                }
            }
            None => {
                for (part, wanted) in self.wanted.iter().enumerate() {
                    let places = text.windows(wanted.len().max(1)).enumerate();
                    for (start, _) in places.filter(|(_, window)| *window == wanted.as_bytes()) {
                        note(part, start, start + wanted.len());
                    }
                }
            }
        }
    }
}
