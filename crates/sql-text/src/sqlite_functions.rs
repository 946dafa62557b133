//! The functions that conditions for SQLite call, for an adapter to register.
//!
//! SQLite's own `LIKE` and `lower` know case in ASCII only and stop at a NUL, its values have a type
//! each, and it has no regular expressions; with these functions a condition means exactly what the
//! predicate does. All are deterministic, and NULL of a value is NULL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::bytes::{Regex, RegexBuilder};
use rows::Value;
use sigma::predicate::{Network, Number, TimePart};
use sigma::values;

/// The functions, and the expressions that they have compiled; clones share these.
#[derive(Clone, Default)]
pub struct SqliteFunctions {
    expressions: Arc<Mutex<HashMap<Vec<u8>, Option<Regex>>>>,
}

/// Expressions that are kept compiled.
const EXPRESSIONS_MAX: usize = 1_000;
/// As large as the expressions of rules may be.
const SIZE_MAX_BYTES: usize = 4 << 20;

impl SqliteFunctions {
    /// Name and number of arguments of each.
    pub const ALL: [(&'static str, i32); 7] = [
        ("lycaon_text", 1),
        ("lycaon_fold", 1),
        ("lycaon_number", 1),
        ("lycaon_ends", 2),
        ("lycaon_in_network", 2),
        ("lycaon_time_part", 2),
        ("regexp", 2),
    ];

    /// Calls one. Texts and blobs are texts, integers and reals are numbers. The answer is NULL, a
    /// number, or a text; truth is 1 or 0.
    pub fn call(&self, name: &str, arguments: &[Value]) -> Value {
        let (first, second) = (arguments.first(), arguments.get(1));
        let Some(first) = first.filter(|value| !value.is_null()) else { return Value::Null };
        let truth = |truth: bool| Value::Int(i64::from(truth));
        match (name, second.filter(|value| !value.is_null())) {
            ("lycaon_text", _) => Value::Text(first.to_text()),
            ("lycaon_fold", _) => {
                Value::Text(values::lower_case(&first.to_text()).as_slice().into())
            }
            ("lycaon_number", _) => match values::number(first) {
                Some(Number::Int(number)) => Value::Int(number),
                Some(Number::Float(number)) => Value::Float(number),
                None => Value::Null,
            },
            ("lycaon_ends", Some(end)) => truth(first.to_text().ends_with(&end.to_text())),
            ("lycaon_in_network", Some(network)) => {
                let network = network.to_text();
                let network = network.as_str().and_then(Network::parse);
                let address = values::address(first);
                match network.zip(address) {
                    Some((network, address)) => truth(network.contains(address)),
                    None => truth(false),
                }
            }
            ("lycaon_time_part", Some(part)) => {
                let part = match part.to_text().as_str() {
                    Some("minute") => TimePart::Minute,
                    Some("hour") => TimePart::Hour,
                    Some("day") => TimePart::Day,
                    Some("week") => TimePart::Week,
                    Some("month") => TimePart::Month,
                    Some("year") => TimePart::Year,
                    _ => return Value::Null,
                };
                values::time_part(first, part).map_or(Value::Null, Value::Int)
            }
            ("regexp", Some(text)) => match self.expression(&first.to_text()) {
                Some(expression) => truth(expression.is_match(&text.to_text())),
                None => Value::Null,
            },
            _ => Value::Null,
        }
    }

    fn expression(&self, pattern: &[u8]) -> Option<Regex> {
        let mut known = self.expressions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expression) = known.get(pattern) {
            return expression.clone();
        }
        if known.len() >= EXPRESSIONS_MAX {
            known.clear();
        }
        let compiled = std::str::from_utf8(pattern).ok().and_then(|pattern| {
            RegexBuilder::new(pattern)
                .size_limit(SIZE_MAX_BYTES)
                .dfa_size_limit(SIZE_MAX_BYTES)
                .build()
                .ok()
        });
        known.insert(pattern.to_vec(), compiled.clone());
        compiled
    }
}
