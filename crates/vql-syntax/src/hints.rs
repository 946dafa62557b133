//! Turns an unexpected token into a sentence, and known mistakes into advice.
//!
//! Most mistakes come from SQL, from Python or from glued minus signs. Each is recognised by the
//! token that stopped the parser and the one or two before it.

mod around;
mod marks;

use crate::diagnostic::{Diagnostic, Severity};
use crate::parser::Parser;
use crate::token::{Keyword, Kind, Mark, Stray, Token};

/// The error for the token under the parser's cursor.
pub(crate) fn unexpected(parser: &Parser<'_>, expected: &str) -> Diagnostic {
    let token = parser.peek();
    let stop = Stop { parser, token, text: parser.spelling(token) };
    Diagnostic {
        span: stop.span(),
        severity: Severity::Error,
        message: stop.message(),
        expected: Some(expected.to_owned()),
        hint: stop.hint(),
    }
}

/// The place where the parser stopped.
struct Stop<'p, 't> {
    parser: &'p Parser<'t>,
    token: Token,
    text: &'t str,
}

impl Stop<'_, '_> {
    /// What to put the caret under: an unclosed thing is shown by its opening mark only.
    fn span(&self) -> crate::Span {
        let mut span = self.token.span;
        let opening = match self.token.kind {
            Kind::Stray(Stray::OpenText | Stray::OpenTick) => 1,
            Kind::Stray(Stray::OpenComment) => 2,
            Kind::Stray(Stray::OpenRaw) => 3,
            _ => return span,
        };
        span.end = span.start + opening;
        span
    }

    fn message(&self) -> String {
        match self.token.kind {
            Kind::End => "the text ends too early".into(),
            Kind::Stray(Stray::OpenText) => "this string is never closed".into(),
            Kind::Stray(Stray::OpenRaw) => "this raw string is never closed".into(),
            Kind::Stray(Stray::OpenTick) => "this backtick name is never closed".into(),
            Kind::Stray(Stray::OpenComment) => "this comment is never closed".into(),
            Kind::Stray(Stray::Character) => match self.text.chars().next() {
                Some(c) if c.is_control() || c.is_whitespace() || !is_visible(c) => {
                    format!("the character U+{:04X} is not part of VQL", u32::from(c))
                }
                _ => format!("`{}` is not part of VQL", self.text),
            },
            Kind::Word(_) => format!("unexpected `{}`, a reserved word", shortened(self.text)),
            _ => format!("unexpected `{}`", shortened(self.text)),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self.token.kind {
            Kind::Stray(Stray::OpenText) if self.after_empty_string() => {
                return Some("close it with three single quotes, as it was opened".into());
            }
            Kind::Stray(stray) => return self.stray(stray),
            Kind::Number | Kind::Negated if self.text.starts_with('-') => self.glued_minus(),
            Kind::Word(word) => self.reserved(word),
            Kind::Mark(mark) => self.mark(mark),
            Kind::Name | Kind::Number if self.before() == Kind::Word(Keyword::Limit) => Some(
                "only a whole number may stand here; `count()` in a column and WHERE on it \
                 limit by a value"
                    .into(),
            ),
            Kind::Name => self.odd_number().or_else(|| self.foreign_word()),
            Kind::Text | Kind::Raw => self.string(),
            Kind::Number => self.number(),
            Kind::End => self.unclosed(),
            _ => None,
        };
        hint.or_else(|| self.foreign_word_before())
            .or_else(|| self.not_a_query())
            .or_else(|| self.missing_between())
    }

    // --- the neighbourhood

    fn before(&self) -> Kind {
        self.parser.previous().map_or(Kind::End, |token| token.kind)
    }

    /// The token before, when no blank separates it from this one.
    fn touching(&self) -> Option<Token> {
        self.parser.previous().filter(|before| before.span.end == self.token.span.start)
    }

    fn after(&self) -> Kind {
        self.parser.peek_at(1).kind
    }

    /// Whether the token before ends a value, so that an operator was due.
    fn after_value(&self) -> bool {
        matches!(
            self.before(),
            Kind::Name
                | Kind::Ticked
                | Kind::Negated
                | Kind::Number
                | Kind::Text
                | Kind::Raw
                | Kind::Word(Keyword::Null | Keyword::True | Keyword::False)
                | Kind::Mark(Mark::CloseParen | Mark::CloseBracket | Mark::CloseBrace)
        )
    }

    // --- one kind of token each

    fn stray(&self, stray: Stray) -> Option<String> {
        let hint = match stray {
            Stray::OpenText => "close it with the same quote; inside, write `\\\"` or `\\'`",
            Stray::OpenRaw => "close it with three single quotes",
            Stray::OpenTick => "close it with a backtick",
            Stray::OpenComment => "close it with `*/`",
            Stray::Character => match self.text {
                ";" => "leave it out: a statement ends where the next LET or SELECT begins",
                "!" => "write `NOT x`, or `!=` without a blank",
                "&" => "write `AND`, or `&&` for the last value",
                "~" => "a regular expression is matched with `x =~ \"pattern\"`",
                "?" => "write `if(condition=x, then=y, else=z)`",
                "#" => "a comment starts with `--` or `//`",
                "^" => "there is no such operator; XOR and powers are not part of the language",
                "`" => "a name between backticks has at least one character",
                "\\" => "a backslash is only used inside strings",
                "\u{201c}" | "\u{201d}" | "\u{201e}" | "\u{2018}" | "\u{2019}" => {
                    "this is a typographic quote; write a straight `\"` or `'`"
                }
                "\u{2013}" | "\u{2014}" | "\u{2212}" => "this is a dash; write the minus sign `-`",
                "\u{a0}" | "\u{2007}" | "\u{202f}" | "\u{feff}" | "\u{200b}" => {
                    "it looks like a blank but is none; replace it with a blank"
                }
                text if text.chars().all(char::is_alphabetic) => {
                    "names with other than ASCII letters stand between backticks"
                }
                _ => return None,
            },
        };
        Some(hint.into())
    }

    fn glued_minus(&self) -> Option<String> {
        let rest = self.text.strip_prefix('-').unwrap_or(self.text);
        self.after_value().then(|| {
            format!(
                "a minus sign directly before a digit or a name belongs to it; \
                 write blanks on both sides: `- {rest}`"
            )
        })
    }

    fn number(&self) -> Option<String> {
        let touching = self.touching()?;
        let hint = match touching.kind {
            Kind::Name if self.text.starts_with('.') => {
                "elements are picked by index: `name[0]`, not `name.0`"
            }
            _ => return None,
        };
        Some(hint.into())
    }

    /// A name glued to a number: a number of another language.
    fn odd_number(&self) -> Option<String> {
        let before = self.touching().filter(|token| token.kind == Kind::Number)?;
        let hint = match (self.parser.spelling(before), self.text.chars().next()?) {
            ("0", 'X') => "hexadecimal numbers start with a small x: `0x10`",
            ("0", 'b' | 'B' | 'o' | 'O') => "numbers are decimal, `0x` hexadecimal or `0` octal",
            (_, '_') => "digits are not grouped: write `1000`",
            _ => "a blank, an operator or a comma is missing between them",
        };
        Some(hint.into())
    }

    fn reserved(&self, word: Keyword) -> Option<String> {
        let hint = match (word, self.before()) {
            (Keyword::Not, _) if self.after() == Kind::Word(Keyword::In) => {
                "write `NOT x IN y`".into()
            }
            (Keyword::Not, Kind::Name) if self.previous_text_is("IS") => {
                "write `x != NULL`, or just `x`, which is false for NULL".into()
            }
            (Keyword::Select | Keyword::Explain, Kind::Mark(Mark::OpenParen)) => {
                "a query used as a value stands in braces and only as a column or an argument: \
                 `name={ SELECT … }`; otherwise define it first: `LET q = SELECT …`"
                    .into()
            }
            (Keyword::Let | Keyword::Select | Keyword::Explain, _) if self.unclosed().is_some() => {
                return self.unclosed();
            }
            (Keyword::Select | Keyword::Explain, Kind::Mark(_)) => {
                "a query used as a value stands in braces: `{ SELECT … }`".into()
            }
            (Keyword::As, Kind::Mark(Mark::Star)) => "a star has no alias; leave out AS".into(),
            (Keyword::Select, Kind::Word(Keyword::Select)) => "one SELECT is enough".into(),
            (Keyword::From, Kind::Mark(Mark::Dot)) if self.number_before_dot() => {
                "a number does not end with a dot: write `5` or `5.0`".into()
            }
            (Keyword::From, Kind::Mark(Mark::Comma)) => {
                "leave out the comma after the last column".into()
            }
            (Keyword::Limit | Keyword::GroupBy | Keyword::OrderBy | Keyword::Where, before)
                if before != Kind::Mark(Mark::Dot)
                    && !matches!(before, Kind::Mark(Mark::OpenParen | Mark::Comma))
                    && before != Kind::Word(Keyword::As) =>
            {
                "the order is SELECT … FROM … WHERE … GROUP BY … ORDER BY … LIMIT …".into()
            }
            (Keyword::Desc, Kind::Number) => "the order is ORDER BY name DESC LIMIT number".into(),
            (
                _,
                Kind::Mark(Mark::Dot | Mark::OpenParen | Mark::Comma)
                | Kind::Word(Keyword::As | Keyword::Let | Keyword::OrderBy | Keyword::From),
            ) => {
                format!("between backticks it is a name: `` `{}` ``", self.text)
            }
            _ => return None,
        };
        Some(hint)
    }

    fn string(&self) -> Option<String> {
        let hint = match self.before() {
            Kind::Word(Keyword::As) => {
                format!("an alias is a name: write it between backticks: `` `{}` ``", self.text.trim_matches(['"', '\'']))
            }
            _ if self.after_empty_string() && self.text.starts_with('\'') => {
                "a raw string that starts with three single quotes must end with three".into()
            }
            Kind::Text => {
                "two strings are joined with `+`; a quote inside a string is written `\\\"` or `\\'`".into()
            }
            Kind::Mark(Mark::OpenParen | Mark::Comma) => "arguments have names: `name=value`".into(),
            _ => return None,
        };
        Some(hint)
    }

    /// Words of SQL that VQL reads as plain names, so that the parser stops at them.
    fn foreign_word(&self) -> Option<String> {
        let hint = match self.text.to_ascii_uppercase().as_str() {
            "ASC" => "ascending is the default; leave ASC out",
            "HAVING" => "there is no HAVING; put the grouped query into a LET and use WHERE on it",
            "LIKE" | "RLIKE" | "REGEXP" | "ILIKE" => {
                "match a regular expression instead: `x =~ \"pattern\"`"
            }
            "BETWEEN" => "write `x >= a AND x <= b`",
            "IS" => "compare with `=`: `x = NULL`",
            "JOIN" | "INNER" | "LEFT" | "RIGHT" | "CROSS" => {
                "there is no JOIN; use `foreach(row=…, query={ SELECT … })`"
            }
            "UNION" | "INTERSECT" | "EXCEPT" => {
                "there is no UNION; use `chain(a={ SELECT … }, b={ SELECT … })`"
            }
            "OFFSET" => "there is no OFFSET; number the rows with `count()` and use WHERE",
            "ORDER" | "GROUP" => "the second word of ORDER BY and GROUP BY is missing",
            "XOR" | "DIV" | "MOD" => "there is no such operator",
            _ => return None,
        };
        Some(hint.into())
    }

    fn foreign_word_before(&self) -> Option<String> {
        let previous = self.parser.previous().filter(|token| token.kind == Kind::Name)?;
        let hint = match self.parser.spelling(previous).to_ascii_uppercase().as_str() {
            "DISTINCT" => "there is no DISTINCT; use `GROUP BY` over the columns",
            "CASE" => "there is no CASE; use `if(condition=…, then=…, else=…)`",
            "ALL" | "TOP" => "there is no such word; `LIMIT n` stops after n rows",
            _ => return None,
        };
        Some(hint.into())
    }

    /// One value behind another.
    fn missing_between(&self) -> Option<String> {
        let value = matches!(
            self.token.kind,
            Kind::Name | Kind::Ticked | Kind::Text | Kind::Raw | Kind::Number
        );
        let both = value && self.after_value();
        both.then(|| "an operator or a comma is missing between these two".into())
    }

    /// Something else than a query behind an opening brace.
    fn not_a_query(&self) -> Option<String> {
        (self.before() == Kind::Mark(Mark::OpenBrace)).then(|| {
            "braces hold a query: `{ SELECT … }`; a dict is written `dict(key=value)`".into()
        })
    }

    /// At the end of a statement: which bracket is still open.
    fn unclosed(&self) -> Option<String> {
        let mut open: Vec<(char, &Token)> = Vec::new();
        for token in self.statement() {
            match token.kind {
                Kind::Mark(Mark::OpenParen) => open.push((')', token)),
                Kind::Mark(Mark::OpenBrace) => open.push(('}', token)),
                Kind::Mark(Mark::OpenBracket) => open.push((']', token)),
                Kind::Mark(Mark::CloseParen | Mark::CloseBrace | Mark::CloseBracket) => {
                    open.pop();
                }
                _ => {}
            }
        }
        if let Some((close, token)) = open.last() {
            let before = self.parser.text.get(..token.span.start).unwrap_or("");
            let line = before.matches('\n').count() + 1;
            let bracket = self.parser.spelling(**token);
            return Some(format!("`{bracket}` of line {line} is not closed: `{close}` is missing"));
        }
        let words = self.statement().iter().rev().map(|token| token.kind);
        let mut clauses = words.filter(|kind| {
            matches!(kind, Kind::Word(Keyword::Select | Keyword::From | Keyword::Let))
        });
        (clauses.next() == Some(Kind::Word(Keyword::Select)))
            .then(|| "every SELECT reads FROM something; `FROM scope()` gives one row".into())
    }
}

fn is_visible(c: char) -> bool {
    !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}' | '\u{feff}')
}

/// A token's text, cut when it is long.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let line = text.lines().next().unwrap_or("");
    if line.len() == text.len() && text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    let cut: String = line.chars().take(SHOWN_MAX).collect();
    format!("{cut}…")
}
