//! Values from Trino's JSON.

use jiff::tz::TimeZone;
use rows::{Time, Value};
use serde_json::Value as Json;

/// The value of a cell of a column with this type.
pub(super) fn value(kind: &str, cell: &Json) -> Value {
    let word = kind.split(['(', ' ']).next().unwrap_or("");
    match (word, cell) {
        (_, Json::Null) => Value::Null,
        ("timestamp" | "date", Json::String(text)) => {
            moment(text).map_or_else(|| Value::text(text.as_str()), Value::Time)
        }
        ("double" | "real", Json::Number(number)) => {
            number.as_f64().map_or(Value::Null, Value::Float)
        }
        // `NaN`, `Infinity`; decimals always are texts.
        ("double" | "real" | "decimal", Json::String(text)) => {
            text.parse().map_or_else(|_| Value::text(text.as_str()), Value::Float)
        }
        _ => rows_json::from_serde(cell),
    }
}

/// `2026-01-01 00:00:00.000001`, alone or with ` UTC`, ` +01:00` or ` Europe/Berlin` behind it.
fn moment(text: &str) -> Option<Time> {
    let mut parts = text.split(' ');
    let (date, time, zone) = (parts.next()?, parts.next(), parts.next());
    let local = time.map_or_else(|| date.to_owned(), |time| format!("{date}T{time}"));
    match zone {
        None | Some("UTC" | "Z") => {
            Time::parse(&format!("{local}{}", if time.is_some() { "Z" } else { "" }))
        }
        Some(offset) if offset.starts_with(['+', '-']) => Time::parse(&format!("{local}{offset}")),
        Some(name) => Time::parse_in(&local, &TimeZone::get(name).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_any_zone() {
        let check = |kind: &str, text: &str, wanted: i128| {
            let found = value(kind, &Json::String(text.into()));
            assert_eq!(found, Value::Time(Time::from_unix_nanos(wanted)), "{text}");
        };
        check("timestamp(6)", "1970-01-01 00:00:00.000001", 1_000);
        check("timestamp(9) with time zone", "1970-01-01 00:00:00.000000001 UTC", 1);
        check("timestamp(3) with time zone", "1970-01-01 01:00:00.000 +01:00", 0);
        check("timestamp(3) with time zone", "1970-01-01 01:00:00.000 Europe/Berlin", 0);
        check("date", "1970-01-02", 86_400_000_000_000);
    }

    #[test]
    fn numbers_have_the_type_of_their_column() {
        let check = |kind: &str, json: &str, wanted: Value| {
            let found = value(kind, &serde_json::from_str(json).unwrap());
            assert!(found == wanted && found.type_name() == wanted.type_name(), "{kind} {found:?}");
        };
        check("bigint", "9223372036854775807", Value::Int(i64::MAX));
        check("double", "1", Value::Float(1.0));
        check("double", "\"-Infinity\"", Value::Float(f64::NEG_INFINITY));
        check("decimal(10,2)", "\"1.50\"", Value::Float(1.5));
        check("varchar(5)", "\"1\"", Value::text("1"));
    }
}
