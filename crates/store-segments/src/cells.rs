//! Cells as bytes of a column, and what the values of a column are. Pure.
//!
//! Nothing is a null. A number is `1`, eight bytes that sort as numbers do, and its text; a text is `2`
//! and its UTF-8. So [`sort_key`] of the bytes sorts as [`Cell::compare`] does, and
//! nothing has to be parsed to compare.

use std::borrow::Cow;

use flows::cell::Cell;
use flows::hot::ColumnKind;

const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const NUMBER_KEY: usize = 9;

/// Appends the bytes of a cell; false when it is nothing.
pub(crate) fn encode(cell: &Cell<'_>, into: &mut Vec<u8>) -> bool {
    match cell {
        Cell::Nothing => false,
        Cell::Number { value, text } => {
            into.push(NUMBER);
            into.extend_from_slice(&ordered(*value).to_be_bytes());
            into.extend_from_slice(text.as_bytes());
            true
        }
        Cell::Text(text) => {
            into.push(TEXT);
            into.extend_from_slice(text.as_bytes());
            true
        }
    }
}

/// The cell of these bytes; what cannot have come from [`encode`] is nothing.
pub(crate) fn decode(bytes: &[u8]) -> Cell<'_> {
    let text = |bytes| std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    match bytes.split_first() {
        Some((&TEXT, rest)) => text(rest).map_or(Cell::Nothing, Cell::Text),
        Some((&NUMBER, rest)) => {
            let Some((key, rest)) = rest.split_first_chunk::<8>() else { return Cell::Nothing };
            let value = unordered(u64::from_be_bytes(*key));
            text(rest).map_or(Cell::Nothing, |text| Cell::Number { value, text })
        }
        _ => Cell::Nothing,
    }
}

/// The part of a cell's bytes by which it is sorted.
pub(crate) fn sort_key(bytes: &[u8]) -> &[u8] {
    match bytes.first() {
        Some(&NUMBER) => bytes.get(..NUMBER_KEY).unwrap_or(bytes),
        _ => bytes,
    }
}

/// The bits of a number so that they sort as `f64::total_cmp` does.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn unordered(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// What the values of a column have been so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(Option<ColumnKind>);

impl Kinds {
    /// Notes a value by its JSON.
    pub(crate) fn note(&mut self, raw: &str) {
        let kind = match raw.as_bytes().first() {
            None | Some(b'n') => return,
            Some(b'"') => ColumnKind::Texts,
            Some(b't' | b'f') => ColumnKind::Booleans,
            // Only those that are written as whole numbers are: `-0` and `1e3` must come back as they
            // were.
            Some(_) if raw.parse::<i64>().is_ok_and(|n| n.to_string() == raw) => {
                ColumnKind::Integers
            }
            Some(b'-' | b'0'..=b'9') => ColumnKind::Numbers,
            Some(_) => ColumnKind::Mixed,
        };
        self.0 = Some(self.0.map_or(kind, |so_far| merged(so_far, kind)));
    }

    /// What they are; a column without values has texts.
    pub(crate) fn kind(self) -> ColumnKind {
        self.0.unwrap_or(ColumnKind::Texts)
    }

    /// Whether there was any value.
    pub(crate) fn any(self) -> bool {
        self.0.is_some()
    }
}

/// What values of both kinds are.
pub(crate) fn merged(a: ColumnKind, b: ColumnKind) -> ColumnKind {
    use ColumnKind::{Integers, Mixed, Numbers};
    match (a, b) {
        _ if a == b => a,
        (Integers, Numbers) | (Numbers, Integers) => Numbers,
        _ => Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn bytes(cell: &Cell<'_>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        encode(cell, &mut bytes).then_some(bytes)
    }

    fn json() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("null".to_owned()),
            any::<i64>().prop_map(|n| n.to_string()),
            any::<f64>()
                .prop_filter("JSON has none", |n| n.is_finite())
                .prop_map(|n| format!("{n:?}")),
            Just("-0".to_owned()),
            Just("0.0".to_owned()),
            Just("1e999".to_owned()),
            "\\PC{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just("[1,{\"a\":null}]".to_owned()),
            any::<bool>().prop_map(|truth| truth.to_string()),
        ]
    }

    proptest! {
        #[test]
        fn bytes_come_back_and_sort_as_cells_do(a in json(), b in json()) {
            let (a, b) = (Cell::from_json(&a), Cell::from_json(&b));
            let (a_bytes, b_bytes) = (bytes(&a), bytes(&b));
            prop_assert_eq!(&a_bytes.as_deref().map_or(Cell::Nothing, decode), &a);
            let key = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|b| sort_key(b).to_vec());
            prop_assert_eq!(key(&a_bytes).cmp(&key(&b_bytes)), a.compare(&b));
        }

        #[test]
        fn any_bytes_are_some_cell(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let cell = decode(&bytes);
            prop_assert_eq!(cell.compare(&cell), Ordering::Equal);
        }
    }

    #[test]
    fn kinds_widen() {
        let kind = |values: &[&str]| {
            let mut kinds = Kinds::default();
            values.iter().for_each(|raw| kinds.note(raw));
            kinds.kind()
        };
        assert_eq!(kind(&["1", "null", "-2"]), ColumnKind::Integers);
        assert_eq!(kind(&["1", "18446744073709551615"]), ColumnKind::Numbers);
        assert_eq!(kind(&["-0"]), ColumnKind::Numbers);
        assert_eq!(kind(&["true", "false"]), ColumnKind::Booleans);
        assert_eq!(kind(&["true", "\"x\""]), ColumnKind::Mixed);
        assert_eq!(kind(&["{}"]), ColumnKind::Mixed);
        assert_eq!(kind(&["null"]), ColumnKind::Texts);
    }
}
