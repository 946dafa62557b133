//! What a record certainly has in it when it satisfies a predicate.
//!
//! Among thousands of rules only a few can be satisfied by one record. A witness is a small set of
//! clues of which such a record has at least one, so a search for the clues of all rules in one pass
//! leaves only the rules that are worth asking.
//!
//! # Invariants
//!
//! - **SI-5** A record that satisfies the predicate has one of the clues of its witness. The reverse
//!   does not hold.
//!
//! # Not here
//!
//! Searching for clues: [`crate::RuleSet`] for records, `matcher` for columns.

use regex_syntax::hir::{Class, Hir, HirKind};
use rows::{Name, Text};

use crate::predicate::{Anchor, Comparison, Number, Predicate, Test, TextTest};
use crate::text::{Piece, TextPattern, folded};

/// A witness has at most so many clues; more are not worth looking for.
pub const CLUES_MAX: usize = 4_096;

/// What a record has in it when it satisfies a predicate: at least one of these clues. Without any
/// clue, no record satisfies the predicate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Witness {
    /// The clues.
    pub any: Vec<Clue>,
}

/// Something that can be looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Clue {
    /// In this field, or anywhere in the record.
    pub field: Option<Name>,
    /// What.
    pub sight: Sight,
}

/// What is looked for in a value, or in one element of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// A text. It is in lower case, and so is the value's text to be for the search, character by
    /// character, also for tests that respect case.
    Text {
        /// What is found there; never empty.
        literal: Text,
        /// Where.
        anchor: Anchor,
    },
    /// The value is a number, or a text that spells one, that equals this; at most 2⁵² in size, so
    /// that nothing else rounds to it.
    Number(i64),
}

/// Numbers beyond this are no clues: others may round to them.
const NUMBER_MAX: i64 = 1 << 52;

/// The best witness of a predicate; `None` where nothing can be looked for.
pub fn witness(predicate: &Predicate) -> Option<Witness> {
    best(predicate, true).map(|found| Witness { any: found.clues })
}

/// Clues, and how rare the commonest of them is thought to be.
struct Found {
    clues: Vec<Clue>,
    worth: u32,
}

impl Found {
    /// How much better this is than another: rare clues, then few of them.
    fn rank(&self) -> (u32, std::cmp::Reverse<usize>) {
        (self.worth, std::cmp::Reverse(self.clues.len()))
    }

    fn one(field: Option<&Name>, sight: Sight) -> Self {
        let worth = worth(&sight);
        Self { clues: vec![Clue { field: field.cloned(), sight }], worth }
    }

    fn all(of: impl IntoIterator<Item = Found>) -> Option<Self> {
        let mut whole = Self { clues: Vec::new(), worth: u32::MAX };
        for one in of {
            whole.worth = whole.worth.min(one.worth);
            whole.clues.extend(one.clues);
            if whole.clues.len() > CLUES_MAX {
                return None;
            }
        }
        let mut unique: Vec<Clue> = Vec::with_capacity(whole.clues.len());
        // Lists are short or made of different values; a few repetitions cost little.
        for clue in whole.clues {
            if unique.len() > 64 || !unique.contains(&clue) {
                unique.push(clue);
            }
        }
        Some(Self { clues: unique, worth: whole.worth })
    }
}

/// The best clues for a predicate that holds, or that does not hold.
fn best(predicate: &Predicate, holds: bool) -> Option<Found> {
    match (predicate, holds) {
        (Predicate::Not(inner), _) => best(inner, !holds),
        (Predicate::And(of), true) | (Predicate::Or(of), false) => {
            of.iter().filter_map(|one| best(one, holds)).max_by_key(Found::rank)
        }
        (Predicate::Or(of), true) | (Predicate::And(of), false) => {
            let each: Option<Vec<Found>> = of.iter().map(|one| best(one, holds)).collect();
            Found::all(each?)
        }
        (Predicate::AtLeast { count, of }, true) => some_of(of, *count, true),
        // Fewer than `count` hold: so many do not.
        (Predicate::AtLeast { count, of }, false) => {
            some_of(of, (of.len() + 1).saturating_sub(*count), false)
        }
        (Predicate::Field { field, test }, true) => of_test(Some(field), test),
        (Predicate::Keyword(test), true) => of_test(None, test),
        (Predicate::Field { .. } | Predicate::Keyword(_), false) => None,
    }
}

/// Of these, `count` or more (do not) hold: among any `len - count + 1` of them, one does.
fn some_of(of: &[Predicate], count: usize, holds: bool) -> Option<Found> {
    let needed = (of.len() + 1).checked_sub(count.max(1));
    if count == 0 {
        return None;
    }
    let mut found: Vec<Found> = of.iter().filter_map(|one| best(one, holds)).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.rank()));
    match needed {
        // More are wanted than there are: nothing satisfies that.
        None | Some(0) => Found::all([]),
        Some(needed) if found.len() >= needed => Found::all(found.into_iter().take(needed)),
        Some(_) => None,
    }
}

fn of_test(field: Option<&Name>, test: &Test) -> Option<Found> {
    match test {
        Test::Text(text) => of_pattern(field, text),
        Test::Regex { .. } => of_regex(field, test),
        Test::Number { is: Comparison::Equal, than: Number::Int(number) }
            if number.unsigned_abs() <= NUMBER_MAX.unsigned_abs() =>
        {
            Some(Found::one(field, Sight::Number(*number)))
        }
        _ => None,
    }
}

fn of_pattern(field: Option<&Name>, test: &TextTest) -> Option<Found> {
    let (literal, anchor) = match &test.pattern {
        TextPattern::Equals(text) => (text, Anchor::Whole),
        TextPattern::StartsWith(text) => (text, Anchor::Start),
        TextPattern::EndsWith(text) => (text, Anchor::End),
        TextPattern::Contains(text) => (text, Anchor::Anywhere),
        TextPattern::Like(pieces) => {
            let found = pieces.iter().enumerate().filter_map(|(at, piece)| match piece {
                Piece::Literal(text) if pieces.len() == 1 => Some((text, Anchor::Whole)),
                Piece::Literal(text) if at == 0 => Some((text, Anchor::Start)),
                Piece::Literal(text) if at + 1 == pieces.len() => Some((text, Anchor::End)),
                Piece::Literal(text) => Some((text, Anchor::Anywhere)),
                Piece::AnyOne | Piece::AnyMany => None,
            });
            found.max_by_key(|(text, _)| rarity(&folded(text)))?
        }
    };
    // Bytes that are a part of a character are not found again in a folded text.
    if test.cased && literal.as_str().is_none() {
        return None;
    }
    seen(field, folded(literal), anchor)
}

fn seen(field: Option<&Name>, literal: Vec<u8>, anchor: Anchor) -> Option<Found> {
    let sight = Sight::Text { literal: Text::from(literal.as_slice()), anchor };
    (!literal.is_empty()).then(|| Found::one(field, sight))
}

/// A text that every match of the expression has in it.
fn of_regex(field: Option<&Name>, test: &Test) -> Option<Found> {
    let Test::Regex { pattern, ignore_case, multi_line, dot_all } = test else { return None };
    let tree = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .case_insensitive(*ignore_case)
        .multi_line(*multi_line)
        .dot_matches_new_line(*dot_all)
        .build()
        .parse(&pattern.to_str_lossy())
        .ok()?;
    let literals = of_tree(&tree)?;
    Found::all(literals.into_iter().filter_map(|text| seen(field, text, Anchor::Anywhere)))
}

/// An expression has at most so many alternatives that are looked for.
const ALTERNATIVES_MAX: usize = 64;

/// Literals in lower case, one of which stands in every match; none of them empty.
fn of_tree(tree: &Hir) -> Option<Vec<Vec<u8>>> {
    match tree.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => run(std::slice::from_ref(tree)),
        HirKind::Concat(parts) => {
            // The best of: runs of characters, and whatever a part has in itself.
            let runs = parts.iter().enumerate().filter_map(|(at, part)| {
                let starts = at == 0 || one_form(&parts[at - 1]).is_none();
                match part.kind() {
                    HirKind::Literal(_) | HirKind::Class(_) if starts => run(&parts[at..]),
                    HirKind::Literal(_) | HirKind::Class(_) => None,
                    _ => of_tree(part),
                }
            });
            runs.max_by_key(|literals| literals.iter().map(|text| rarity(text)).min())
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(of_tree(part)?);
                if all.len() > ALTERNATIVES_MAX {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Capture(capture) => of_tree(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of_tree(&repetition.sub),
        HirKind::Repetition(_) | HirKind::Empty | HirKind::Look(_) => None,
    }
}

/// The literal that the leading parts spell, whatever their case.
fn run(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut literal = Vec::new();
    for part in parts {
        match one_form(part) {
            Some(form) => literal.extend(form),
            None => break,
        }
    }
    (!literal.is_empty()).then(|| vec![literal])
}

/// What a part is in lower case, when that is always the same.
fn one_form(part: &Hir) -> Option<Vec<u8>> {
    match part.kind() {
        // A part of a character cannot be folded by itself.
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).ok().map(|text| folded(text.as_bytes()))
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut forms = Vec::new();
            for range in class.ranges() {
                for character in (range.start()..=range.end()).take(4) {
                    let form = folded(character.encode_utf8(&mut [0; 4]).as_bytes());
                    if !forms.contains(&form) {
                        forms.push(form);
                    }
                    if forms.len() > 1 {
                        return None;
                    }
                }
            }
            forms.pop()
        }
        _ => None,
    }
}

/// How rare a sight is thought to be.
fn worth(sight: &Sight) -> u32 {
    match sight {
        Sight::Text { literal, anchor } => {
            let bound = match anchor {
                Anchor::Whole => 3,
                Anchor::Start | Anchor::End => 1,
                Anchor::Anywhere => 0,
            };
            rarity(literal) + bound
        }
        // Event numbers: better than nothing, worse than almost any text.
        Sight::Number(_) => 3,
    }
}

/// What stands in very many records of some kind.
const COMMON: &[&str] = &[
    "c:\\windows\\system32\\",
    "c:\\windows\\",
    "\\windows\\",
    "\\system32\\",
    "\\syswow64\\",
    "c:\\program files",
    "\\appdata\\local\\",
    "\\appdata\\",
    "c:\\users\\",
    "\\users\\",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/",
    "/bin/",
    "hkey_local_machine",
    "\\software\\microsoft\\windows\\currentversion\\",
    "\\software\\microsoft\\",
    "microsoft",
    "powershell",
    "https://",
    "http://",
    "amazonaws.com",
    "nt authority",
    "system",
    "windows",
    "success",
    ".exe",
    ".dll",
    ".com",
    "cmd",
    "www.",
    "get",
    "post",
];

/// How many bytes of a text are not common ones; more than a few make no difference.
fn rarity(text: &[u8]) -> u32 {
    const ENOUGH: u32 = 24;
    let mut rest = String::from_utf8_lossy(text).into_owned();
    for common in COMMON {
        if rest.contains(common) {
            // What is common still tells a little.
            rest = rest.replace(common, "\u{1}");
        }
    }
    u32::try_from(rest.len()).unwrap_or(ENOUGH).min(ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_rules;
    use expect_test::{Expect, expect};

    fn check(detection: &str, wanted: Expect) {
        let indented: String = detection.lines().map(|line| format!("  {line}\n")).collect();
        let file = read_rules(
            "rule.yml",
            &format!("title: T\nlogsource: {{product: p}}\ndetection:\n{indented}"),
        );
        assert!(file.problems.is_empty(), "{:?}", file.problems);
        let shown = match witness(&file.rules[0].conditions[0]) {
            None => "none".to_owned(),
            Some(witness) => witness.any.iter().map(show).collect::<Vec<_>>().join(" | "),
        };
        wanted.assert_eq(&shown);
    }

    fn show(clue: &Clue) -> String {
        let field = clue.field.as_ref().map_or("*", |name| name);
        match &clue.sight {
            Sight::Number(number) => format!("{field} = {number}"),
            Sight::Text { literal, anchor } => format!("{field} {anchor:?} {literal}"),
        }
    }

    #[test]
    fn of_several_fields_the_rarest_is_chosen() {
        check(
            "s:\n  Image|endswith: '\\cmd.exe'\n  CommandLine|contains: Secret-Tool\ncondition: s",
            expect!["CommandLine Anywhere secret-tool"],
        );
        check(
            "s:\n  EventID: 4688\n  Image|startswith: 'C:\\Windows\\'\ncondition: s",
            expect!["EventID = 4688"],
        );
        check("s:\n  F: 'ab*cdefg*h'\ncondition: s", expect!["F Anywhere cdefg"]);
        check("s:\n  F|cased: AbC\ncondition: s", expect!["F Whole abc"]);
    }

    #[test]
    fn one_of_several_needs_a_clue_for_each() {
        check(
            "s:\n  F|contains: [aaa, bbb]\nt:\n  G: x\ncondition: s or t",
            expect!["F Anywhere aaa | F Anywhere bbb | G Whole x"],
        );
        check("s:\n  F: aaa\nt:\n  G|exists: true\ncondition: s or t", expect!["none"]);
        check("s:\n  F: aaa\nt:\n  G|exists: true\ncondition: s and t", expect!["F Whole aaa"]);
        check("k: [evil, '4711']\ncondition: k", expect!["* Anywhere evil | * Anywhere 4711"]);
    }

    #[test]
    fn a_number_of_them_needs_a_clue_for_all_but_so_many() {
        let three = "a:\n  A: aaa\nb:\n  B: bbbbb\nc:\n  C: cccc\n";
        check(&format!("{three}condition: 2 of them"), expect!["B Whole bbbbb | C Whole cccc"]);
        check(&format!("{three}condition: 3 of them"), expect!["B Whole bbbbb"]);
        check(&format!("{three}condition: 4 of them"), expect![""]);
        check(&format!("{three}condition: 0 of them"), expect!["none"]);
        check(&format!("{three}condition: not (not a or 1 of b)"), expect!["A Whole aaa"]);
    }

    #[test]
    fn expressions_have_texts_in_them() {
        check("s:\n  F|re: '^Abc(x|y)+de?fgh$'\ncondition: s", expect!["F Anywhere fgh"]);
        check(
            "s:\n  F|re: 'a*(?:longer|text)[0-9]+'\ncondition: s",
            expect!["F Anywhere longer | F Anywhere text"],
        );
        check("s:\n  F|re|i: 'aBc[0-9]'\ncondition: s", expect!["F Anywhere abc"]);
        check("s:\n  F|re: '[a-z]+|x'\ncondition: s", expect!["none"]);
        check("s:\n  F|re: '.*'\ncondition: s", expect!["none"]);
        check("s:\n  F|re: '(?:abc){0,2}'\ncondition: s", expect!["none"]);
    }
}
