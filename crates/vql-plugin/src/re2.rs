//! Regular expressions in the syntax of RE2 as Go reads it, matched on bytes in linear time.
//!
//! The pattern is read by a parser of our own (`parse`) because the regex library reads several
//! forms with another meaning (`[a&&b]`, `\<`, Unicode `\w`); matching is the library's.
//!
//! # Invariants
//!
//! - **RE-1** Compiling is bounded in time and memory whatever the pattern; matching is linear.
//! - **RE-2** On text that is valid UTF-8 a dot or a class matches whole characters; on other text
//!   every stray byte counts as one character.

mod class;
mod parse;

use std::fmt;
use std::sync::OnceLock;

use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::captures::Captures;
use rows::Text;

/// A text that is not a regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {what}: `{fragment}`")]
pub struct BadPattern {
    /// What is wrong.
    pub what: String,
    /// The part of the pattern that it is about.
    pub fragment: String,
}

/// A compiled regular expression.
pub struct Pattern {
    text: Text,
    ignore_case: bool,
    utf8: Regex,
    /// For text that is not UTF-8; compiled when such text comes along.
    bytes: OnceLock<Option<Regex>>,
}

/// How large a compiled pattern may be.
const SIZE_MAX_BYTES: usize = 8 * 1024 * 1024;

impl Pattern {
    /// Compiles. With `ignore_case` the pattern behaves as if it began with `(?i)`.
    pub fn compile(text: &[u8], ignore_case: bool) -> Result<Self, BadPattern> {
        let hir = parse::parse(text, ignore_case, false)?;
        let utf8 = build(&hir).map_err(|what| BadPattern { what, fragment: shorten(text) })?;
        Ok(Self { text: Text::from(text), ignore_case, utf8, bytes: OnceLock::new() })
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The engine that fits this text; for what the methods here do not offer.
    pub fn engine(&self, haystack: &[u8]) -> &Regex {
        if std::str::from_utf8(haystack).is_ok() {
            return &self.utf8;
        }
        let bytes = self.bytes.get_or_init(|| {
            let hir = parse::parse(&self.text, self.ignore_case, true).ok()?;
            build(&hir).ok()
        });
        bytes.as_ref().unwrap_or(&self.utf8)
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, haystack: &[u8]) -> bool {
        self.engine(haystack).is_match(haystack)
    }

    /// Where the first match is.
    pub fn find(&self, haystack: &[u8]) -> Option<std::ops::Range<usize>> {
        self.engine(haystack).find(haystack).map(|found| found.range())
    }

    /// Where all matches are, left to right, not overlapping.
    pub fn find_all<'h>(
        &'h self,
        haystack: &'h [u8],
    ) -> impl Iterator<Item = std::ops::Range<usize>> + 'h {
        self.engine(haystack).find_iter(haystack).map(|found| found.range())
    }

    /// The groups of the first match; group 0 is the match itself.
    pub fn captures(&self, haystack: &[u8]) -> Option<Captures> {
        let engine = self.engine(haystack);
        let mut captures = engine.create_captures();
        engine.captures(haystack, &mut captures);
        captures.is_match().then_some(captures)
    }

    /// The groups of all matches, left to right.
    pub fn captures_all<'h>(&'h self, haystack: &'h [u8]) -> impl Iterator<Item = Captures> + 'h {
        self.engine(haystack).captures_iter(haystack)
    }

    /// The names of the groups, by index; group 0 and groups in plain parentheses have none.
    pub fn group_names(&self) -> Vec<Option<String>> {
        let info = self.utf8.group_info();
        info.pattern_names(regex_automata::PatternID::ZERO)
            .map(|name| name.map(str::to_owned))
            .collect()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

fn build(hir: &regex_syntax::hir::Hir) -> Result<Regex, String> {
    let config = Regex::config()
        .utf8_empty(false)
        .nfa_size_limit(Some(SIZE_MAX_BYTES))
        .onepass_size_limit(Some(1024 * 1024))
        .hybrid_cache_capacity(2 * 1024 * 1024);
    Regex::builder().configure(config).build_from_hir(hir).map_err(|error| too_big(&error))
}

fn too_big(error: &BuildError) -> String {
    if error.size_limit().is_some() {
        "expression too large".to_owned()
    } else {
        format!("cannot be compiled ({error})")
    }
}

fn shorten(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(100).collect()
}

#[cfg(test)]
mod tests;
