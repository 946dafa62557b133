//! The kinds of token a VQL text is made of, and how they are called in messages.

use crate::ast::Span;

/// A token and where it stands. Blanks are not kept, comments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Comment,
    Word(Keyword),
    /// One or more bars; 255 stands for more.
    Bars(u8),
    /// `&&`
    Ampersands,
    Number,
    /// A plain identifier.
    Name,
    /// A name between backticks.
    Ticked,
    /// `-name` or a minus sign glued to a backtick name.
    Negated,
    Mark(Mark),
    /// `'''…'''`
    Raw,
    /// `"…"` or `'…'`
    Text,
    /// Something that is no token; the parser says what.
    Stray(Stray),
    /// The end of the text.
    End,
}

/// Reserved words; the same in any letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Explain,
    Select,
    Where,
    And,
    Or,
    From,
    Not,
    As,
    In,
    Limit,
    Null,
    Desc,
    GroupBy,
    OrderBy,
    True,
    False,
    Let,
}

impl Keyword {
    /// Single words; GROUP BY and ORDER BY need a look at two.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Keyword); 15] = [
            ("EXPLAIN", Keyword::Explain),
            ("SELECT", Keyword::Select),
            ("WHERE", Keyword::Where),
            ("AND", Keyword::And),
            ("OR", Keyword::Or),
            ("FROM", Keyword::From),
            ("NOT", Keyword::Not),
            ("AS", Keyword::As),
            ("IN", Keyword::In),
            ("LIMIT", Keyword::Limit),
            ("NULL", Keyword::Null),
            ("DESC", Keyword::Desc),
            ("TRUE", Keyword::True),
            ("FALSE", Keyword::False),
            ("LET", Keyword::Let),
        ];
        WORDS.iter().find(|(spelling, _)| word.eq_ignore_ascii_case(spelling)).map(|(_, k)| *k)
    }
}

/// Operators and brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Angles,
    NotEqual,
    LessEqual,
    GreaterEqual,
    Arrow,
    Match,
    Minus,
    Plus,
    Colon,
    Star,
    Slash,
    Percent,
    Comma,
    Dot,
    OpenParen,
    CloseParen,
    Equal,
    Less,
    Greater,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
}

impl Mark {
    /// All marks in the order in which they are tried.
    pub(crate) const ALL: [(&'static str, Mark); 23] = [
        ("<>", Mark::Angles),
        ("!=", Mark::NotEqual),
        ("<=", Mark::LessEqual),
        (">=", Mark::GreaterEqual),
        ("=>", Mark::Arrow),
        ("=~", Mark::Match),
        ("-", Mark::Minus),
        ("+", Mark::Plus),
        (":", Mark::Colon),
        ("*", Mark::Star),
        ("/", Mark::Slash),
        ("%", Mark::Percent),
        (",", Mark::Comma),
        (".", Mark::Dot),
        ("(", Mark::OpenParen),
        (")", Mark::CloseParen),
        ("=", Mark::Equal),
        ("<", Mark::Less),
        (">", Mark::Greater),
        ("{", Mark::OpenBrace),
        ("}", Mark::CloseBrace),
        ("[", Mark::OpenBracket),
        ("]", Mark::CloseBracket),
    ];
}

/// Why a stretch of text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stray {
    /// A character that VQL does not use.
    Character,
    /// A quote without its partner; the span is the rest of the text.
    OpenText,
    /// `'''` without its partner.
    OpenRaw,
    /// A backtick without its partner.
    OpenTick,
    /// `/*` without `*/`.
    OpenComment,
}
