//! The plugin `parse_records_with_regex`: finds records in files by regular expressions: one row per match, a column per group.

use std::io::Read;
use std::sync::Arc;

use rows::{OsPath, Row};
use vql_plugin::{
    Entry, Failure, Pattern, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args,
};

use crate::reading;
use crate::regexes::{groups, names};

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseRecordsWithRegex)
}

plugin_args! {
    /// Finds records in files by regular expressions: one row per match, a column per group.
    ///
    /// A match may be as long as half of the buffer; longer ones may be missed.
    pub struct ParseRecordsWithRegexArgs for "parse_records_with_regex" {
        /// The files.
        file: Vec<Arc<OsPath>>,
        /// Regular expressions with named groups, `(?P<Name>...)`.
        regex: Vec<Arc<Pattern>>,
        /// What the files are read through.
        accessor: String = "",
        /// How many bytes of a file are looked at together.
        buffer_size: i64 = 65_536,
    }
}

struct ParseRecordsWithRegex;

/// Less is not looked at together: with every window the end of the last one is looked at again.
const WINDOW_BYTES_MIN: usize = 1 << 20;

/// A smaller buffer misses too much, a larger one holds too much.
const BUFFER_BYTES: std::ops::RangeInclusive<i64> = 1_024..=64 << 20;

impl Plugin for ParseRecordsWithRegex {
    type Args = ParseRecordsWithRegexArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseRecordsWithRegexArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let size = args.buffer_size.clamp(*BUFFER_BYTES.start(), *BUFFER_BYTES.end());
        let size = usize::try_from(size).unwrap_or(65_536);
        let scope = scope.clone();
        let mut files = args.file.into_iter();
        let patterns: Arc<[(Arc<Pattern>, Vec<String>)]> =
            args.regex.into_iter().map(|pattern| (pattern.clone(), names(&pattern))).collect();
        let mut current: Option<Records> = None;
        let log = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if log.stopped() {
                    return None;
                }
                if let Some(records) = &mut current {
                    match records.next() {
                        Some(Ok(row)) => return Some(row),
                        Some(Err(failure)) => report(&log, &failure),
                        None => {}
                    }
                    current = None;
                }
                let path = files.next()?;
                match reading::open(&scope, &args.accessor, &path) {
                    Ok(file) => current = Some(Records::of(file, &path, size, patterns.clone())),
                    Err(failure) => report(&log, &failure),
                }
            }
        })))
    }
}

fn report(scope: &Scope, failure: &Failure) {
    scope.log(vql_plugin::Level::Default, &format!("parse_records_with_regex: {failure}"));
}

/// The matches in one file, window by window.
struct Records {
    file: Box<dyn ReadSeek>,
    path: String,
    window: Vec<u8>,
    size: usize,
    at_end: bool,
    patterns: Arc<[(Arc<Pattern>, Vec<String>)]>,
    found: std::vec::IntoIter<Row>,
}

impl Records {
    fn of(
        file: Box<dyn ReadSeek>,
        path: &OsPath,
        size: usize,
        patterns: Arc<[(Arc<Pattern>, Vec<String>)]>,
    ) -> Self {
        Self {
            file,
            path: path.to_string(),
            window: Vec::new(),
            size,
            at_end: false,
            patterns,
            found: Vec::new().into_iter(),
        }
    }

    fn fill(&mut self) -> Result<(), Failure> {
        let size = self.size.max(WINDOW_BYTES_MIN);
        let mut filled = self.window.len();
        self.window.resize(size, 0);
        let ended = loop {
            match self.file.read(&mut self.window[filled..]) {
                Ok(0) if filled < size => {
                    self.at_end = true;
                    break Ok(());
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    break Err(Failure::new(format!("cannot read `{}`: {error}", self.path)));
                }
            }
            if filled == size {
                break Ok(());
            }
        };
        self.window.truncate(filled);
        ended
    }

    /// Matches of this window in order. One that touches the end of the window may go on behind
    /// it and waits for the next window, unless it is as long as the window.
    fn search(&mut self) {
        let mut matches: Vec<(usize, usize, Row)> = Vec::new();
        for (pattern, names) in self.patterns.iter() {
            for captures in pattern.captures_all(&self.window) {
                let Some(whole) = captures.get_match() else { continue };
                let touches_end = whole.end() == self.window.len() && !self.at_end;
                if whole.is_empty() || (touches_end && whole.start() > 0) {
                    continue;
                }
                let span = |index| captures.get_group(index).map(|span| span.range());
                let row = groups(names, &self.window, span);
                matches.push((whole.start(), whole.end(), row));
            }
        }
        matches.sort_by_key(|(start, ..)| *start);
        let used = matches.iter().map(|(_, end, _)| *end).max().unwrap_or(0);
        let keep = used.max(self.window.len().saturating_sub(self.size / 2));
        self.window.drain(..keep.min(self.window.len()));
        self.found = matches.into_iter().map(|(.., row)| row).collect::<Vec<_>>().into_iter();
    }
}

impl Iterator for Records {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.found.next() {
                return Some(Ok(row));
            }
            if self.at_end {
                return None;
            }
            if let Err(failure) = self.fill() {
                self.at_end = true;
                return Some(Err(failure));
            }
            self.search();
        }
    }
}
