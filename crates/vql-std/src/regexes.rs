//! Regular expressions beyond `=~`: named groups out of text and files, and replacing.
//!
//! Groups without a name are called `g1`, `g2`, ... after their number. A group that took no part
//! in a match is an empty text.

use std::io::Read;
use std::sync::Arc;

use rows::{Dict, OsPath, Row, Text, Value};
use vql_plugin::{
    Catalog, Failure, Function, Lambda, Pattern, Permission, Plugin, ReadSeek, RowStream, Scope,
    plugin_args,
};

use crate::reading;

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .function(ParseStringWithRegex)
        .function(RegexReplace)
        .function(RegexTransform)
        .plugin(ParseRecordsWithRegex)
}

plugin_args! {
    /// Takes a text apart by regular expressions: a dict of the groups of all that match.
    pub struct ParseStringWithRegexArgs for "parse_string_with_regex" {
        /// The text.
        string: Text,
        /// Regular expressions with named groups, `(?P<Name>...)`.
        regex: Vec<Arc<Pattern>>,
    }
}

struct ParseStringWithRegex;

impl Function for ParseStringWithRegex {
    type Args = ParseStringWithRegexArgs;

    fn call(&self, args: ParseStringWithRegexArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut found = Dict::new();
        for pattern in &args.regex {
            if let Some(groups) = first_groups(pattern, &args.string) {
                for (name, value) in groups.iter() {
                    found.set(name, value.clone());
                }
            }
        }
        Ok(Value::Dict(found))
    }
}

fn first_groups(pattern: &Pattern, text: &[u8]) -> Option<Dict> {
    let captures = pattern.captures(text)?;
    Some(groups(&names(pattern), text, |index| captures.get_group(index).map(|s| s.range())))
}

fn names(pattern: &Pattern) -> Vec<String> {
    let named = pattern.group_names().into_iter().enumerate().skip(1);
    named.map(|(index, name)| name.unwrap_or_else(|| format!("g{index}"))).collect()
}

fn groups(
    names: &[String],
    text: &[u8],
    span: impl Fn(usize) -> Option<std::ops::Range<usize>>,
) -> Dict {
    let value = |index: usize| span(index + 1).map_or(&b""[..], |range| &text[range]);
    names
        .iter()
        .enumerate()
        .map(|(index, name)| (name.as_str(), Text::from(value(index))))
        .collect()
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
        let mut chunk = vec![0; self.size - self.window.len().min(self.size)];
        while self.window.len() < self.size {
            let room = self.size - self.window.len();
            match self.file.read(&mut chunk[..room]) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(());
                }
                Ok(count) => self.window.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Failure::new(format!("cannot read `{}`: {error}", self.path)));
                }
            }
        }
        Ok(())
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

plugin_args! {
    /// Replaces what a regular expression matches. In the replacement `$1` and `${name}` stand
    /// for groups and `$$` for a dollar sign; or a lambda computes it from the match.
    pub struct RegexReplaceArgs for "regex_replace" {
        /// The text.
        source: Text,
        /// The replacement.
        replace: Text = "",
        /// Computes the replacement from the matched text: `x=>upcase(string=x)`.
        replace_lambda: Option<Lambda>,
        /// The regular expression.
        re: Arc<Pattern>,
    }
}

struct RegexReplace;

impl Function for RegexReplace {
    type Args = RegexReplaceArgs;

    fn call(&self, args: RegexReplaceArgs, scope: &Scope) -> Result<Value, Failure> {
        let text = match &args.replace_lambda {
            None => replace(&args.re, &args.source, &args.replace),
            Some(lambda) => replace_with(&args.re, &args.source, |found, out| {
                let value = scope.call(lambda, &[Value::text(found)]);
                out.extend_from_slice(&scope.materialise(&value).to_text());
            }),
        };
        Ok(Value::text(text))
    }
}

fn replace_with(
    pattern: &Pattern,
    text: &[u8],
    mut write: impl FnMut(&[u8], &mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut start = 0;
    for found in pattern.find_all(text) {
        out.extend_from_slice(&text[start..found.start]);
        write(&text[found.clone()], &mut out);
        start = found.end;
    }
    out.extend_from_slice(&text[start..]);
    out
}

fn replace(pattern: &Pattern, text: &[u8], template: &[u8]) -> Vec<u8> {
    if !template.contains(&b'$') {
        return replace_with(pattern, text, |_, out| out.extend_from_slice(template));
    }
    let names = pattern.group_names();
    let mut out = Vec::with_capacity(text.len());
    let mut start = 0;
    for captures in pattern.captures_all(text) {
        let Some(whole) = captures.get_match() else { continue };
        out.extend_from_slice(&text[start..whole.start()]);
        start = whole.end();
        expand(template, &mut out, |name| {
            let index = name
                .parse()
                .ok()
                .or_else(|| names.iter().position(|known| known.as_deref() == Some(name)))?;
            Some(&text[captures.get_group(index)?.range()])
        });
    }
    out.extend_from_slice(&text[start..]);
    out
}

/// Writes a template. A name after `$` is as long as letters, digits and underscores go.
fn expand<'t>(template: &[u8], out: &mut Vec<u8>, group: impl Fn(&str) -> Option<&'t [u8]>) {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        if after.first() == Some(&b'$') {
            out.push(b'$');
            rest = &after[1..];
            continue;
        }
        let braced = after.first() == Some(&b'{');
        let body = if braced { &after[1..] } else { after };
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = body.iter().take_while(|byte| word(byte)).count();
        let closed = !braced || body.get(length) == Some(&b'}');
        if length == 0 || !closed {
            out.push(b'$');
            rest = after;
            continue;
        }
        if let Some(found) = std::str::from_utf8(&body[..length]).ok().and_then(&group) {
            out.extend_from_slice(found);
        }
        rest = &body[length + usize::from(braced)..];
    }
    out.extend_from_slice(rest);
}

plugin_args! {
    /// Applies several replacements to a text, one after the other.
    pub struct RegexTransformArgs for "regex_transform" {
        /// The text.
        source: Text,
        /// Regular expressions and what replaces each.
        map: Dict,
        /// Taken for compatibility; the expressions are compiled once per query in any case.
        key: String = "",
    }
}

struct RegexTransform;

impl Function for RegexTransform {
    type Args = RegexTransformArgs;

    fn call(&self, args: RegexTransformArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut text = args.source.as_bytes().to_vec();
        for (re, replacement) in args.map.iter() {
            let pattern = scope.pattern(&Text::from(re.as_str()), true)?;
            text = replace(&pattern, &text, &replacement.to_text());
        }
        Ok(Value::text(text))
    }
}
