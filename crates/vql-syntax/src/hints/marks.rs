//! Advice for marks that stand where they cannot: brackets, commas, operators.

use super::Stop;
use crate::token::{Keyword, Kind, Mark};

impl Stop<'_, '_> {
    pub(super) fn mark(&self, mark: Mark) -> Option<String> {
        self.opening(mark).or_else(|| self.closing(mark)).or_else(|| self.operator(mark))
    }

    /// Opening brackets, and the dot that may stand in their place.
    fn opening(&self, mark: Mark) -> Option<String> {
        let before = self.before();
        let hint = match mark {
            Mark::OpenBracket if self.is_factor() => {
                "the right side of `*` and `/` is a bare value; \
                 put it in parentheses: `2 * (a[0])`"
            }
            Mark::OpenBracket if before == Kind::Mark(Mark::OpenBracket) => {
                "inside square brackets write inner arrays as `(1, 2)`; \
                 an index that is an expression goes into parentheses"
            }
            Mark::OpenBracket => {
                "square brackets make arrays only as the value of an argument; write `(1, 2)`, \
                 or `(1,)` for one element"
            }
            Mark::OpenBrace
                if before == Kind::Mark(Mark::Equal) || before == Kind::Mark(Mark::LessEqual) =>
            {
                "a LET needs no braces around its query: `LET q = SELECT …`; \
                 a dict is written `dict(key=value)`"
            }
            Mark::OpenBrace if before == Kind::Word(Keyword::From) => {
                "FROM takes a plugin or a name; define the query first with LET, \
                 or write `foreach(row={ SELECT … })`"
            }
            Mark::OpenBrace => {
                "a dict is written `dict(key=value)`; a query in braces is an argument or a column"
            }
            Mark::OpenParen if before == Kind::End => {
                "the parameters of a lambda have no parentheses: `x, y => x + y`"
            }
            Mark::OpenParen if before == Kind::Word(Keyword::From) => {
                "FROM takes a plugin or a name; define the query first with LET, \
                 or write `foreach(row={ SELECT … })`"
            }
            Mark::OpenParen => {
                "only names can be called, with one pair of parentheses; \
                 give the value a name with LET first"
            }
            _ => return None,
        };
        Some(hint.into())
    }

    /// Closing brackets and commas.
    fn closing(&self, mark: Mark) -> Option<String> {
        let before = self.before();
        let hint = match mark {
            Mark::CloseParen | Mark::CloseBrace if before == Kind::Mark(Mark::Comma) => {
                "leave out the comma after the last argument"
            }
            Mark::CloseParen if before == Kind::Mark(Mark::OpenParen) => {
                "an empty array is written `[]` as an argument, or `array()`"
            }
            Mark::Comma if before == Kind::Mark(Mark::Comma) => "one comma is enough",
            Mark::Comma | Mark::CloseParen if self.is_positional() => {
                "arguments have names: `name=value`"
            }
            Mark::Comma if self.after_source() && self.unclosed().is_some() => {
                return self.unclosed();
            }
            Mark::Comma if self.after_source() => {
                "FROM takes one source; use `chain(a={ SELECT … }, b={ SELECT … })` or `foreach`"
            }
            Mark::Comma if self.is_order_by() => {
                "ORDER BY takes one column name; give an expression a name with AS and use that"
            }
            _ => return None,
        };
        Some(hint.into())
    }

    /// Everything else.
    fn operator(&self, mark: Mark) -> Option<String> {
        let before = self.before();
        let hint = match mark {
            Mark::Dot | Mark::Plus | Mark::Minus | Mark::Star | Mark::Slash
                if self.is_order_by() =>
            {
                "ORDER BY takes one column name; give an expression a name with AS and use that"
            }
            Mark::Equal if before == Kind::Mark(Mark::Equal) => "write one `=` to compare",
            Mark::Equal if before == Kind::Mark(Mark::Less) => "write `<=`",
            Mark::Equal if before == Kind::Mark(Mark::Greater) => "write `>=`",
            Mark::Less | Mark::Greater if before == Kind::Mark(Mark::Equal) => {
                "the equals sign comes last: `<=`, `>=`"
            }
            Mark::Arrow if before == Kind::End => "write `x => …`; a lambda has a parameter",
            Mark::Arrow => "a lambda is a text of its own: `\"x=>x + 1\"`",
            Mark::Colon if self.after() == Kind::Mark(Mark::Equal) => {
                "write `=` for a definition that runs at every use, `<=` for one that runs now"
            }
            Mark::Percent => "there is no modulo; `x - n * int(int=x / n)` has the same value",
            Mark::Dot if self.is_factor() => {
                "the right side of `*` and `/` is a bare value; \
                 put it in parentheses: `2 * (f().x)`"
            }
            Mark::Minus if !self.after_value() => {
                "only numbers and names take a minus sign; write `0 - (x)`"
            }
            Mark::Plus if !self.after_value() => "leave out the plus sign",
            Mark::Colon => "`:` is only used in slices: `x[1:3]`",
            Mark::Plus | Mark::Minus | Mark::Star | Mark::Slash if self.is_index() => {
                "an expression inside an index needs parentheses: `a[(1 + 1)]`"
            }
            _ => return None,
        };
        Some(hint.into())
    }
}
