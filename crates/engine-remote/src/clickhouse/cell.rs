//! Values from ClickHouse's JSON and to its parameters.

use base::Timestamp;
use rows::{Time, Value};
use sql_text::Parameter;

/// How cells of a column are read.
pub(super) enum Column {
    /// Moments, as texts.
    Time,
    /// Numbers with a fraction; those that JSON does not know come as texts.
    Float,
    /// As JSON has them.
    Plain,
}

impl Column {
    pub(super) fn of(kind: &str) -> Self {
        let mut kind = kind;
        for wrapper in ["LowCardinality(", "Nullable("] {
            if let Some(inner) = kind.strip_prefix(wrapper) {
                kind = inner.strip_suffix(')').unwrap_or(inner);
            }
        }
        match kind.split('(').next().unwrap_or("") {
            "DateTime" | "DateTime32" | "DateTime64" | "Date" | "Date32" => Self::Time,
            "Float32" | "Float64" | "BFloat16" | "Decimal" | "Decimal32" | "Decimal64"
            | "Decimal128" | "Decimal256" => Self::Float,
            _ => Self::Plain,
        }
    }

    pub(super) fn value(&self, cell: serde_json::Value) -> Value {
        match (self, &cell) {
            (_, serde_json::Value::Null) => Value::Null,
            (Self::Time, serde_json::Value::String(text)) => {
                Time::parse(text).map_or_else(|| Value::text(text.as_str()), Value::Time)
            }
            (Self::Float, serde_json::Value::Number(number)) => {
                number.as_f64().map_or(Value::Null, Value::Float)
            }
            (Self::Float, serde_json::Value::String(text)) => {
                text.parse().map_or_else(|_| Value::text(text.as_str()), Value::Float)
            }
            // Beyond what an integer of ours holds.
            (Self::Plain, serde_json::Value::Number(number)) if !number.is_i64() => {
                Value::text(number.to_string())
            }
            _ => rows_json::from_serde(&cell),
        }
    }
}

/// A parameter as a URL has it: escaped like a cell of tab-separated values.
pub(super) fn bound(value: &Parameter) -> String {
    match value {
        Parameter::Null => "\\N".to_owned(),
        Parameter::Bool(truth) => truth.to_string(),
        Parameter::Int(number) => number.to_string(),
        Parameter::Float(number) => format!("{number:e}"),
        Parameter::Text(text) => {
            let mut escaped = String::with_capacity(text.len());
            for letter in text.to_str_lossy().chars() {
                match letter {
                    '\\' => escaped.push_str("\\\\"),
                    '\t' => escaped.push_str("\\t"),
                    '\n' => escaped.push_str("\\n"),
                    '\r' => escaped.push_str("\\r"),
                    '\0' => escaped.push_str("\\0"),
                    other => escaped.push(other),
                }
            }
            escaped
        }
        Parameter::Time(moment) => {
            let micros = moment.as_micros().clamp(FIRST, LAST);
            let whole = Timestamp::from_secs(micros.div_euclid(1_000_000)).to_string();
            let whole = whole.replace('T', " ");
            format!("{}.{:06}", whole.trim_end_matches('Z'), micros.rem_euclid(1_000_000))
        }
    }
}

/// 1900-01-01 and the end of 2261: what its moments to the nanosecond hold.
const FIRST: i64 = -2_208_988_800_000_000;
const LAST: i64 = 9_214_646_400_000_000 - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_one_cell() {
        let text = |text: &str| bound(&Parameter::Text(text.into()));
        assert_eq!(text("a\tb\\n\n"), "a\\tb\\\\n\\n");
        let time = |micros| bound(&Parameter::Time(Timestamp::from_micros(micros)));
        assert_eq!(time(1_767_225_600_000_001), "2026-01-01 00:00:00.000001");
        assert_eq!(time(-1), "1969-12-31 23:59:59.999999");
        assert_eq!(time(i64::MIN), "1900-01-01 00:00:00.000000");
        assert_eq!(time(i64::MAX), "2261-12-31 23:59:59.999999");
    }

    #[test]
    fn cells_have_the_type_of_their_column() {
        let check = |kind: &str, json: &str, wanted: Value| {
            let value = Column::of(kind).value(serde_json::from_str(json).unwrap());
            assert!(
                value == wanted && value.type_name() == wanted.type_name(),
                "{kind}: {value:?}"
            );
        };
        check("Nullable(Float64)", "3", Value::Float(3.0));
        check("Float32", "\"inf\"", Value::Float(f64::INFINITY));
        check("UInt64", "18446744073709551615", Value::text("18446744073709551615"));
        check("Int64", "-5", Value::Int(-5));
        check("LowCardinality(Nullable(String))", "null", Value::Null);
        let moment = Value::Time(Time::from_unix_nanos(1_500));
        check("DateTime64(9, 'UTC')", "\"1970-01-01T00:00:00.000001500Z\"", moment);
        check("Date", "\"1970-01-02\"", Value::Time(Time::from_unix(86_400, 0)));
    }
}
