//! Rules as their authors write them, asked of records.

mod agreement;
mod correlation;
mod meaning;
mod mistakes;
mod pipeline;
mod pysigma;

use rows::{Dict, Value};
use sigma::{RuleFile, RuleSet, Scratch, read_rules};

/// A rule around a `detection`, which is indented by two.
fn around(detection: &str) -> String {
    let indented: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    format!("title: T\nlogsource:\n  product: any\ndetection:\n{indented}")
}

fn read(text: &str) -> RuleFile {
    read_rules("rule.yml", text)
}

/// A record from `name=value` pairs; numbers and truth values are typed, `null` is NULL,
/// `a;b` is an array.
fn record(pairs: &[&str]) -> Dict {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name, typed(value))
        })
        .collect()
}

fn typed(text: &str) -> Value {
    if text.contains(';') {
        return Value::array(text.split(';').map(typed).collect::<Vec<_>>());
    }
    match text {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Value::Int(number),
            (_, Ok(number)) if text.contains('.') => Value::Float(number),
            _ => Value::text(text),
        },
    }
}

/// Whether any condition of the only rule holds.
fn holds(file: &RuleFile, record: &Dict) -> bool {
    let [rule] = &file.rules[..] else { panic!("one rule is wanted: {:#?}", file.problems) };
    let set = RuleSet::new(&rule.conditions);
    let mut hits = Vec::new();
    set.matching(record, &mut Scratch::default(), &mut hits);
    !hits.is_empty()
}
