//! What a value is for a test: a number, a truth value, an address, a moment, a text in lower case.

use std::cmp::Ordering;
use std::net::IpAddr;

use rows::{Text, Time, Value};

use crate::predicate::{Anchor, Comparison, Number, Test, TimePart};
use crate::text::{TextPattern, fold_into, folded};

/// Whether the values of a field satisfy a test that is not about their text.
pub(crate) fn satisfy(values: &[Value], test: &Test) -> bool {
    match test {
        Test::Exists(wanted) => values.is_empty() != *wanted,
        Test::Null => values.is_empty(),
        Test::Number { is, than } => values.iter().any(|value| compares(value, *is, *than)),
        Test::Bool(wanted) => values.iter().any(|value| truth(value) == Some(*wanted)),
        Test::Cidr(network) => values
            .iter()
            .any(|value| address(value).is_some_and(|address| network.contains(address))),
        Test::TimePart { part, is } => {
            values.iter().any(|value| time_part(value, *part) == Some(*is))
        }
        Test::Text(_) | Test::Regex { .. } | Test::OtherField { .. } => false,
    }
}

fn compares(value: &Value, is: Comparison, than: Number) -> bool {
    let order: Option<Ordering> = number(value).and_then(|number| number.order(than));
    order.is_some_and(|order| is.holds(order))
}

/// The number that a value is, or that its text spells.
pub fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Int(number) => Some(Number::Int(*number)),
        Value::Float(number) => Some(Number::Float(*number)),
        Value::Text(text) => text.as_str().and_then(Number::parse),
        _ => None,
    }
}

/// The address that a value's text spells.
pub fn address(value: &Value) -> Option<IpAddr> {
    let text = value.to_text();
    text.as_str().and_then(|text| text.trim().parse().ok())
}

/// A text in lower case, as all tests compare it that ignore case: character by character, without
/// regard to its neighbours; what is not UTF-8 stays as it is.
pub fn lower_case(text: &[u8]) -> Vec<u8> {
    folded(text)
}

/// The truth value that a value is, or that its text spells.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) if text.eq_ignore_ascii_case(b"true") => Some(true),
        Value::Text(text) if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// A part, in UTC, of the moment that a value is: a time, seconds since 1970, or a text that spells one.
pub fn time_part(value: &Value, part: TimePart) -> Option<i64> {
    let time = match value {
        Value::Time(time) => *time,
        Value::Int(epoch) => Time::from_epoch(*epoch),
        Value::Float(epoch) => Time::from_epoch_float(*epoch),
        Value::Text(text) => Time::parse(text.as_str()?)?,
        _ => return None,
    };
    let civil = time.civil();
    Some(match part {
        TimePart::Minute => i64::from(civil.minute()),
        TimePart::Hour => i64::from(civil.hour()),
        TimePart::Day => i64::from(civil.day()),
        TimePart::Week => i64::from(civil.date().iso_week_date().week()),
        TimePart::Month => i64::from(civil.month()),
        TimePart::Year => i64::from(civil.year()),
    })
}

/// Whether the texts of a field compare with those of another as a test wants.
pub(crate) fn other_field(test: &Test, own: &[Text], other: &[Text]) -> bool {
    let Test::OtherField { anchor, cased, .. } = test else { return false };
    let form = |text: &Text| {
        if *cased {
            return text.to_vec();
        }
        let mut folded = Vec::new();
        fold_into(text, &mut folded);
        folded
    };
    let theirs: Vec<Vec<u8>> = other.iter().map(form).collect();
    own.iter().map(form).any(|ours| {
        theirs.iter().any(|theirs| {
            let pattern = match anchor {
                Anchor::Whole => return ours == *theirs,
                Anchor::Start => return ours.starts_with(theirs),
                Anchor::End => return ours.ends_with(theirs),
                Anchor::Anywhere => TextPattern::Contains(Text::from(theirs.as_slice())),
            };
            pattern.matches(&ours)
        })
    })
}
