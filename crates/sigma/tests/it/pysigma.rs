//! What pySigma's SQLite backend finds, we find: recorded answers, and live ones where a Python with
//! the packages is named by `LYCAON_PYTHON`. `conformance/generate.py` makes both.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use rows::{Dict, Value};
use serde_json::Value as Json;
use sigma::correlate::{Emit, Event, correlate};
use sigma::{RuleSet, Scratch, read_rules};

const GOLDEN: &str = include_str!("../../conformance/golden.json");
const PAGE: &str = include_str!("../../../../docs/SIGMA.md");

fn record(event: &Json) -> Dict {
    let value = |value: &Json| match value {
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::text(text.as_str()),
        other => panic!("no value of a record: {other}"),
    };
    let fields = event.as_object().unwrap();
    fields.iter().map(|(name, one)| (name.as_str(), value(one))).collect()
}

/// The places of the records that a rule finds.
fn found(rule: &str, events: &[Dict]) -> BTreeSet<u64> {
    let file = read_rules("rule.yml", rule);
    assert!(file.problems.is_empty(), "{:#?}\n{rule}", file.problems);
    let set = RuleSet::new(&file.rules[0].conditions);
    let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
    let mut found = BTreeSet::new();
    for (place, event) in (0_u64..).zip(events) {
        set.matching(event, &mut scratch, &mut hits);
        if !hits.is_empty() {
            found.insert(place);
        }
    }
    found
}

fn theirs(one: &Json) -> BTreeSet<u64> {
    let found = one["found"].as_array();
    let found = found.unwrap_or_else(|| panic!("pySigma refused: {}", one["refused"]));
    found.iter().map(|place| place.as_u64().unwrap()).collect()
}

fn agrees(golden: &str) -> usize {
    let golden: Json = serde_json::from_str(golden).unwrap();
    let events: Vec<Dict> = golden["events"].as_array().unwrap().iter().map(record).collect();
    let mut different = Vec::new();
    let agree = golden["agree"].as_array().unwrap();
    let mut hits = 0;
    for one in agree {
        let rule = one["rule"].as_str().unwrap();
        let (ours, theirs) = (found(rule, &events), theirs(one));
        hits += theirs.len();
        if ours != theirs {
            let show = |places: BTreeSet<&u64>| -> Vec<String> {
                places.into_iter().map(|at| format!("{:?}", events[*at as usize])).collect()
            };
            different.push(format!(
                "{} {rule}only we find: {:#?}\nonly pySigma finds: {:#?}",
                one["name"],
                show(ours.difference(&theirs).collect()),
                show(theirs.difference(&ours).collect()),
            ));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n\n"));
    assert!(hits > 1_000, "the records must show something: {hits}");

    for one in golden["differ"].as_array().unwrap() {
        let rule = one["rule"].as_str().unwrap();
        let ours = found(rule, &[record(&one["event"])]);
        assert_ne!(ours, theirs(one), "no difference any more; adapt docs/SIGMA.md:\n{rule}");
        let heading = format!("### {}\n", one["heading"].as_str().unwrap());
        assert!(PAGE.contains(&heading), "docs/SIGMA.md does not explain `{heading}`");
    }
    agree.len()
}

/// pySigma tells of every event at which a window satisfies the condition; we tell when it begins to.
/// So what we tell is among theirs with the same amount, for the same groups, and first where theirs
/// is first.
fn correlations_agree(golden: &str) -> usize {
    let golden: Json = serde_json::from_str(golden).unwrap();
    let mut told = 0;
    let each = golden["correlations"].as_array().unwrap();
    for one in each {
        let text = one["rule"].as_str().unwrap();
        let file = read_rules("rule.yml", text);
        assert!(file.problems.is_empty(), "{:#?}\n{text}", file.problems);
        let correlation = &file.correlations[0];
        let mut events = Vec::new();
        for event in one["events"].as_array().unwrap() {
            let row: Dict = {
                let fields =
                    event.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
                record(&fields.map(|(name, value)| (name.clone(), value.clone())).collect())
            };
            let time = event["timestamp"].as_i64().unwrap() * 1_000_000;
            for (leaf, rule) in correlation.leaves().into_iter().enumerate() {
                let (set, mut hits) = (RuleSet::new(&rule.conditions), Vec::new());
                set.matching(&row, &mut Scratch::default(), &mut hits);
                if !hits.is_empty() {
                    events.push(Event { leaf, time, position: time, row: row.clone(), new: true });
                }
            }
        }
        let all = Emit::CompletedIn { from: i64::MIN, to: i64::MAX };
        let ours = correlate(correlation, &events, all, &|row, name| row.get(name).cloned());
        let theirs: Vec<(String, i64, f64)> = one["found"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| {
                let group = found[0].as_str().unwrap().to_owned();
                (group, found[1].as_i64().unwrap(), found[2].as_f64().unwrap())
            })
            .collect();
        let mut first = std::collections::BTreeMap::new();
        for found in &ours {
            let group = found.group[0].1.to_text().to_string();
            let wanted = (group.clone(), found.instant / 1_000_000, found.amount);
            assert!(theirs.contains(&wanted), "only we find {wanted:?} of {theirs:?}\n{text}");
            first.entry(group).or_insert(wanted.1);
            told += 1;
        }
        for group in ["x", "y"] {
            let begins = theirs.iter().filter(|one| one.0 == group).map(|one| one.1).min();
            assert_eq!(first.get(group).copied(), begins, "{group} of {theirs:?}\n{text}");
        }
    }
    assert!(told > 50, "the events must show something: {told}");
    each.len()
}

#[test]
fn correlations_begin_where_those_of_pysigma_do() {
    assert!(correlations_agree(GOLDEN) > 20);
}

#[test]
fn we_find_what_pysigma_finds() {
    assert!(agrees(GOLDEN) > 500);
}

#[test]
#[expect(clippy::print_stderr, reason = "whoever runs the tests must learn what was left out")]
fn we_find_what_pysigma_finds_now() {
    let Some(python) = std::env::var_os("LYCAON_PYTHON") else {
        eprintln!(
            "left out: LYCAON_PYTHON names no Python with pysigma and pysigma-backend-sqlite; the \
             recorded answers were compared"
        );
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/generate.py");
    let output = Command::new(python).arg(script).arg("--stdout").output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pySigma could not be asked: {complaint}");
    let answers = String::from_utf8(output.stdout).unwrap();
    assert!(agrees(&answers) > 500);
    assert!(correlations_agree(&answers) > 20);
}
