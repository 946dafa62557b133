//! What stands around the place where the parser stopped.

use super::Stop;
use crate::token::{Keyword, Kind, Mark, Token};

impl Stop<'_, '_> {
    /// The tokens of the statement up to the cursor.
    pub(super) fn statement(&self) -> &[Token] {
        self.parser.tokens.get(self.parser.statement_start..self.parser.at).unwrap_or(&[])
    }

    pub(super) fn after_empty_string(&self) -> bool {
        self.touching()
            .is_some_and(|token| token.kind == Kind::Text && token.span.end - token.span.start == 2)
    }

    pub(super) fn number_before_dot(&self) -> bool {
        self.backwards().nth(1) == Some(Kind::Number)
    }

    /// Whether only the source of a query stands before the cursor.
    pub(super) fn after_source(&self) -> bool {
        let mut depth = 0_usize;
        for kind in self.backwards() {
            match kind {
                Kind::Mark(Mark::CloseParen | Mark::CloseBrace | Mark::CloseBracket) => depth += 1,
                Kind::Mark(Mark::OpenParen | Mark::OpenBrace | Mark::OpenBracket) if depth > 0 => {
                    depth -= 1;
                }
                Kind::Word(Keyword::From) if depth == 0 => return true,
                Kind::Name | Kind::Ticked | Kind::Mark(Mark::Dot) => {}
                _ if depth > 0 => {}
                _ => return false,
            }
        }
        false
    }

    pub(super) fn previous_text_is(&self, word: &str) -> bool {
        let previous = self.parser.previous();
        previous.is_some_and(|token| self.parser.spelling(token).eq_ignore_ascii_case(word))
    }

    /// The kinds of the tokens before this one, nearest first.
    pub(super) fn backwards(&self) -> impl Iterator<Item = Kind> + '_ {
        let before = self.parser.tokens.get(..self.parser.at).unwrap_or(&[]);
        before.iter().rev().map(|token| token.kind)
    }

    /// Whether the value before this token is the right side of `*` or `/`.
    pub(super) fn is_factor(&self) -> bool {
        let mut depth = 0_usize;
        for kind in self.backwards().take(200) {
            match kind {
                Kind::Mark(Mark::CloseParen) => depth += 1,
                Kind::Mark(Mark::OpenParen) if depth > 0 => depth -= 1,
                _ if depth > 0 => {}
                Kind::Name
                | Kind::Ticked
                | Kind::Negated
                | Kind::Text
                | Kind::Raw
                | Kind::Number => {}
                Kind::Mark(Mark::Dot) => {}
                Kind::Mark(Mark::Star | Mark::Slash) => return true,
                _ => return false,
            }
        }
        false
    }

    pub(super) fn is_index(&self) -> bool {
        self.backwards().nth(1) == Some(Kind::Mark(Mark::OpenBracket))
    }

    pub(super) fn is_order_by(&self) -> bool {
        self.backwards().nth(1) == Some(Kind::Word(Keyword::OrderBy))
    }

    /// `name(value,` or `name(value)`: the cursor is behind a single value.
    pub(super) fn is_positional(&self) -> bool {
        let mut kinds = self.backwards();
        matches!(kinds.next(), Some(Kind::Name | Kind::Ticked))
            && matches!(kinds.next(), Some(Kind::Mark(Mark::OpenParen | Mark::Comma)))
            && matches!(kinds.next(), Some(Kind::Name | Kind::Mark(_) | Kind::Text))
    }
}
