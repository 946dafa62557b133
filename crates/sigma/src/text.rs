//! Texts with wildcards: how they are written, which simple form they have, what they match.
//!
//! `*` stands for any characters, `?` for one. A backslash before either, or before a backslash,
//! makes it plain; before anything else the backslash is itself plain.
//!
//! # Invariants
//!
//! - **SI-4** Folding a text twice changes nothing more, and ASCII keeps its length.

use rows::Text;

/// A part of a text with wildcards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// These bytes.
    Literal(Text),
    /// One character.
    AnyOne,
    /// Any characters, or none.
    AnyMany,
}

/// What a text must look like. The first four are the simple forms of the last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextPattern {
    /// The text is this.
    Equals(Text),
    /// The text begins like this.
    StartsWith(Text),
    /// The text ends like this.
    EndsWith(Text),
    /// The text has this somewhere.
    Contains(Text),
    /// The text is made of these pieces, in order.
    Like(Vec<Piece>),
}

/// Reads a value of a rule.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let piece = match character {
            '\\' => {
                match rest.next_if(|next| matches!(next, '\\' | '*' | '?')) {
                    Some(escaped) => literal.push(escaped),
                    None => literal.push('\\'),
                }
                continue;
            }
            '*' => Piece::AnyMany,
            '?' => Piece::AnyOne,
            plain => {
                literal.push(plain);
                continue;
            }
        };
        push_literal(&mut pieces, &mut literal);
        pieces.push(piece);
    }
    push_literal(&mut pieces, &mut literal);
    pieces
}

fn push_literal(pieces: &mut Vec<Piece>, literal: &mut String) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(Text::from(std::mem::take(literal))));
    }
}

/// The bytes of a text without wildcards.
pub(crate) fn plain(pieces: &[Piece]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => bytes.extend_from_slice(text),
            Piece::AnyOne | Piece::AnyMany => return None,
        }
    }
    Some(bytes)
}

impl TextPattern {
    /// The simplest form of these pieces.
    pub fn of(pieces: Vec<Piece>) -> Self {
        let mut tidy: Vec<Piece> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match (tidy.last_mut(), piece) {
                (Some(Piece::AnyMany), Piece::AnyMany) => {}
                (Some(Piece::Literal(before)), Piece::Literal(more)) => {
                    *before = Text::from([before.as_bytes(), more.as_bytes()].concat());
                }
                (_, piece) => tidy.push(piece),
            }
        }
        match &tidy[..] {
            [] => Self::Equals(Text::default()),
            [Piece::AnyMany] => Self::Contains(Text::default()),
            [Piece::Literal(text)] => Self::Equals(text.clone()),
            [Piece::Literal(text), Piece::AnyMany] => Self::StartsWith(text.clone()),
            [Piece::AnyMany, Piece::Literal(text)] => Self::EndsWith(text.clone()),
            [Piece::AnyMany, Piece::Literal(text), Piece::AnyMany] => Self::Contains(text.clone()),
            _ => Self::Like(tidy),
        }
    }

    /// The same pattern for folded texts.
    pub(crate) fn folded(&self) -> Self {
        let fold = |text: &Text| Text::from(folded(text));
        match self {
            Self::Equals(text) => Self::Equals(fold(text)),
            Self::StartsWith(text) => Self::StartsWith(fold(text)),
            Self::EndsWith(text) => Self::EndsWith(fold(text)),
            Self::Contains(text) => Self::Contains(fold(text)),
            Self::Like(pieces) => {
                let piece = |piece: &Piece| match piece {
                    Piece::Literal(text) => Piece::Literal(fold(text)),
                    wildcard => wildcard.clone(),
                };
                Self::Like(pieces.iter().map(piece).collect())
            }
        }
    }

    /// Whether a text looks like that, byte for byte.
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Equals(wanted) => text == wanted.as_bytes(),
            Self::StartsWith(start) => text.starts_with(start),
            Self::EndsWith(end) => text.ends_with(end),
            Self::Contains(part) => contains(text, part),
            Self::Like(pieces) => like(pieces, text),
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// Backtracks to the last `*` only, so the work is at most length times length.
fn like(pieces: &[Piece], text: &[u8]) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pieces.get(piece) {
            Some(Piece::AnyMany) => {
                piece += 1;
                if piece == pieces.len() {
                    return true;
                }
                retry = Some((piece, at));
                continue;
            }
            Some(Piece::Literal(wanted)) => text[at..].starts_with(wanted).then_some(wanted.len()),
            Some(Piece::AnyOne) => (at < text.len()).then(|| character_len(&text[at..])),
            None => (at == text.len()).then_some(0),
        };
        match (step, &mut retry) {
            (Some(_), _) if piece == pieces.len() => return true,
            (Some(length), _) => {
                piece += 1;
                at += length;
            }
            (None, Some((from, start))) if *start < text.len() => {
                // A `?` behind takes a whole character, never the rest of one.
                let whole = matches!(pieces.get(*from), Some(Piece::AnyOne));
                *start += if whole { character_len(&text[*start..]) } else { 1 };
                (piece, at) = (*from, *start);
            }
            (None, _) => return false,
        }
    }
}

/// How many bytes the first character has; a stray byte counts as one.
fn character_len(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 1,
    };
    match text.get(..length) {
        Some(bytes) if std::str::from_utf8(bytes).is_ok() => length,
        _ => 1,
    }
}

/// The text in lower case, character by character; what is not UTF-8 stays as it is.
pub(crate) fn folded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// Appends the text in lower case.
pub(crate) fn fold_into(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        let start = out.len();
        out.extend_from_slice(text);
        out[start..].make_ascii_lowercase();
        return;
    }
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars().flat_map(char::to_lowercase) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, wanted: bool) {
        let pieces = pieces(pattern);
        assert_eq!(TextPattern::of(pieces.clone()).matches(text.as_bytes()), wanted, "{pattern}");
        assert_eq!(like(&pieces, text.as_bytes()), wanted, "{pattern} as pieces");
    }

    #[test]
    fn wildcards_and_escapes() {
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("?", "", false);
        check("?", "ä", true);
        check("a*c", "abbc", true);
        check("a*c", "abbcd", false);
        check("*b*d*", "abcde", true);
        check("*ab?d", "ababxd", true);
        check("a?c", "aäc", true);
        check("*??", "😀", false);
        check("*??", "a😀", true);
        check("*?b?", "ääbä", true);
        check(r"\*", "*", true);
        check(r"\*", "x", false);
        check(r"c:\windows\*", r"c:\windows*", true);
        check(r"c:\windows\\*", r"c:\windows\system32", true);
        check(r"\d\", r"\d\", true);
        check(r"a\\b", r"a\b", true);
    }

    #[test]
    fn pieces_have_a_simple_form_where_there_is_one() {
        let text = |text: &str| Text::from(text);
        let form = |written: &str| TextPattern::of(pieces(written));
        assert_eq!(form("a"), TextPattern::Equals(text("a")));
        assert_eq!(form("a**"), TextPattern::StartsWith(text("a")));
        assert_eq!(form("*a"), TextPattern::EndsWith(text("a")));
        assert_eq!(form("*a*"), TextPattern::Contains(text("a")));
        assert!(matches!(form("a*b"), TextPattern::Like(_)));
    }

    #[test]
    fn folding_is_by_character() {
        assert_eq!(folded("ÄbC\u{212A}".as_bytes()), "äbck".as_bytes());
        assert_eq!(folded(b"A\xffB"), b"a\xffb");
    }
}
