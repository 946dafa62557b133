//! The comparison operators. They are defined for every pair of types and are not symmetric for
//! mixed ones; artifacts that sort mixed columns depend on it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::{Time, Value};

/// `left = right`.
pub fn equal(left: &Value, right: &Value) -> bool {
    use Value::*;
    match (left, right) {
        (Null, Null) => true,
        (Int(a), Int(b)) => a == b,
        (Int(a), Float(b)) => *a as f64 == *b,
        (Float(a), Int(b)) => *a == *b as f64,
        (Float(a), Float(b)) => a == b,
        (Int(a), Bool(b)) => *a == i64::from(*b),
        (Float(a), Bool(b)) => *a == f64::from(u8::from(*b)),
        (Bool(a), Bool(b)) => a == b,
        (Bool(a), Int(b)) => i64::from(*a) == *b,
        (Bool(a), Float(b)) => f64::from(u8::from(*a)) == b.trunc(),
        (Bool(a), Text(b)) => *a == matches!(b.as_bytes(), b"Y" | b"y" | b"TRUE" | b"True"),
        (Text(a), Text(b)) => a == b,
        (Array(a), Array(b)) => {
            Arc::ptr_eq(a, b)
                || (a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b)))
        }
        (Dict(a), Dict(b)) => {
            a.same(b)
                || (a.len() == b.len()
                    && a.iter().all(|(key, value)| b.get(key).is_some_and(|b| equal(value, b))))
        }
        (Time(a), Time(b)) => a == b,
        (Time(a), Int(_) | Float(_)) => moment(right).is_some_and(|b| *a == b),
        (Path(a), Path(b)) => a == b,
        (Object(a), Object(b)) if Arc::ptr_eq(a, b) => true,
        (Object(a), _) => equal_plain(&a.materialise(), right),
        (_, Object(b)) => equal_plain(left, &b.materialise()),
        _ => false,
    }
}

/// Objects have become plain data; one that has not is equal to nothing.
fn equal_plain(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Object(_), Value::Object(b)) => equal_plain(left, &b.materialise()),
        (Value::Object(_), _) => false,
        _ => equal(left, right),
    }
}

/// `left < right`.
pub fn less(left: &Value, right: &Value) -> bool {
    use Value::*;
    match (left, right) {
        (Bool(a), Bool(b)) => !a & b,
        (Array(a), Array(b)) => match (a.first(), b.first()) {
            (Some(a), Some(b)) => less(a, b),
            _ => false,
        },
        (Dict(a), Dict(b)) => a.len() < b.len(),
        _ => ordered(left, right, Ordering::Less),
    }
}

/// `left > right`. Not the mirror image of [`less`] for mixed types, bools, arrays and dicts.
pub fn greater(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Bool(_), Value::Bool(_)) => false,
        _ => ordered(left, right, Ordering::Greater),
    }
}

/// `left < right` as sorting sees it: NULL counts as empty text.
pub fn sort_less(left: &Value, right: &Value) -> bool {
    let empty = Value::text("");
    let text = |value: &Value| if value.is_null() { empty.clone() } else { value.clone() };
    match (left, right) {
        (Value::Null, Value::Null) => false,
        // Numbers never sort below text, so NULL has to win by itself.
        (Value::Null, _) => !matches!(right, Value::Text(text) if text.is_empty()),
        (_, Value::Null) => less(left, &text(right)),
        _ => less(left, right),
    }
}

fn ordered(left: &Value, right: &Value, wanted: Ordering) -> bool {
    use Value::*;
    match (left, right) {
        (Text(a), Text(b)) => a.cmp(b) == wanted,
        (Text(_), Int(_) | Float(_)) => true,
        (Time(a), Time(b)) => a.cmp(b) == wanted,
        (Time(a), Int(_) | Float(_) | Text(_)) => {
            moment(right).is_some_and(|b| a.cmp(&b) == wanted)
        }
        (Int(_) | Float(_) | Text(_), Time(b)) => moment(left).is_some_and(|a| a.cmp(b) == wanted),
        (Path(a), Path(b)) => a.to_text().cmp(&b.to_text()) == wanted,
        (Int(a), Int(b)) => a.cmp(b) == wanted,
        (Int(_) | Float(_) | Bool(_), Int(_) | Float(_) | Bool(_)) => {
            as_float(left).partial_cmp(&as_float(right)) == Some(wanted)
        }
        (Object(a), Object(_)) => {
            let a = a.materialise();
            !matches!(a, Object(_)) && ordered(&a, right, wanted)
        }
        (Object(a), _) => ordered(&a.materialise(), right, wanted),
        (_, Object(b)) => {
            let b = b.materialise();
            !matches!(b, Object(_)) && ordered(left, &b, wanted)
        }
        _ => false,
    }
}

fn as_float(value: &Value) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        _ => f64::NAN,
    }
}

fn moment(value: &Value) -> Option<Time> {
    match value {
        Value::Time(time) => Some(*time),
        Value::Int(number) => Some(Time::from_epoch(*number)),
        Value::Float(number) => Some(Time::from_epoch_float(*number)),
        Value::Text(text) => Time::parse(text.as_str()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_types_compare_as_the_language_says() {
        let text = Value::text;
        assert!(less(&text("10"), &9.into()) && greater(&text("a"), &1.into()));
        assert!(!greater(&9.into(), &text("10")) && !less(&9.into(), &text("10")));
        assert!(less(&false.into(), &true.into()) && !greater(&true.into(), &false.into()));
        assert!(equal(&true.into(), &1.5.into()) && !equal(&1.5.into(), &true.into()));
        assert!(equal(&true.into(), &text("Y")) && !equal(&text("Y"), &true.into()));
        assert!(equal(&false.into(), &text("junk")) && !less(&Value::Null, &1.into()));
    }

    #[test]
    fn dicts_are_equal_in_any_order() {
        let one = crate::Dict::from([("a", 1), ("b", 2)]);
        let other = crate::Dict::from([("b", 2), ("a", 1)]);
        assert_eq!(Value::Dict(one), Value::Dict(other));
    }

    #[test]
    fn moments_compare_with_epochs_and_text() {
        let moment: Value = Time::from_epoch(1_700_000_000).into();
        assert!(equal(&moment, &1_700_000_000_i64.into()));
        assert!(!equal(&1_700_000_000_i64.into(), &moment));
        assert!(greater(&moment, &Value::text("2020-01-01")));
        assert!(less(&moment, &Value::text("2025-01-01T00:00:00Z")));
    }

    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e12..1e12).prop_map(Value::from),
            any::<Vec<u8>>().prop_map(Value::from),
            (0..4_000_000_000_i64).prop_map(|epoch| Time::from_epoch(epoch).into()),
            any::<Vec<u8>>()
                .prop_map(|text| crate::OsPath::parse(Default::default(), &text).into()),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c]", inner), 0..4)
                    .prop_map(|pairs| Value::Dict(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_equals_itself_and_is_not_below_itself(value in any_value()) {
            prop_assert!(equal(&value, &value.clone()));
            prop_assert!(!less(&value, &value) && !greater(&value, &value));
        }

        #[test]
        fn values_of_one_type_are_ordered_one_way(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Value::from(a), Value::from(b));
            let ways = [less(&a, &b), greater(&a, &b), equal(&a, &b)];
            prop_assert_eq!(ways.iter().filter(|way| **way).count(), 1);
        }

        #[test]
        fn any_two_values_can_be_compared_printed_and_measured(a in any_value(), b in any_value()) {
            let _ = (equal(&a, &b), less(&a, &b), greater(&a, &b), sort_less(&a, &b));
            let _ = (a.to_text(), a.truth(), a.materialise());
            let size = a.measure(usize::MAX, 10).unwrap();
            prop_assert!(a.measure(size - 1, 10).is_none());
        }
    }
}
