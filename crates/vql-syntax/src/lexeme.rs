//! The tokens of a text as an editor needs them: also of a text that is not finished.

use crate::ast::Span;
use crate::lexer::lex;
use crate::token::Kind;

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lexical {
    /// `-- …`, `// …`, `/* … */`.
    Comment,
    /// A reserved word, in any letter case; `GROUP BY` and `ORDER BY` are one.
    Keyword,
    /// A name, plain, between backticks or negated.
    Name,
    /// A number.
    Number,
    /// Text between quotes of any kind. One that is not closed is [`Lexical::Stray`].
    Text,
    /// An operator, a bracket, a comma, a dot.
    Mark,
    /// What is no token, for instance a text that is not closed.
    Stray,
}

/// One token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub class: Lexical,
    /// Its bytes.
    pub span: Span,
}

/// The tokens of a text in order, blanks left out.
pub fn lexemes(text: &str) -> Vec<Lexeme> {
    let class = |kind| match kind {
        Kind::Comment => Some(Lexical::Comment),
        Kind::Word(_) => Some(Lexical::Keyword),
        Kind::Number => Some(Lexical::Number),
        Kind::Name | Kind::Ticked | Kind::Negated => Some(Lexical::Name),
        Kind::Bars(_) | Kind::Ampersands | Kind::Mark(_) => Some(Lexical::Mark),
        Kind::Raw | Kind::Text => Some(Lexical::Text),
        Kind::Stray(_) => Some(Lexical::Stray),
        Kind::End => None,
    };
    let tokens = lex(text).into_iter();
    tokens.filter_map(|t| Some(Lexeme { class: class(t.kind)?, span: t.span })).collect()
}
