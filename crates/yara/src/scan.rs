//! Bytes are searched for rules.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use boreal::MetadataValue;
use boreal::memory::{FragmentedMemory, MemoryParams, Region, RegionDescription};
use boreal::scanner::{EvaluatedRule, ScanCallbackResult, ScanError, ScanEvent, ScanParams};

use crate::Rules;

/// At how many occurrences of one string a scan stops counting.
pub const OCCURRENCES_MAX: u32 = 100_000;

/// How much of an occurrence is kept when the bytes around it are gone after the scan.
const KEPT_BYTES: usize = 512;

/// When a scan may stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After so many hits: occurrences of strings, or rules without any.
    pub hits: usize,
    /// After that time.
    pub time: Duration,
}

/// A rule that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its name.
    pub rule: String,
    /// Its namespace.
    pub namespace: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it says about itself.
    pub meta: Vec<(String, MetaValue)>,
    /// Its strings that were found, by where they were found.
    pub found: Vec<Found>,
}

/// What a rule says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaValue {
    /// Text.
    Text(Vec<u8>),
    /// A number.
    Int(i64),
    /// TRUE or FALSE.
    Bool(bool),
}

/// A string of a rule, where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The string's name, with its dollar sign.
    pub name: String,
    /// Where it starts.
    pub offset: u64,
    /// Where the piece starts that it was found in.
    pub base: u64,
    /// How long it is.
    pub length: usize,
    /// The bytes that were found; the first 512 of them when pieces were searched, none when the
    /// bytes were in memory, where they can be looked up.
    pub data: Vec<u8>,
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// The rules that match.
    pub hits: Vec<Hit>,
    /// Why there may be more of them.
    pub unfinished: Option<Unfinished>,
}

/// Why a scan did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// There were as many hits as were wanted.
    Enough,
    /// It took too long.
    TooSlow,
}

/// A stretch of what is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it starts.
    pub start: u64,
    /// How long it is.
    pub length: usize,
}

impl Rules {
    /// Searches bytes.
    pub fn scan(&self, bytes: &[u8], limits: &Limits) -> Scanned {
        let mut hits = Hits::new(limits.hits);
        let scanner = self.scanner(limits, 0);
        let ended = scanner.scan_mem_with_callback(bytes, |event| hits.take(&scanner, event));
        hits.scanned(ended)
    }

    /// Searches pieces, which are in order and may overlap: a rule matches when its strings are
    /// found in any of them. What asks how long the whole is (`filesize`) is undefined, and what
    /// asks for bytes at a place sees those of the piece around it.
    ///
    /// `read` fills its buffer with a piece, and says no when the piece cannot be had or nothing
    /// more is wanted.
    pub fn scan_pieces<R>(&self, pieces: &[Piece], read: R, limits: &Limits) -> Scanned
    where
        R: FnMut(Piece, &mut Vec<u8>) -> bool + Send,
    {
        let mut hits = Hits::new(limits.hits);
        let scanner = self.scanner(limits, KEPT_BYTES);
        let source = Pieces { pieces, next: 0, buffer: Vec::new(), read: Mutex::new(read) };
        let ended =
            scanner.scan_fragmented_with_callback(source, |event| hits.take(&scanner, event));
        hits.scanned(ended)
    }

    fn scanner(&self, limits: &Limits, kept_bytes: usize) -> boreal::Scanner {
        let mut scanner = self.scanner.clone();
        scanner.set_scan_params(
            ScanParams::default()
                .compute_full_matches(true)
                .string_max_nb_matches(OCCURRENCES_MAX)
                .match_max_length(kept_bytes)
                .timeout_duration(Some(limits.time)),
        );
        scanner
    }
}

struct Hits {
    hits: Vec<Hit>,
    wanted: usize,
    count: usize,
}

impl Hits {
    fn new(wanted: usize) -> Self {
        Self { hits: Vec::new(), wanted, count: 0 }
    }

    fn take(&mut self, scanner: &boreal::Scanner, event: ScanEvent<'_, '_>) -> ScanCallbackResult {
        if let ScanEvent::RuleMatch(rule) = event {
            let hit = hit(scanner, &rule, self.wanted - self.count);
            self.count += hit.found.len().max(1);
            self.hits.push(hit);
        }
        if self.count >= self.wanted {
            return ScanCallbackResult::Abort;
        }
        ScanCallbackResult::Continue
    }

    fn scanned(self, ended: Result<(), ScanError>) -> Scanned {
        let unfinished = match ended {
            Ok(()) if self.count < self.wanted => None,
            Err(ScanError::Timeout) => Some(Unfinished::TooSlow),
            _ => Some(Unfinished::Enough),
        };
        Scanned { hits: self.hits, unfinished }
    }
}

fn hit(scanner: &boreal::Scanner, rule: &EvaluatedRule<'_>, found_max: usize) -> Hit {
    let meta = rule.metadatas.iter().map(|meta| {
        let value = match meta.value {
            MetadataValue::Bytes(text) => MetaValue::Text(scanner.get_bytes_symbol(text).to_vec()),
            MetadataValue::Integer(number) => MetaValue::Int(number),
            MetadataValue::Boolean(truth) => MetaValue::Bool(truth),
        };
        (scanner.get_string_symbol(meta.name).to_owned(), value)
    });
    let mut found: Vec<Found> = rule
        .matches
        .iter()
        .flat_map(|string| string.matches.iter().map(move |one| (string.name, one)))
        .map(|(name, one)| Found {
            name: format!("${name}"),
            offset: (one.base as u64).saturating_add(one.offset as u64),
            base: one.base as u64,
            length: one.length,
            data: one.data.to_vec(),
        })
        .collect();
    // Where pieces overlap the same occurrence is found twice.
    found.sort_by(|one, other| (one.offset, &one.name).cmp(&(other.offset, &other.name)));
    found.dedup_by(|one, other| one.offset == other.offset && one.name == other.name);
    found.truncate(found_max);
    Hit {
        rule: rule.name.to_owned(),
        namespace: rule.namespace.to_owned(),
        tags: rule.tags.iter().map(|tag| scanner.get_string_symbol(*tag).to_owned()).collect(),
        meta: meta.collect(),
        found,
    }
}

/// Pieces as the library asks for them.
struct Pieces<'a, R> {
    pieces: &'a [Piece],
    next: usize,
    buffer: Vec<u8>,
    // Only so that the library may share what it never calls from two threads.
    read: Mutex<R>,
}

impl<R> fmt::Debug for Pieces<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pieces", self.pieces.len())
    }
}

impl<R: FnMut(Piece, &mut Vec<u8>) -> bool + Send> FragmentedMemory for Pieces<'_, R> {
    fn next(&mut self, _params: &MemoryParams) -> Option<RegionDescription> {
        let piece = self.pieces.get(self.next)?;
        self.next += 1;
        Some(RegionDescription { start: usize::try_from(piece.start).ok()?, length: piece.length })
    }

    fn fetch(&mut self, _params: &MemoryParams) -> Option<Region<'_>> {
        let piece = *self.pieces.get(self.next.checked_sub(1)?)?;
        let read = self.read.get_mut().ok()?;
        if !read(piece, &mut self.buffer) {
            return None;
        }
        // The library counts on a piece being as long as it was said to be.
        self.buffer.resize(piece.length, 0);
        Some(Region { start: usize::try_from(piece.start).ok()?, mem: &self.buffer })
    }

    fn reset(&mut self) {
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const ALL: Limits = Limits { hits: usize::MAX, time: Duration::from_secs(3600) };

    const RULES: &str = r#"
        rule words : one two {
            meta: author = "me" level = 3 sure = true
            strings: $hello = "hello" nocase $x = { 00 ?? 01 [1-2] 02 }
            condition: any of them
        }
        rule many { strings: $ = /wor[lk]d/ condition: any of them or filesize < 20 }
    "#;

    fn show(scanned: &Scanned) -> String {
        let mut text = String::new();
        for hit in &scanned.hits {
            text += &format!("{}:{} {:?} {:?}\n", hit.namespace, hit.rule, hit.tags, hit.meta);
            for found in &hit.found {
                text += &format!(
                    "  {} at {} of {} for {} {:?}\n",
                    found.name,
                    found.offset,
                    found.base,
                    found.length,
                    String::from_utf8_lossy(&found.data)
                );
            }
        }
        if let Some(unfinished) = scanned.unfinished {
            text += &format!("{unfinished:?}\n");
        }
        text
    }

    fn rules() -> Rules {
        Rules::compile(RULES, "", &[]).unwrap()
    }

    #[test]
    fn a_hit_says_what_was_found_where() {
        let scanned = rules().scan(b"Say HELLO, hello world \x00\xff\x01xx\x02", &ALL);
        expect![[r#"
            default:words ["one", "two"] [("author", Text([109, 101])), ("level", Int(3)), ("sure", Bool(true))]
              $hello at 4 of 0 for 5 ""
              $hello at 11 of 0 for 5 ""
              $x at 23 of 0 for 6 ""
            default:many [] []
              $ at 17 of 0 for 5 ""
        "#]].assert_eq(&show(&scanned));
    }

    #[test]
    fn a_scan_stops_after_enough_hits() {
        let limits = Limits { hits: 1, ..ALL };
        let scanned = rules().scan(b"hello hello hello world", &limits);
        expect![[r#"
            default:words ["one", "two"] [("author", Text([109, 101])), ("level", Int(3)), ("sure", Bool(true))]
              $hello at 0 of 0 for 5 ""
            Enough
        "#]].assert_eq(&show(&scanned));
    }

    fn pieces(bytes: &[u8], length: usize, step: usize, said: Expect) {
        let starts = (0..bytes.len()).step_by(step);
        let list: Vec<Piece> = starts
            .map(|start| Piece { start: start as u64, length: length.min(bytes.len() - start) })
            .collect();
        let read = |piece: Piece, buffer: &mut Vec<u8>| {
            let start = usize::try_from(piece.start).unwrap();
            buffer.clear();
            buffer.extend_from_slice(&bytes[start..start + piece.length]);
            true
        };
        said.assert_eq(&show(&rules().scan_pieces(&list, read, &ALL)));
    }

    #[test]
    fn what_overlapping_pieces_share_is_found_once() {
        pieces(
            b"....hello.....hello",
            12,
            6,
            expect![[r#"
            default:words ["one", "two"] [("author", Text([109, 101])), ("level", Int(3)), ("sure", Bool(true))]
              $hello at 4 of 0 for 5 "hello"
              $hello at 14 of 12 for 5 "hello"
        "#]],
        );
    }

    #[test]
    fn a_piece_that_cannot_be_read_is_passed_over() {
        let list = [Piece { start: 4096, length: 16 }, Piece { start: 8192, length: 16 }];
        let read = |piece: Piece, buffer: &mut Vec<u8>| {
            *buffer = b"xx hello".to_vec();
            piece.start == 8192
        };
        let scanned = rules().scan_pieces(&list, read, &ALL);
        expect![[r#"
            default:words ["one", "two"] [("author", Text([109, 101])), ("level", Int(3)), ("sure", Bool(true))]
              $hello at 8195 of 8192 for 5 "hello"
        "#]].assert_eq(&show(&scanned));
    }
}
