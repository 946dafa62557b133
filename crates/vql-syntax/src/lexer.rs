//! Cuts a VQL text into tokens.
//!
//! The rules are tried in a fixed order at each position and the first that matches wins, not the
//! longest: comments, reserved words, numbers, names, negated names, marks, raw strings, strings.
//! That order is part of the language: `5-3` is the numbers 5 and -3, `1--2` is 1 and a comment.
//!
//! # Invariants
//!
//! - **VS-4** Tokens are in order, do not overlap, and cover everything but blanks.

use crate::ast::Span;
use crate::token::{Keyword, Kind, Mark, Stray, Token};

/// All tokens of the text, comments included, without an end token.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
        if blanks > 0 {
            at += blanks;
            continue;
        }
        let (kind, length) = token(rest);
        tokens.push(Token { kind, span: Span::new(at, at + length) });
        at += length;
    }
    tokens
}

/// The blanks of the language are the ASCII ones.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

/// The token at the start of a text that is not empty and does not start with a blank.
fn token(rest: &str) -> (Kind, usize) {
    comment(rest)
        .or_else(|| keyword(rest))
        .or_else(|| number(rest))
        .or_else(|| name(rest))
        .or_else(|| negated(rest))
        .or_else(|| mark(rest))
        .or_else(|| string(rest))
        .unwrap_or_else(|| stray(rest))
}

fn comment(rest: &str) -> Option<(Kind, usize)> {
    if let Some(inside) = rest.strip_prefix("/*") {
        return Some(match inside.find("*/") {
            Some(end) => (Kind::Comment, end + 4),
            None => (Kind::Stray(Stray::OpenComment), rest.len()),
        });
    }
    if rest.starts_with("--") || rest.starts_with("//") {
        let line = rest.split('\n').next().unwrap_or(rest);
        return Some((Kind::Comment, line.strip_suffix('\r').unwrap_or(line).len()));
    }
    None
}

fn word(rest: &str) -> &str {
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    rest.get(..length).unwrap_or("")
}

fn keyword(rest: &str) -> Option<(Kind, usize)> {
    if rest.starts_with('|') {
        let bars = rest.bytes().take_while(|b| *b == b'|').count();
        return Some((Kind::Bars(u8::try_from(bars).unwrap_or(u8::MAX)), bars));
    }
    if rest.starts_with("&&") {
        return Some((Kind::Ampersands, 2));
    }
    let first = word(rest);
    if let Some(keyword) = Keyword::from_word(first) {
        return Some((Kind::Word(keyword), first.len()));
    }
    let pair = if first.eq_ignore_ascii_case("GROUP") {
        Keyword::GroupBy
    } else if first.eq_ignore_ascii_case("ORDER") {
        Keyword::OrderBy
    } else {
        return None;
    };
    let after = rest.get(first.len()..)?;
    let second = after.trim_start_matches(is_blank);
    let blanks = after.len() - second.len();
    let by = word(second).eq_ignore_ascii_case("BY");
    (blanks > 0 && by).then_some((Kind::Word(pair), first.len() + blanks + 2))
}

fn number(rest: &str) -> Option<(Kind, usize)> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let sign = usize::from(rest.starts_with('-'));
    if rest.get(sign..).is_some_and(|r| r.starts_with("0x")) {
        let hex = bytes.iter().skip(sign + 2).take_while(|b| b.is_ascii_hexdigit()).count();
        if hex > 0 {
            return Some((Kind::Number, sign + 2 + hex));
        }
    }
    let whole = digits(sign);
    let mut end = sign + whole;
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    } else if whole == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + signed);
        if exponent > 0 {
            end += 1 + signed + exponent;
        }
    }
    Some((Kind::Number, end))
}

fn name(rest: &str) -> Option<(Kind, usize)> {
    if let Some(inside) = rest.strip_prefix('`') {
        let end = inside.find('`').filter(|end| *end > 0)?;
        return Some((Kind::Ticked, end + 2));
    }
    let word = word(rest);
    let plain = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    plain.then_some((Kind::Name, word.len()))
}

fn negated(rest: &str) -> Option<(Kind, usize)> {
    let (_, length) = name(rest.strip_prefix('-')?)?;
    Some((Kind::Negated, length + 1))
}

fn mark(rest: &str) -> Option<(Kind, usize)> {
    let found = Mark::ALL.iter().find(|(spelling, _)| rest.starts_with(spelling));
    found.map(|(spelling, mark)| (Kind::Mark(*mark), spelling.len()))
}

fn string(rest: &str) -> Option<(Kind, usize)> {
    if let Some(end) = rest.strip_prefix("'''").and_then(|inside| inside.find("'''")) {
        return Some((Kind::Raw, end + 6));
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Some((Kind::Text, at + 1));
        }
    }
    None
}

fn stray(rest: &str) -> (Kind, usize) {
    let kind = if rest.starts_with("'''") {
        Stray::OpenRaw
    } else if rest.starts_with(['"', '\'']) {
        Stray::OpenText
    } else if rest.starts_with('`') && !rest.starts_with("``") {
        Stray::OpenTick
    } else {
        let length = rest.chars().next().map_or(rest.len(), char::len_utf8);
        return (Kind::Stray(Stray::Character), length);
    };
    (Kind::Stray(kind), rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, wanted: Expect) {
        let found: Vec<_> =
            lex(text).iter().map(|t| format!("{:?} {}", t.kind, t.span.of(text))).collect();
        wanted.assert_eq(&found.join("\n"));
    }

    #[test]
    fn a_minus_sign_belongs_to_the_digit_or_name_after_it() {
        check(
            "5-3 a -b - 5",
            expect![[r#"
                Number 5
                Number -3
                Name a
                Negated -b
                Mark(Minus) -
                Number 5"#]],
        );
    }

    #[test]
    fn two_minus_signs_or_slashes_start_a_comment_anywhere() {
        check(
            "1--2\n3//4\r\n/* a\nb */ 5",
            expect![[r#"
                Number 1
                Comment --2
                Number 3
                Comment //4
                Comment /* a
                b */
                Number 5"#]],
        );
    }

    #[test]
    fn numbers_end_where_their_pattern_ends() {
        check(
            "0x1F 0X1 1_0 5. .5 1e3 1e -0x2 0b1",
            expect![[r#"
                Number 0x1F
                Number 0
                Name X1
                Number 1
                Name _0
                Number 5
                Mark(Dot) .
                Number .5
                Number 1e3
                Number 1
                Name e
                Number -0x2
                Number 0
                Name b1"#]],
        );
    }

    #[test]
    fn reserved_words_are_whole_words_in_any_case() {
        check(
            "seLect selected group  by grouped GROUP bye order\nBY IN into `select`",
            expect![[r#"
                Word(Select) seLect
                Name selected
                Word(GroupBy) group  by
                Name grouped
                Name GROUP
                Name bye
                Word(OrderBy) order
                BY
                Word(In) IN
                Name into
                Ticked `select`"#]],
        );
    }

    #[test]
    fn raw_strings_end_at_the_nearest_marks_and_quoted_ones_at_an_unescaped_quote() {
        check(
            r#"'''a'b''' 'it\'s' "x\\" ''"#,
            expect![[r#"
                Raw '''a'b'''
                Text 'it\'s'
                Text "x\\"
                Text ''"#]],
        );
    }

    #[test]
    fn what_is_no_token_is_kept_as_such() {
        check(
            "a; & \u{201c}",
            expect![[r#"
            Name a
            Stray(Character) ;
            Stray(Character) &
            Stray(Character) “"#]],
        );
        check(
            "`` x",
            expect![[r#"
            Stray(Character) `
            Stray(OpenTick) ` x"#]],
        );
        check(
            "x 'c",
            expect![[r#"
            Name x
            Stray(OpenText) 'c"#]],
        );
        check(
            "x /* c",
            expect![[r#"
            Name x
            Stray(OpenComment) /* c"#]],
        );
    }
}
