//! What `yara()`, `yarax()` and `proc_yara()` share: rules compiled once per query, and rows of hits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rows::{Dict, Name, Row, Text, Value};
use vql_plugin::{Failure, Level, Scope};
use yara::{Found, Hit, Limits, MetaValue, Rules, Scanned, Unfinished, Variable};

/// More sets of rules than this are not kept.
const SETS_MAX: usize = 64;

/// A scan of one file or process that takes longer than this is given up.
const SCAN_TIME_MAX: Duration = Duration::from_secs(600);

/// Rules as a call gives them.
pub(crate) struct RulesArgs<'a> {
    /// The rules, which may be left out when they are known by their key.
    pub(crate) rules: &'a Text,
    /// What they are known by; the text itself when there is none.
    pub(crate) key: Option<&'a Text>,
    /// Where they are put.
    pub(crate) namespace: &'a str,
    /// What they may use.
    pub(crate) vars: &'a Dict,
}

struct Set {
    text: Text,
    key: Option<Text>,
    namespace: String,
    vars: Vec<(String, Variable)>,
    compiled: Option<Rules>,
}

impl Set {
    fn is(&self, args: &RulesArgs<'_>, vars: &[(String, Variable)]) -> bool {
        let same_rules = match (&self.key, args.key) {
            (Some(mine), Some(asked)) => mine == asked,
            (None, None) => {
                // The same text is usually the same memory too.
                std::ptr::eq(self.text.as_bytes(), args.rules.as_bytes())
                    || self.text == *args.rules
            }
            _ => false,
        };
        same_rules && self.namespace == args.namespace && self.vars == vars
    }
}

/// The rules of a call, compiled once per query; `None` when they are bad and that was said before.
pub(crate) fn compiled(args: &RulesArgs<'_>, scope: &Scope) -> Result<Option<Rules>, Failure> {
    let vars = variables(args.vars)?;
    let sets = scope.keep("yara rules", || Mutex::new(Vec::<Set>::new()));
    let mut sets = sets.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = sets.iter().find(|set| set.is(args, &vars)) {
        return Ok(known.compiled.clone());
    }
    if args.rules.is_empty() {
        return Err(Failure::new(
            "Field rules is required, unless rules of the same key were compiled before",
        ));
    }
    let compiled = Rules::compile(&args.rules.to_str_lossy(), args.namespace, &vars);
    if let Ok(rules) = &compiled {
        for warning in rules.warnings() {
            scope.log(Level::Default, &format!("yara: {warning}"));
        }
    }
    let compiled =
        compiled.map_err(|bad| Failure::new(format!("the rules cannot be compiled: {bad}")));
    if sets.len() >= SETS_MAX {
        sets.clear();
    }
    sets.push(Set {
        text: args.rules.clone(),
        key: args.key.cloned(),
        namespace: args.namespace.to_owned(),
        vars,
        compiled: compiled.as_ref().ok().cloned(),
    });
    compiled.map(Some)
}

fn variables(vars: &Dict) -> Result<Vec<(String, Variable)>, Failure> {
    vars.iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Bool(truth) => Variable::Bool(*truth),
                Value::Int(number) => Variable::Int(*number),
                Value::Float(number) => Variable::Float(*number),
                Value::Text(text) => Variable::Text(text.to_vec()),
                Value::Path(path) => Variable::Text(path.to_text().to_vec()),
                other => {
                    return Err(Failure::new(format!(
                        "the variable `{name}` is a {}; rules know texts, numbers, TRUE and FALSE",
                        other.type_name()
                    )));
                }
            };
            Ok((name.to_string(), value))
        })
        .collect()
}

/// How far a scan goes for so many rows.
pub(crate) fn limits(rows_max: i64) -> Limits {
    Limits { hits: usize::try_from(rows_max).unwrap_or(1).max(1), time: SCAN_TIME_MAX }
}

/// The rows of what was found: one per string, or one for a rule that has found none.
///
/// `around` gives the bytes of a string and of its surroundings.
pub(crate) fn rows(
    scanned: &Scanned,
    around: &mut dyn FnMut(&Found) -> Vec<u8>,
    rest: &dyn Fn(Row) -> Row,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for hit in &scanned.hits {
        if hit.found.is_empty() {
            rows.push(rest(about(hit).with("String", Value::Null)));
        }
        for found in &hit.found {
            let data = around(found);
            let string = Dict::new()
                .with("Name", found.name.as_str())
                .with("Offset", found.offset)
                .with("Base", found.base)
                .with("HexData", Value::array(hex_lines(&data)))
                .with("Data", data);
            rows.push(rest(about(hit).with("String", string)));
        }
    }
    rows
}

/// What is logged about a scan that did not come to its end.
pub(crate) fn report(scanned: &Scanned, name: &str, what: &str, scope: &Scope) {
    if scanned.unfinished == Some(Unfinished::TooSlow) {
        let minutes = SCAN_TIME_MAX.as_secs() / 60;
        scope.warn(&format!("{name}: gave up on {what} after {minutes} minutes"));
    }
}

fn about(hit: &Hit) -> Row {
    let meta: Dict = hit
        .meta
        .iter()
        .map(|(name, value)| {
            let value = match value {
                MetaValue::Text(text) => Value::text(text.clone()),
                MetaValue::Int(number) => Value::Int(*number),
                MetaValue::Bool(truth) => Value::Bool(*truth),
            };
            (Name::from(name.as_str()), value)
        })
        .collect();
    let tags: Vec<Value> = hit.tags.iter().map(|tag| Value::text(tag.as_str())).collect();
    Row::new()
        .with("Rule", hit.rule.as_str())
        .with("Meta", meta)
        .with("Tags", Value::Array(Arc::new(tags)))
        .with("Namespace", hit.namespace.as_str())
}

/// Bytes as people read them: place, hex digits in two groups of eight, letters.
fn hex_lines(bytes: &[u8]) -> Vec<Value> {
    bytes
        .chunks(16)
        .enumerate()
        .map(|(number, chunk)| {
            let mut line = format!("{:08x}  ", number * 16);
            for place in 0..16 {
                match chunk.get(place) {
                    Some(byte) => line.push_str(&format!("{byte:02x} ")),
                    None => line.push_str("   "),
                }
                if place % 8 == 7 {
                    line.push(' ');
                }
            }
            line.push('|');
            line.extend(chunk.iter().map(|byte| match byte {
                b' '..=b'~' => char::from(*byte),
                _ => '.',
            }));
            line.push('|');
            Value::text(line)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_sixteen_to_a_line() {
        let lines = hex_lines(b"\x00MZ0123456789abcd");
        let lines: Vec<String> = lines.iter().map(|line| line.to_text().to_string()).collect();
        assert_eq!(
            lines,
            [
                "00000000  00 4d 5a 30 31 32 33 34  35 36 37 38 39 61 62 63  |.MZ0123456789abc|",
                "00000010  64                                                |d|",
            ]
        );
    }
}
