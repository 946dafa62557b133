//! Rules that people bring along, in the form of `magic(5)`: the part of it that is commonly
//! used. What is not understood is an error that names the line.
//!
//! A rule is `offset type test message`; `>` before the offset makes it a detail of the rule
//! above. Types: `byte`, `short`, `long`, `quad` with `u`, `be`, `le` before them and `&mask` behind
//! them, `string`, `search/RANGE`. Tests: a value, with `=`, `!`, `<`, `>`, `&` or `^` before it, or
//! `x` for any. `!:mime` and `!:ext` belong to the rule above.

use super::FileType;

/// A rule that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("magic rules, line {line}: {what}")]
pub struct BadRule {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Rules that people brought along.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    level: usize,
    offset: usize,
    kind: Kind,
    test: Test,
    message: String,
    mime: String,
    extension: String,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Number { bytes: usize, big: bool, signed: bool, mask: u64 },
    String,
    Search { range: usize },
}

#[derive(Debug, Clone)]
enum Test {
    Any,
    Number(char, u64),
    Text(char, Vec<u8>),
}

/// How many rules there may be.
const RULES_MAX: usize = 20_000;
/// How far a search goes at most.
const SEARCH_MAX: usize = 64 << 10;

impl Rules {
    /// Reads rules, one a line.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let mut rules: Vec<Rule> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let bad = |what: String| BadRule { line, what };
            let trimmed = text.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if let Some(attribute) = trimmed.strip_prefix("!:") {
                let (name, value) =
                    attribute.split_once(char::is_whitespace).unwrap_or((attribute, ""));
                let rule = rules.last_mut().ok_or_else(|| bad("no rule is above".to_owned()))?;
                match name {
                    "mime" => value.trim().clone_into(&mut rule.mime),
                    "ext" => {
                        value.trim().split('/').next().unwrap_or("").clone_into(&mut rule.extension)
                    }
                    "strength" | "apple" => {}
                    other => return Err(bad(format!("`!:{other}` is not understood"))),
                }
                continue;
            }
            let rule = rule(text).map_err(bad)?;
            let deepest = rules.last().map_or(0, |rule| rule.level + 1);
            if rule.level > deepest {
                return Err(bad(
                    "the rule is a detail of no rule: there are too many `>`".to_owned()
                ));
            }
            rules.push(rule);
            if rules.len() > RULES_MAX {
                return Err(bad(format!("there are more than {RULES_MAX} rules")));
            }
        }
        Ok(Self(rules))
    }

    /// What the first rule that fits says, with the details that fit.
    pub fn identify(&self, head: &[u8]) -> Option<FileType> {
        let mut found: Option<FileType> = None;
        // The deepest level that the rules above allow.
        let mut open = 0;
        for rule in &self.0 {
            if rule.level == 0 {
                if found.as_ref().is_some_and(|found| !found.description.is_empty()) {
                    break;
                }
                found = None;
                open = 0;
            }
            if rule.level > open {
                continue;
            }
            open = rule.level;
            let Some(value) = rule.value(head) else { continue };
            open = rule.level + 1;
            let found =
                found.get_or_insert_with(|| FileType::new("", "application/octet-stream", ""));
            let message = written(&rule.message, &value);
            match message.strip_prefix("\\b") {
                Some(glued) => found.description += glued,
                None if found.description.is_empty() || message.is_empty() => {
                    found.description += &message;
                }
                None => {
                    found.description.push(' ');
                    found.description += &message;
                }
            }
            if !rule.mime.is_empty() {
                found.mime.clone_from(&rule.mime);
            }
            if !rule.extension.is_empty() {
                found.extension.clone_from(&rule.extension);
            }
        }
        found.filter(|found| !found.description.is_empty())
    }
}

/// What a rule found, for its message.
enum Found {
    Number(i128),
    Text(Vec<u8>),
}

impl Rule {
    fn value(&self, head: &[u8]) -> Option<Found> {
        let rest = head.get(self.offset..)?;
        match (self.kind, &self.test) {
            (Kind::Number { bytes, big, signed, mask }, test) => {
                let mut wide = [0; 8];
                let found = rest.get(..bytes)?;
                for (at, byte) in found.iter().enumerate() {
                    wide[if big { bytes - 1 - at } else { at }] = *byte;
                }
                let number = u64::from_le_bytes(wide) & mask;
                let unused = 64 - 8 * u32::try_from(bytes).ok()?;
                let known = |number: u64| match signed {
                    true => i128::from((number << unused).cast_signed() >> unused),
                    false => i128::from(number & (u64::MAX >> unused)),
                };
                let holds = match test {
                    Test::Any => true,
                    Test::Number('=', wanted) => known(number) == known(*wanted),
                    Test::Number('!', wanted) => known(number) != known(*wanted),
                    Test::Number('<', wanted) => known(number) < known(*wanted),
                    Test::Number('>', wanted) => known(number) > known(*wanted),
                    Test::Number('&', wanted) => number & wanted == *wanted,
                    Test::Number(_, wanted) => number & wanted == 0,
                    Test::Text(..) => false,
                };
                holds.then(|| Found::Number(known(number)))
            }
            (_, Test::Any) => {
                let end =
                    rest.iter().position(|byte| matches!(byte, 0 | b'\n')).unwrap_or(rest.len());
                Some(Found::Text(rest[..end.min(200)].to_vec()))
            }
            (Kind::String, Test::Text(how, wanted)) => {
                let found = &rest[..wanted.len().min(rest.len())];
                let holds = match how {
                    '=' => found == &wanted[..],
                    '!' => found != &wanted[..],
                    '<' => found < &wanted[..],
                    _ => rest > &wanted[..],
                };
                holds.then(|| Found::Text(found.to_vec()))
            }
            (Kind::Search { range }, Test::Text(_, wanted)) => {
                let end = range.saturating_add(wanted.len()).min(rest.len());
                let found = rest[..end].windows(wanted.len().max(1)).any(|window| window == wanted);
                found.then(|| Found::Text(wanted.clone()))
            }
            (_, Test::Number(..)) => None,
        }
    }
}

/// The message with what was found in the place of `%s`, `%d`, `%x`, ...
fn written(message: &str, value: &Found) -> String {
    let Some((before, rest)) = message.split_once('%') else { return message.to_owned() };
    let end = rest.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'l' | 'h' | 'q'));
    let Some(end) = end else { return message.to_owned() };
    let shown = match (value, rest.as_bytes()[end]) {
        (Found::Number(number), b'x') => format!("{number:x}"),
        (Found::Number(number), b'X') => format!("{number:X}"),
        (Found::Number(number), b'o') => format!("{number:o}"),
        (Found::Number(number), b'c') => {
            u8::try_from(*number).map(char::from).map(String::from).unwrap_or_default()
        }
        (Found::Number(number), _) => number.to_string(),
        (Found::Text(text), _) => String::from_utf8_lossy(text).into_owned(),
    };
    let alternate = rest[..end].contains('#') && rest.as_bytes()[end] == b'x';
    let prefix = if alternate { "0x" } else { "" };
    format!("{before}{prefix}{shown}{}", &rest[end + 1..])
}

fn rule(text: &str) -> Result<Rule, String> {
    const FORM: &str = "a rule is `offset type test message`";
    let text = text.trim_start();
    let level = text.len() - text.trim_start_matches('>').len();
    let (offset, rest) = word(&text[level..]).ok_or(FORM)?;
    let offset_number =
        number(offset).and_then(|offset| usize::try_from(offset).ok()).ok_or_else(|| {
            format!("the offset `{offset}` is no plain number, which is all that is understood")
        })?;
    let (kind_word, rest) = word(rest).ok_or(FORM)?;
    let kind = kind(kind_word)?;
    let (test_word, rest) = word(rest).ok_or(FORM)?;
    let test = test(test_word, kind)?;
    Ok(Rule {
        level,
        offset: offset_number,
        kind,
        test,
        message: rest.trim().to_owned(),
        mime: String::new(),
        extension: String::new(),
    })
}

/// The next word, which may hold escaped spaces, and what follows.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut escaped = false;
    let end = text.char_indices().find(|(_, c)| {
        let ends = c.is_whitespace() && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    (end > 0).then(|| text.split_at(end))
}

fn number(text: &str) -> Option<u64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = digits.trim_end_matches(['L', 'l', 'U', 'u']);
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            u64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    Some(if negative { number.wrapping_neg() } else { number })
}

fn kind(text: &str) -> Result<Kind, String> {
    let unknown = || format!("the type `{text}` is not understood");
    let (name, mask) = match text.split_once('&') {
        Some((name, mask)) => (name, number(mask).ok_or_else(unknown)?),
        None => (text, u64::MAX),
    };
    if let Some(flags) = name.strip_prefix("search/") {
        let range = flags.split('/').next().unwrap_or("");
        let range =
            number(range).and_then(|range| usize::try_from(range).ok()).ok_or_else(unknown)?;
        return Ok(Kind::Search { range: range.min(SEARCH_MAX) });
    }
    if name == "string" {
        return Ok(Kind::String);
    }
    let (signed, name) = match name.strip_prefix('u') {
        Some(rest) => (false, rest),
        None => (true, name),
    };
    let (big, name) = match (name.strip_prefix("be"), name.strip_prefix("le")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => (false, name),
    };
    let bytes = match name {
        "byte" => 1,
        "short" => 2,
        "long" => 4,
        "quad" => 8,
        _ => return Err(unknown()),
    };
    Ok(Kind::Number { bytes, big, signed, mask })
}

fn test(text: &str, kind: Kind) -> Result<Test, String> {
    if text == "x" {
        return Ok(Test::Any);
    }
    let operators = if matches!(kind, Kind::Number { .. }) { "=!<>&^" } else { "=!<>" };
    let operator = text.chars().next().filter(|c| operators.contains(*c));
    let operand = &text[operator.map_or(0, char::len_utf8)..];
    let operator = operator.unwrap_or('=');
    match kind {
        Kind::Number { .. } => number(operand)
            .map(|number| Test::Number(operator, number))
            .ok_or_else(|| format!("the test `{text}` is no number")),
        Kind::String | Kind::Search { .. } => Ok(Test::Text(operator, unescape(operand))),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let Some((kind, more)) = rest.split_first() else { break };
        rest = more;
        let digits = |rest: &[u8], radix: u32, most: usize| {
            rest.iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix)).count()
        };
        let code = |digits: &[u8], radix| {
            let text = std::str::from_utf8(digits).unwrap_or("0");
            (u32::from_str_radix(text, radix).unwrap_or(0) & 0xff) as u8
        };
        match kind {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let count = digits(rest, 16, 2);
                bytes.push(code(&rest[..count], 16));
                rest = &rest[count..];
            }
            b'0'..=b'7' => {
                let count = digits(rest, 8, 2);
                let all = [&[*kind], &rest[..count]].concat();
                bytes.push(code(&all, 8));
                rest = &rest[count..];
            }
            other => bytes.push(*other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const RULES: &str = "
# our own format
0 string LYC\\x01 Lycaon spool
!:mime application/x-lycaon
!:ext spool/sp
>4 byte x \\b, version %d
>5 beshort&0xff00 !0 with flags
>>5 ubeshort x %#x
>8 string next (nested
>>12 byte >9 \\b, large)
0 search/64 needle Haystack
0 lelong 0xdeadbeef Beef
";

    fn check(head: &[u8], wanted: Expect) {
        let rules = Rules::parse(RULES).unwrap();
        let found = rules.identify(head);
        let shown = found.map_or("-".to_owned(), |f| {
            format!("{} | {} | {}", f.description, f.mime, f.extension)
        });
        wanted.assert_eq(&shown);
    }

    #[test]
    fn rules_have_details() {
        check(
            b"LYC\x01\x02\0\0\0",
            expect!["Lycaon spool, version 2 | application/x-lycaon | spool"],
        );
        check(
            b"LYC\x01\x02\x12\x34\0next\x20",
            expect![
                "Lycaon spool, version 2 with flags 0x1234 (nested, large) | application/x-lycaon | spool"
            ],
        );
        check(b"some hay and a needle in it", expect!["Haystack | application/octet-stream | "]);
        check(&0xdead_beef_u32.to_le_bytes(), expect!["Beef | application/octet-stream | "]);
        check(b"nothing", expect!["-"]);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let error = |text: &str| Rules::parse(text).unwrap_err().to_string();
        expect![[r#"
            magic rules, line 1: a rule is `offset type test message`
            magic rules, line 1: the offset `(4.l)` is no plain number, which is all that is understood
            magic rules, line 1: the type `guid` is not understood
            magic rules, line 2: the rule is a detail of no rule: there are too many `>`
            magic rules, line 1: the test `one` is no number
            magic rules, line 2: `!:foo` is not understood"#]].assert_eq(
            &[
                "0 string",
                "(4.l) byte x a",
                "0 guid x a",
                "\n>0 byte x a",
                "0 byte one a",
                "0 byte 1 a\n!:foo",
            ]
            .map(error)
            .join("\n"),
        );
    }

    proptest::proptest! {
        #[test]
        fn no_rules_panic(
            rules in "([0-9>]{1,3} (u?(be|le)?(byte|short|long|quad)|string|search/9) [=!<>&^]?[0-9a-zx\\\\]{0,4} [a-z%#d\\\\]{0,6}\n){0,4}",
            head in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        ) {
            if let Ok(rules) = Rules::parse(&rules) {
                rules.identify(&head);
            }
        }
    }
}
