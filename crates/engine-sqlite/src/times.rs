//! What a moment is in a database that has no type for it. Nothing is guessed:
//!
//! - A text is RFC 3339 (`2026-01-31T12:00:00.5+01:00`, also with a space for the `T`). Without an
//!   offset it is UTC.
//! - An integer counts from 1970 in the unit that ends the column's declared type: `INTEGER_S`,
//!   `INTEGER_MS`, `INTEGER_US`, `INTEGER_NS`. Without such an end it is microseconds.
//! - Everything else, Julian days among it, is no moment: such a row lies in no window of time.
//!
//! A column whose declared type has `INT` in it is compared as a number, so that an index serves;
//! others are read row by row.

use rows::Time;
use rusqlite::types::ValueRef;
use sql_text::{Clock, ClockForm};

/// How a column with this declared type is read as moments.
pub(crate) fn clock(column: &str, declared: &str) -> Clock {
    let declared = declared.to_ascii_uppercase();
    let (form, nanos) = match declared.rsplit('_').next() {
        Some("S") => (ClockForm::Seconds, 1_000_000_000),
        Some("MS") => (ClockForm::Millis, 1_000_000),
        Some("NS") => (ClockForm::Nanos, 1),
        _ => (ClockForm::Number, 1_000),
    };
    // SQLite's own rule for what it stores as integers.
    let form = if declared.contains("INT") {
        form
    } else {
        ClockForm::Wrapped("lycaon_micros(".to_owned(), format!(", {nanos})"))
    };
    Clock { column: column.to_owned(), form }
}

/// Microseconds since 1970 in a cell of a hidden column; nothing where there is no moment.
pub(crate) fn micros(form: &ClockForm, cell: ValueRef<'_>) -> Option<i64> {
    let ValueRef::Integer(number) = cell else { return None };
    Some(match form {
        ClockForm::Seconds => micros_of_int(number, 1_000_000_000),
        ClockForm::Millis => micros_of_int(number, 1_000_000),
        ClockForm::Nanos => micros_of_int(number, 1),
        _ => number,
    })
}

/// The moment of an integer in units of so many nanoseconds.
pub(crate) fn micros_of_int(number: i64, unit: i64) -> i64 {
    let micros = (i128::from(number) * i128::from(unit)).div_euclid(1_000);
    micros.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The moment of a text, floored to microseconds.
pub(crate) fn micros_of_text(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = bytes.len() >= shape.len()
        && shape.iter().zip(bytes).all(|(wanted, found)| match wanted {
            b'd' => found.is_ascii_digit(),
            b'T' => matches!(found, b'T' | b't' | b' '),
            other => other == found,
        });
    if !fits {
        return None;
    }
    let moment = Time::parse(text)?;
    i64::try_from(moment.unix_nanos().div_euclid(1_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_rfc_3339_and_nothing_else() {
        let check = |text: &str, wanted: Option<i64>| {
            assert_eq!(micros_of_text(text.as_bytes()), wanted, "{text}");
        };
        check("1970-01-01T00:00:00.000001Z", Some(1));
        check("1970-01-01 00:00:00.0000019", Some(1));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1969-12-31T23:59:59.9999985Z", Some(-2));
        check("1767225600", None);
        check("2461041.5", None);
        check("Jan 1 1970", None);
        check("1970-01-01", None);
        check("1970-13-01T00:00:00Z", None);
    }

    #[test]
    fn integers_have_the_unit_of_their_declared_type() {
        let check = |declared: &str, number: i64, wanted: i64| {
            let form = clock("at", declared).form;
            assert_eq!(micros(&form, ValueRef::Integer(number)), Some(wanted), "{declared}");
        };
        check("INTEGER", 5, 5);
        check("BIGINT_US", 5, 5);
        check("INTEGER_S", -3, -3_000_000);
        check("integer_ms", 7, 7_000);
        check("INTEGER_NS", 1_999, 1);
        check("INTEGER_NS", -1, -1);
        check("INTEGER_S", i64::MAX, i64::MAX);
        let text = clock("at", "TEXT_S").form;
        let wanted = ClockForm::Wrapped("lycaon_micros(".into(), ", 1000000000)".into());
        assert_eq!(text, wanted);
    }
}
