//! What the value of one column of one row is, and how it compares. Pure.
//!
//! - A cell is nothing (absent or null), a number or a text. Booleans and nested values are the text
//!   of their JSON.
//! - A number and a text that reads as a number compare as numbers, everything else as text.
//! - Sorted upwards: nothing, then numbers, then texts by code point.

use std::borrow::Cow;
use std::cmp::Ordering;

use model::results::Comparison;

/// The value of one column of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Absent or null.
    Nothing,
    /// A number.
    Number {
        /// As it compares.
        value: f64,
        /// As it was written.
        text: Cow<'a, str>,
    },
    /// Anything else.
    Text(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// From the JSON of a value.
    pub fn from_json(raw: &'a str) -> Self {
        match raw.as_bytes().first() {
            None | Some(b'n') => Self::Nothing,
            Some(b'"') => match raw.get(1..raw.len() - 1) {
                Some(plain) if !plain.contains('\\') => Self::Text(plain.into()),
                _ => Self::Text(serde_json::from_str::<String>(raw).map_or(raw.into(), Into::into)),
            },
            Some(b'-' | b'0'..=b'9') => match raw.parse() {
                Ok(value) => Self::Number { value, text: raw.into() },
                Err(_) => Self::Text(raw.into()),
            },
            Some(_) => Self::Text(raw.into()),
        }
    }

    /// The same, for as long as one likes.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Nothing => Cell::Nothing,
            Self::Number { value, text } => Cell::Number { value, text: text.into_owned().into() },
            Self::Text(text) => Cell::Text(text.into_owned().into()),
        }
    }

    /// Its text; nothing has none.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Number { text, .. } | Self::Text(text) => Some(text),
        }
    }

    /// How it is sorted.
    pub fn compare(&self, other: &Cell<'_>) -> Ordering {
        match (self, other) {
            (Self::Number { value: a, .. }, Cell::Number { value: b, .. }) => a.total_cmp(b),
            (Self::Text(a), Cell::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Number { .. } => 1,
            Self::Text(_) => 2,
        }
    }
}

/// A comparison with a text, made ready for many cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    comparison: Comparison,
    text: String,
    number: Option<f64>,
    lowered: String,
}

impl Condition {
    /// A comparison with this text.
    pub fn new(comparison: Comparison, wanted: &str) -> Self {
        Self {
            comparison,
            number: wanted.trim().parse().ok(),
            lowered: wanted.to_lowercase(),
            text: wanted.to_owned(),
        }
    }

    /// Whether a cell passes.
    pub fn passes(&self, cell: &Cell<'_>) -> bool {
        let order = || self.order(cell);
        match self.comparison {
            Comparison::Equals => order() == Some(Ordering::Equal),
            Comparison::Differs => order() != Some(Ordering::Equal),
            Comparison::Greater => order() == Some(Ordering::Greater),
            Comparison::Less => order() == Some(Ordering::Less),
            Comparison::Contains => cell.text().is_some_and(|text| self.is_in(text)),
        }
    }

    fn order(&self, cell: &Cell<'_>) -> Option<Ordering> {
        match (cell, self.number) {
            (Cell::Number { value, .. }, Some(number)) => value.partial_cmp(&number),
            (Cell::Nothing, _) => None,
            (Cell::Number { text, .. } | Cell::Text(text), _) => Some((**text).cmp(&*self.text)),
        }
    }

    /// Whether the text has the wanted one inside, letter case ignored.
    fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() {
            let (text, wanted) = (text.as_bytes(), self.lowered.as_bytes());
            let Some((first, rest)) = wanted.split_first() else { return true };
            let last = text.len().checked_sub(wanted.len());
            return last.is_some_and(|last| {
                (0..=last).any(|at| {
                    text[at].to_ascii_lowercase() == *first
                        && text[at + 1..at + wanted.len()].eq_ignore_ascii_case(rest)
                })
            });
        }
        text.to_lowercase().contains(&self.lowered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(json: &str, comparison: Comparison, wanted: &str, passes: bool) {
        let cell = Cell::from_json(json);
        assert_eq!(Condition::new(comparison, wanted).passes(&cell), passes, "{json} {wanted}");
    }

    #[test]
    fn texts_are_unescaped_and_nested_values_are_their_json() {
        assert_eq!(Cell::from_json(r#""a\"b\u00e4""#), Cell::Text("a\"bä".into()));
        assert_eq!(Cell::from_json(r#""\ud800""#), Cell::Text(r#""\ud800""#.into()));
        assert_eq!(Cell::from_json(r#""""#), Cell::Text("".into()));
        assert_eq!(Cell::from_json("[1]"), Cell::Text("[1]".into()));
        assert_eq!(Cell::from_json("null"), Cell::Nothing);
    }

    #[test]
    fn a_number_is_compared_as_it_can_be() {
        check("10", Comparison::Greater, "9", true);
        check("\"10\"", Comparison::Greater, "9", false);
        check("10", Comparison::Equals, " 1e1 ", true);
        check("10", Comparison::Less, "a", true);
        check("1", Comparison::Equals, "nan", false);
        check("1", Comparison::Differs, "nan", true);
        check("12.50", Comparison::Contains, ".50", true);
    }

    proptest! {
        #[test]
        fn the_short_way_to_contain_is_the_long_one(text in "[a-cA-C.]{0,9}|\\PC{0,6}", wanted in "[a-cA-CKk]{0,3}|\\PC{0,2}") {
            let long = text.to_lowercase().contains(&wanted.to_lowercase());
            let condition = Condition::new(Comparison::Contains, &wanted);
            prop_assert_eq!(condition.passes(&Cell::Text(text.into())), long);
        }
    }
}
