//! Tests of texts, in the words of each dialect.

use rows::Text;
use sigma::{Piece, TextPattern, TextTest};

use crate::columns::Column;
use crate::condition::{Lowering, Unsupported};
use crate::dialect::Dialect;

/// The text of a column looks like a pattern.
pub(crate) fn looks(
    lowering: &Lowering<'_>,
    column: &Column,
    test: &TextTest,
) -> Result<String, Unsupported> {
    let pattern = Spelled::new(test).map_err(|why| lowering.refused(column, why))?;
    let text = lowering.text_of(column)?;
    let dialect = lowering.dialect;
    if dialect == Dialect::Sqlite {
        let text = if test.cased { text } else { folded(dialect, &text) };
        return in_sqlite(&text, &pattern);
    }
    if !test.cased && pattern.has(|character| matches!(character, 'σ' | 'ς')) {
        let why = "what sigma is in lower case depends on its neighbours there; use `cased`";
        return Err(lowering.refused(column, why));
    }
    let letters = pattern.has(|character| character.is_alphabetic());
    let text = match (test.cased || !letters, pattern.has(|one| !one.is_ascii())) {
        (true, _) => text,
        // Not what the database's own locale thinks of letters, which may be nothing.
        (false, true) if dialect == Dialect::Postgres => {
            format!("lower({text} COLLATE \"und-x-icu\")")
        }
        (false, _) => folded(dialect, &text),
    };
    if let Spelled::Whole(wanted) = &pattern {
        return Ok(format!("({text} = {})", dialect.text(wanted)?));
    }
    let (like, escaped) = pattern.like();
    let like = dialect.text(&like)?;
    let escape = match dialect {
        Dialect::Trino | Dialect::FlightSql if escaped => r" ESCAPE '\'",
        // A backslash escapes by itself.
        _ => "",
    };
    Ok(format!("({text} LIKE {like}{escape})"))
}

/// An expression in lower case.
pub(crate) fn folded(dialect: Dialect, text: &str) -> String {
    match (dialect, text.strip_prefix("lycaon_text(")) {
        (Dialect::Sqlite, Some(inner)) => format!("lycaon_fold({inner}"),
        (Dialect::Sqlite, None) => format!("lycaon_fold({text})"),
        (Dialect::ClickHouse, _) => format!("lowerUTF8({text})"),
        _ => format!("lower({text})"),
    }
}

/// The same where only letters of ASCII matter.
pub(crate) fn ascii_folded(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Sqlite | Dialect::ClickHouse => format!("lower({text})"),
        _ => folded(dialect, text),
    }
}

/// LIKE would end at a NUL in the value; these functions do not.
fn in_sqlite(text: &str, pattern: &Spelled) -> Result<String, Unsupported> {
    let literal = |wanted: &str| Dialect::Sqlite.text(wanted);
    Ok(match pattern {
        Spelled::Whole(wanted) => format!("({text} = {} COLLATE BINARY)", literal(wanted)?),
        Spelled::Start(wanted) => format!("(instr({text}, {}) = 1)", literal(wanted)?),
        Spelled::End(wanted) => format!("lycaon_ends({text}, {})", literal(wanted)?),
        Spelled::Anywhere(wanted) => format!("(instr({text}, {}) > 0)", literal(wanted)?),
        Spelled::Pieces(pieces) => {
            let piece = |piece: &Part| match piece {
                Part::Literal(text) => regex::escape(text),
                Part::One => ".".to_owned(),
                Part::Many => ".*".to_owned(),
            };
            let inner: String = pieces.iter().map(piece).collect();
            format!("({text} REGEXP {})", literal(&format!(r"(?s)\A{inner}\z"))?)
        }
    })
}

/// A pattern of UTF-8 texts, in lower case unless case matters.
enum Spelled {
    Whole(String),
    Start(String),
    End(String),
    Anywhere(String),
    Pieces(Vec<Part>),
}

enum Part {
    Literal(String),
    One,
    Many,
}

impl Spelled {
    fn new(test: &TextTest) -> Result<Self, &'static str> {
        let spell = |text: &Text| {
            let folded = if test.cased { text.to_vec() } else { sigma::values::lower_case(text) };
            String::from_utf8(folded).map_err(|_| "the value is bytes, not a text in UTF-8")
        };
        Ok(match &test.pattern {
            TextPattern::Equals(text) => Self::Whole(spell(text)?),
            TextPattern::StartsWith(text) => Self::Start(spell(text)?),
            TextPattern::EndsWith(text) => Self::End(spell(text)?),
            TextPattern::Contains(text) => Self::Anywhere(spell(text)?),
            TextPattern::Like(pieces) => {
                let part = |piece: &Piece| match piece {
                    Piece::Literal(text) => spell(text).map(Part::Literal),
                    Piece::AnyOne => Ok(Part::One),
                    Piece::AnyMany => Ok(Part::Many),
                };
                Self::Pieces(pieces.iter().map(part).collect::<Result<_, _>>()?)
            }
        })
    }

    fn has(&self, wanted: impl Fn(char) -> bool) -> bool {
        match self {
            Self::Whole(text) | Self::Start(text) | Self::End(text) | Self::Anywhere(text) => {
                text.chars().any(wanted)
            }
            Self::Pieces(pieces) => pieces.iter().any(|piece| match piece {
                Part::Literal(text) => text.chars().any(&wanted),
                Part::One | Part::Many => false,
            }),
        }
    }

    /// As a pattern of LIKE in which a backslash escapes, and whether it does.
    fn like(&self) -> (String, bool) {
        let mut like = String::new();
        let mut escaped = false;
        let mut literal = |text: &str, like: &mut String| {
            for character in text.chars() {
                if matches!(character, '%' | '_' | '\\') {
                    like.push('\\');
                    escaped = true;
                }
                like.push(character);
            }
        };
        match self {
            Self::Whole(text) => literal(text, &mut like),
            Self::Start(text) => {
                literal(text, &mut like);
                like.push('%');
            }
            Self::End(text) => {
                like.push('%');
                literal(text, &mut like);
            }
            Self::Anywhere(text) => {
                like.push('%');
                literal(text, &mut like);
                like.push('%');
            }
            Self::Pieces(pieces) => pieces.iter().for_each(|piece| match piece {
                Part::Literal(text) => literal(text, &mut like),
                Part::One => like.push('_'),
                Part::Many => like.push('%'),
            }),
        }
        (like, escaped)
    }
}
