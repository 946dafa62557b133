//! Values of statements: bound, or written out where a protocol binds nothing; moments among them.

use base::Timestamp;
use rows::{Text, Value};

use crate::dialect::{Dialect, Unquotable};

/// How values stand in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterStyle {
    /// `$1`, `$2`, …
    Dollar,
    /// `?`
    Question,
    /// `:p1`, `:p2`, …
    Named,
    /// `{p1:Int64}`, … of ClickHouse.
    Typed,
    /// Written out by [`Dialect::literal`], for protocols that bind nothing.
    Literal,
}

/// A value that a statement needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(Text),
    /// A moment, to the microsecond.
    Time(Timestamp),
}

impl Parameter {
    /// The parameter for a value; `None` for values that are none of SQL's, such as lists.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Time(time) => {
                let micros = time.unix_nanos().div_euclid(1_000);
                Self::Time(Timestamp::from_micros(i64::try_from(micros).ok()?))
            }
            _ => return None,
        })
    }
}

impl Dialect {
    /// How its usual interface takes parameters.
    pub fn style(self) -> ParameterStyle {
        match self {
            Self::DataFusion | Self::Postgres => ParameterStyle::Dollar,
            Self::Sqlite | Self::FlightSql => ParameterStyle::Question,
            Self::ClickHouse => ParameterStyle::Typed,
            Self::Spark | Self::Trino | Self::OpenSearch => ParameterStyle::Literal,
        }
    }

    /// Whether a backslash in a pattern of `LIKE` takes its meaning from the next character though
    /// nobody said `ESCAPE`.
    fn backslash_escapes_patterns(self) -> bool {
        match self {
            Self::DataFusion | Self::Postgres | Self::ClickHouse | Self::Spark => true,
            Self::Sqlite | Self::Trino | Self::FlightSql | Self::OpenSearch => false,
        }
    }

    /// The pattern of `LIKE` that means in this dialect what `pattern` means in a rule, where only
    /// `escape` takes its meaning from `%` and `_`, and a backslash is a character like others. Where
    /// [`keeps_escape`](Self::keeps_escape) says so, `ESCAPE` must still follow.
    pub fn like_pattern(self, pattern: &str, escape: Option<char>) -> String {
        if !self.backslash_escapes_patterns() {
            return pattern.to_owned();
        }
        let mut written = String::with_capacity(pattern.len());
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let plain = if Some(character) == escape { characters.next() } else { None };
            match plain {
                Some(meant) if matches!(meant, '%' | '_' | '\\') => written.extend(['\\', meant]),
                Some(meant) => written.push(meant),
                None if character == '\\' => written.push_str("\\\\"),
                None => written.push(character),
            }
        }
        written
    }

    /// Whether a pattern's `ESCAPE` is written; otherwise the pattern is written for a backslash,
    /// which some engines know alone.
    pub(crate) fn keeps_escape(self) -> bool {
        !self.backslash_escapes_patterns()
    }

    /// A value, written out.
    pub fn literal(self, value: &Parameter) -> Result<String, Unquotable> {
        Ok(match value {
            Parameter::Null => "NULL".to_owned(),
            Parameter::Bool(truth) if self == Self::Sqlite => i64::from(*truth).to_string(),
            Parameter::Bool(true) => "TRUE".to_owned(),
            Parameter::Bool(false) => "FALSE".to_owned(),
            Parameter::Int(number) => self.int(*number),
            Parameter::Float(number) if number.is_finite() => self.float(*number),
            Parameter::Float(_) => "NULL".to_owned(),
            Parameter::Text(text) => self.text(&text.to_str_lossy())?,
            Parameter::Time(moment) => self.moment(*moment),
        })
    }

    fn moment(self, moment: Timestamp) -> String {
        let micros = moment.as_micros();
        match self {
            Self::DataFusion => format!("to_timestamp_micros({micros})"),
            Self::ClickHouse => format!("fromUnixTimestamp64Micro({micros}, 'UTC')"),
            Self::Spark => format!("timestamp_micros({micros})"),
            Self::Postgres => format!("TIMESTAMPTZ '{}+00'", civil(moment)),
            Self::Trino => format!("TIMESTAMP '{} UTC'", civil(moment)),
            Self::FlightSql => format!("TIMESTAMP '{}'", civil(moment)),
            Self::Sqlite | Self::OpenSearch => format!("'{}'", iso(moment)),
        }
    }

    /// The words around a parameter that tell its type to the engine.
    pub(crate) fn typed(self, mark: &str, value: &Parameter) -> String {
        if self != Self::Postgres {
            return mark.to_owned();
        }
        let kind = match value {
            Parameter::Null => return mark.to_owned(),
            Parameter::Bool(_) => "boolean",
            Parameter::Int(_) => "bigint",
            Parameter::Float(_) => "double precision",
            Parameter::Text(_) => "text",
            Parameter::Time(_) => "timestamptz",
        };
        format!("CAST({mark} AS {kind})")
    }

    /// The moment that a text spells, or NULL: an expression over an expression.
    pub(crate) fn moment_of_text(self, text: &str) -> String {
        match self {
            Self::DataFusion => format!("TRY_CAST({text} AS TIMESTAMP)"),
            Self::ClickHouse => format!("parseDateTime64BestEffortOrNull({text}, 6, 'UTC')"),
            Self::Spark => format!("try_to_timestamp({text})"),
            Self::Trino => format!("try(from_iso8601_timestamp_nanos({text}))"),
            // It fails on what is no moment, and the whole query with it, unless looked at first.
            Self::Postgres => {
                format!("CASE WHEN {text} ~ '{ISO_PATTERN}' THEN CAST({text} AS timestamptz) END")
            }
            Self::Sqlite => format!("lycaon_micros({text})"),
            Self::FlightSql | Self::OpenSearch => format!("CAST({text} AS TIMESTAMP)"),
        }
    }
}

/// What a moment of RFC 3339 looks like, so closely that casting it cannot fail.
const ISO_PATTERN: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?(Z|[+-][01][0-9]:?[0-5][0-9])?$";

/// The first and the last moment that every dialect can write.
const WRITABLE: (i64, i64) = (-62_135_596_800_000_000, 253_402_128_000_000_000);

/// `2026-01-31 12:00:00.000000` in UTC.
fn civil(moment: Timestamp) -> String {
    iso(moment).replace('T', " ").trim_end_matches('Z').to_owned()
}

/// `2026-01-31T12:00:00.000000Z`, always with six digits, so that texts sort like moments.
pub(crate) fn iso(moment: Timestamp) -> String {
    let micros = moment.as_micros().clamp(WRITABLE.0, WRITABLE.1);
    let whole = Timestamp::from_secs(micros.div_euclid(1_000_000)).to_string();
    format!("{}.{:06}Z", whole.trim_end_matches('Z'), micros.rem_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn moments_are_exact_to_the_microsecond() {
        let moment = Timestamp::from_micros(1_767_225_600_000_001);
        let check = |dialect: Dialect, wanted: Expect| {
            wanted.assert_eq(&dialect.literal(&Parameter::Time(moment)).unwrap());
        };
        check(Dialect::Postgres, expect!["TIMESTAMPTZ '2026-01-01 00:00:00.000001+00'"]);
        check(Dialect::Trino, expect!["TIMESTAMP '2026-01-01 00:00:00.000001 UTC'"]);
        check(Dialect::Sqlite, expect!["'2026-01-01T00:00:00.000001Z'"]);
        check(Dialect::DataFusion, expect!["to_timestamp_micros(1767225600000001)"]);
        assert_eq!(iso(Timestamp::from_micros(-1)), "1969-12-31T23:59:59.999999Z");
        assert_eq!(iso(Timestamp::from_micros(i64::MIN)), "0001-01-01T00:00:00.000000Z");
        assert_eq!(iso(Timestamp::from_micros(i64::MAX)), "9999-12-30T00:00:00.000000Z");
    }
}
