//! A regular expression of a rule, rewritten for engines whose expressions differ from ours.
//!
//! The meaning is that of the `regex` crate: a dot stops at `\n`, `$` is the very end unless `m`.
//! Everything whose meaning depends on an engine's options is spelled out; what cannot be spelled
//! is refused. Only whether there is a match counts, so groups capture nothing and repetitions are
//! greedy.
//!
//! # What differs all the same
//!
//! `\d`, `\w`, `\s`, `\b` and `i` know all of Unicode here, and what the engine thinks they are
//! there. All agree on ASCII.

use std::fmt::Write;

use regex_syntax::ast::{
    AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem, Flag, Flags,
    FlagsItemKind, GroupKind, Literal, RepetitionKind, RepetitionRange, parse::ParserBuilder,
};

/// The family of expressions that an engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// ClickHouse.
    Re2,
    /// Spark and Trino; what is written is also understood by engines in Rust that stand in.
    Java,
    /// PostgreSQL.
    Postgres,
}

/// Nested deeper than this is refused.
const DEPTH_MAX: u32 = 50;

/// The flags of a regular expression of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    pub(crate) ignore_case: bool,
    pub(crate) multi_line: bool,
    pub(crate) dot_all: bool,
}

/// Rewrites an expression; or says what the engine does not know.
pub(crate) fn rewritten(
    pattern: &str,
    switches: Switches,
    flavour: Flavour,
) -> Result<String, String> {
    let tree = ParserBuilder::new()
        .nest_limit(DEPTH_MAX)
        .build()
        .parse(pattern)
        .map_err(|error| format!("the regular expression cannot be read: {}", error.kind()))?;
    let mut writer =
        Writer { out: String::new(), flavour, now: switches, case: None, lines: false };
    writer.tree(&tree)?;
    let ignore_case = writer.case == Some(true);
    let flags = match (flavour, ignore_case, writer.lines) {
        (Flavour::Postgres, true, true) => "(?iw)",
        (Flavour::Postgres, true, false) => "(?i)",
        (Flavour::Postgres, false, true) => "(?w)",
        (Flavour::Re2 | Flavour::Java, true, _) => "(?i)",
        (_, false, _) => "",
    };
    Ok(format!("{flags}{}", writer.out))
}

struct Writer {
    out: String,
    flavour: Flavour,
    now: Switches,
    /// Whether case is ignored, once a letter has been seen.
    case: Option<bool>,
    /// `^` or `$` at lines was written.
    lines: bool,
}

impl Writer {
    fn tree(&mut self, tree: &Ast) -> Result<(), String> {
        match tree {
            Ast::Empty(_) => self.out.push_str("(?:)"),
            Ast::Flags(set) => self.switch(&set.flags)?,
            Ast::Literal(literal) => self.literal(literal)?,
            Ast::Dot(_) => self.dot(),
            Ast::Assertion(assertion) => self.assertion(&assertion.kind)?,
            Ast::ClassUnicode(_) => return Err(unknown("classes like `\\p{…}`")),
            Ast::ClassPerl(class) => self.perl(class),
            Ast::ClassBracketed(class) => {
                self.out.push_str(if class.negated { "[^" } else { "[" });
                self.class(&class.kind)?;
                self.out.push(']');
            }
            Ast::Repetition(repetition) => {
                self.group(|writer| writer.tree(&repetition.ast))?;
                self.times(&repetition.op.kind)?;
            }
            Ast::Group(group) => {
                let before = self.now;
                if let GroupKind::NonCapturing(flags) = &group.kind {
                    self.switch(flags)?;
                }
                self.group(|writer| writer.tree(&group.ast))?;
                self.now = before;
            }
            Ast::Alternation(alternation) => self.group(|writer| {
                for (at, one) in alternation.asts.iter().enumerate() {
                    if at > 0 {
                        writer.out.push('|');
                    }
                    writer.tree(one)?;
                }
                Ok(())
            })?,
            Ast::Concat(concat) => {
                for one in &concat.asts {
                    self.tree(one)?;
                }
            }
        }
        Ok(())
    }

    fn group(&mut self, inner: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.out.push_str("(?:");
        let before = self.now;
        inner(self)?;
        self.now = before;
        self.out.push(')');
        Ok(())
    }

    fn switch(&mut self, flags: &Flags) -> Result<(), String> {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.now.ignore_case = on,
                FlagsItemKind::Flag(Flag::MultiLine) => self.now.multi_line = on,
                FlagsItemKind::Flag(Flag::DotMatchesNewLine) => self.now.dot_all = on,
                // Read by the parser already, or without meaning for whether there is a match.
                FlagsItemKind::Flag(Flag::SwapGreed | Flag::IgnoreWhitespace) => {}
                FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF) => {
                    return Err(unknown("the flags `u` and `R`"));
                }
            }
        }
        Ok(())
    }

    /// Case is one switch for the whole expression there.
    fn letters(&mut self) -> Result<(), String> {
        match self.case.replace(self.now.ignore_case) {
            Some(before) if before != self.now.ignore_case => {
                Err("case matters in one part of the expression and not in another".into())
            }
            _ => Ok(()),
        }
    }

    fn literal(&mut self, literal: &Literal) -> Result<(), String> {
        if literal.byte().is_some() {
            return Err(unknown("single bytes"));
        }
        if literal.c.is_alphabetic() {
            self.letters()?;
        }
        self.character(literal.c)
    }

    fn character(&mut self, character: char) -> Result<(), String> {
        match character {
            '\0' => return Err(unknown("the character NUL")),
            '\n' => self.out.push_str("\\n"),
            plain if regex_syntax::is_meta_character(plain) => {
                self.out.push('\\');
                self.out.push(plain);
            }
            plain => self.out.push(plain),
        }
        Ok(())
    }

    fn dot(&mut self) {
        self.out.push_str(match (self.now.dot_all, self.flavour) {
            (false, _) => "[^\\n]",
            (true, Flavour::Postgres) => "(?:.|\\n)",
            (true, _) => "[\\s\\S]",
        });
    }

    fn assertion(&mut self, kind: &AssertionKind) -> Result<(), String> {
        let postgres = self.flavour == Flavour::Postgres;
        self.out.push_str(match kind {
            AssertionKind::StartLine if self.now.multi_line => {
                self.lines = true;
                if postgres { "^" } else { "(?m:^)" }
            }
            AssertionKind::EndLine if self.now.multi_line => {
                self.lines = true;
                if postgres { "$" } else { "(?m:$)" }
            }
            AssertionKind::StartLine | AssertionKind::StartText => "\\A",
            AssertionKind::EndLine | AssertionKind::EndText if postgres => "\\Z",
            AssertionKind::EndLine | AssertionKind::EndText => "\\z",
            AssertionKind::WordBoundary => {
                if postgres {
                    "\\y"
                } else {
                    "\\b"
                }
            }
            AssertionKind::NotWordBoundary => {
                if postgres {
                    "\\Y"
                } else {
                    "\\B"
                }
            }
            _ => return Err(unknown("starts and ends of words")),
        });
        Ok(())
    }

    fn perl(&mut self, class: &ClassPerl) {
        self.out.push_str(match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "\\d",
            (ClassPerlKind::Digit, true) => "\\D",
            (ClassPerlKind::Space, false) => "\\s",
            (ClassPerlKind::Space, true) => "\\S",
            (ClassPerlKind::Word, false) => "\\w",
            (ClassPerlKind::Word, true) => "\\W",
        });
    }

    fn class(&mut self, set: &ClassSet) -> Result<(), String> {
        let ClassSet::Item(item) = set else {
            return Err(unknown("classes that are cut with others"));
        };
        self.item(item)
    }

    fn item(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Literal(literal) => self.literal(literal),
            ClassSetItem::Range(range) => {
                self.literal(&range.start)?;
                self.out.push('-');
                self.literal(&range.end)
            }
            ClassSetItem::Perl(class) if class.negated && self.flavour == Flavour::Postgres => {
                Err(unknown("`\\D`, `\\S` and `\\W` between brackets"))
            }
            ClassSetItem::Perl(class) => {
                self.perl(class);
                Ok(())
            }
            ClassSetItem::Union(union) => union.items.iter().try_for_each(|one| self.item(one)),
            ClassSetItem::Empty(_) => Ok(()),
            ClassSetItem::Ascii(_) | ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => {
                Err(unknown("classes within classes"))
            }
        }
    }

    fn times(&mut self, kind: &RepetitionKind) -> Result<(), String> {
        let most = if self.flavour == Flavour::Postgres { 255 } else { 1_000 };
        let written = match kind {
            RepetitionKind::ZeroOrOne => return self.plain("?"),
            RepetitionKind::ZeroOrMore => return self.plain("*"),
            RepetitionKind::OneOrMore => return self.plain("+"),
            RepetitionKind::Range(range) => range,
        };
        let (least, last) = match written {
            RepetitionRange::Exactly(count) => (*count, Some(*count)),
            RepetitionRange::AtLeast(least) => (*least, None),
            RepetitionRange::Bounded(least, last) => (*least, Some(*last)),
        };
        if least.max(last.unwrap_or(0)) > most {
            return Err(format!("more than {most} repetitions are not possible there"));
        }
        let last = last.map_or_else(String::new, |last| last.to_string());
        write!(self.out, "{{{least},{last}}}").map_err(|error| error.to_string())
    }

    fn plain(&mut self, text: &str) -> Result<(), String> {
        self.out.push_str(text);
        Ok(())
    }
}

fn unknown(what: &str) -> String {
    format!("regular expressions there do not know {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(pattern: &str, flags: &str, flavour: Flavour, wanted: Expect) {
        let switches = Switches {
            ignore_case: flags.contains('i'),
            multi_line: flags.contains('m'),
            dot_all: flags.contains('s'),
        };
        let shown = match rewritten(pattern, switches, flavour) {
            Ok(text) => text,
            Err(why) => format!("refused: {why}"),
        };
        wanted.assert_eq(&shown);
    }

    #[test]
    fn what_depends_on_options_is_spelled_out() {
        check(r"^a.b$", "", Flavour::Re2, expect![[r"\Aa[^\n]b\z"]]);
        check(r"^a.b$", "", Flavour::Postgres, expect![[r"\Aa[^\n]b\Z"]]);
        check(r"^a.b$", "ims", Flavour::Postgres, expect![[r"(?iw)^a(?:.|\n)b$"]]);
        check(r"^a.b$", "ims", Flavour::Java, expect![[r"(?i)(?m:^)a[\s\S]b(?m:$)"]]);
        check(r"(?i)ab|cd", "", Flavour::Re2, expect!["(?i)(?:ab|cd)"]);
        check(r"(?P<x>a+?)\bb{2,}", "", Flavour::Postgres, expect![[r"(?:(?:a)+)\y(?:b){2,}"]]);
        check(r"[^a-z\d_\-\]]", "", Flavour::Java, expect![[r"[^a-z\d_\-\]]"]]);
        check(r"C:\\x\.exe", "", Flavour::Java, expect![[r"C:\\x\.exe"]]);
    }

    #[test]
    fn what_cannot_be_spelled_is_refused() {
        let re2 = Flavour::Re2;
        check(
            r"\p{Greek}",
            "",
            re2,
            expect![[r"refused: regular expressions there do not know classes like `\p{…}`"]],
        );
        check(
            r"(?i:a)b",
            "",
            re2,
            expect!["refused: case matters in one part of the expression and not in another"],
        );
        check(
            r"[a-z&&b]",
            "",
            re2,
            expect![
                "refused: regular expressions there do not know classes that are cut with others"
            ],
        );
        check(
            r"a{2000}",
            "",
            re2,
            expect!["refused: more than 1000 repetitions are not possible there"],
        );
        check(
            r"[\S]",
            "",
            Flavour::Postgres,
            expect![[
                r"refused: regular expressions there do not know `\D`, `\S` and `\W` between brackets"
            ]],
        );
    }
}
