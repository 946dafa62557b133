//! What the patterns of RE2 match, and what is wrong with those that are none.

use super::*;
use proptest::prelude::*;

/// Whether the pattern, as written, matches the text; or what is wrong with it.
#[track_caller]
fn check(pattern: &str, text: impl AsRef<[u8]>, answer: &str) {
    let found = match Pattern::compile(pattern.as_bytes(), false) {
        Err(error) => error.to_string(),
        Ok(compiled) => match compiled.find(text.as_ref()) {
            None => "no".to_owned(),
            Some(range) => String::from_utf8_lossy(&text.as_ref()[range]).into_owned(),
        },
    };
    assert_eq!(found, answer, "{pattern}");
}

#[test]
fn forms_that_other_engines_refuse_or_misread() {
    check(r"\Qa.b\E+", "xa.bbb", "a.bbb");
    check("{a", "{a", "{a");
    check("a{1", "xa{1", "a{1");
    check("a{,3}", "a{,3}", "a{,3}");
    check(r"\101\07", "A\x07", "A\x07");
    check(r"[\w-a]+", "b-", "b-");
    check("[a&&b]+", "a&b", "a&b");
    check("[[a]", "[", "[");
    check("[]a]+", "]a", "]a");
    check(r"\<x\>", "<x>", "<x>");
    check(r"\w+", "é", "no");
    check(r"\s", "\u{a0}", "no");
    check(r"x\b", "xé", "x");
    check("(?i)k", "\u{212a}", "\u{212a}");
    check(r"[[:word:]]\z", "ab", "b");
    check(r"\pL\p{Greek}", "aλ", "aλ");
}

#[test]
fn anchors_dots_flags_and_greed() {
    check("^b$", "a\nb", "no");
    check("(?m)^b$", "a\nb", "b");
    check("a.b", "a\nb", "no");
    check("(?s)a.b", "a\nb", "a\nb");
    check("a+?", "aaa", "a");
    check("(?U)a+", "aaa", "a");
    check("(?U)a+?", "aaa", "aaa");
    check("(?i:a)b", "Ab", "Ab");
    check("(?i)a(?-i)b|c", "AB", "no");
    check("^[^a]$", "\n", "\n");
    check("x{2,3}", "xxxx", "xxx");
    check("|a", "a", "");
}

#[test]
fn stray_bytes_count_as_characters() {
    check("^.{3}$", b"a\xffb", "a\u{fffd}b");
    check("^.{1}$", "é", "é");
    check("^[^x]+$", b"\xfe\xff", "\u{fffd}\u{fffd}");
}

#[test]
fn mistakes_are_named() {
    check("[", "", "error parsing regexp: missing closing ]: `[`");
    check("a**", "", "error parsing regexp: invalid nested repetition operator: `**`");
    check("*a", "", "error parsing regexp: missing argument to repetition operator: `*`");
    check("x{1001}", "", "error parsing regexp: invalid repeat count: `{1001}`");
    check("(a", "", "error parsing regexp: missing closing ): `(a`");
    check("a)", "", "error parsing regexp: unexpected ): `)`");
    check(r"\y", "", r"error parsing regexp: invalid escape sequence: `\y`");
    check(r"\1", "", r"error parsing regexp: invalid escape sequence: `\1`");
    check("(?=a)", "", "error parsing regexp: invalid or unsupported Perl syntax: `(?=a`");
    check("[b-a]", "", "error parsing regexp: invalid character class range: `b-a`");
    check("a\\", "", "error parsing regexp: trailing backslash at end of expression: ``");
    check(r"\p{Nope}", "", r"error parsing regexp: invalid character class range: `\p{Nope}`");
    check("(?P<n>a)(?P<n>b)", "", "error parsing regexp: duplicate capture group name: `n`");
    let deep = "(".repeat(10_000) + &")".repeat(10_000);
    assert!(Pattern::compile(deep.as_bytes(), true).is_err());
    assert!(Pattern::compile(b"((x{1000}){1000}){1000}", true).is_err());
}

#[test]
fn groups_have_names_and_places() {
    let pattern = Pattern::compile(b"(?P<key>[a-z]+)=([0-9]+)", true).unwrap();
    assert_eq!(pattern.group_names(), [None, Some("key".to_owned()), None]);
    let found = pattern.captures(b"xx KEY=12").unwrap();
    assert_eq!(found.get_group(1).unwrap().range(), 3..6);
    assert_eq!(found.get_group(2).unwrap().range(), 7..9);
}

proptest! {
    #[test]
    fn no_pattern_panics(pattern in any::<Vec<u8>>(), text in any::<Vec<u8>>()) {
        if let Ok(pattern) = Pattern::compile(&pattern, true) {
            pattern.is_match(&text);
        }
    }

    #[test]
    fn nothing_made_of_operators_panics(
        pattern in r"[()\[\]{}*+?|^$.\\aA0,\-:<>PQEpdwis&~]{0,24}",
        text in "[aA0\n]{0,8}",
    ) {
        if let Ok(pattern) = Pattern::compile(pattern.as_bytes(), true) {
            pattern.is_match(text.as_bytes());
        }
    }
}
