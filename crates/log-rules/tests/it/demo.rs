//! The files that come with the program are good and have tests.

use std::path::{Path, PathBuf};

use log_rules::{Definitions, ProblemSeverity, Question, RuleClass};

fn folder(name: &str) -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lycaon/demo").join(name);
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    assert!(!files.is_empty(), "{}", root.display());
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn good(files: &[(String, String)]) -> Definitions {
    let (definitions, problems) = log_rules::read(files);
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == ProblemSeverity::Error)
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors, [""; 0]);
    definitions
}

const TENANT: &str = "\
engine: lake
kind: none
---
tenant: acme
datasets:
  process_creation: { engine: lake, table: a, time: { event: event_time, ingest: ingested_at }, schema: [event_time, ingested_at, Host, User, Image, CommandLine, ParentImage, ProcessId] }
  authentication: { engine: lake, table: b, time: { event: event_time, ingest: ingested_at }, schema: [event_time, ingested_at, Host, User, SourceIp, Outcome, Method] }
  dns: { engine: lake, table: c, time: { event: event_time, ingest: ingested_at }, schema: [event_time, ingested_at, Host, Query, QueryType, Answer] }
  web: { engine: lake, table: d, time: { event: event_time, ingest: ingested_at }, schema: [event_time, ingested_at, Host, ClientIp, Method, Path, Status, UserAgent, Bytes] }
  cloud_audit: { engine: lake, table: e, time: { event: event_time, ingest: ingested_at }, schema: [event_time, ingested_at, Actor, Action, Resource, Region, SourceIp, Result] }
";

#[test]
fn the_rules_of_the_demo_are_good() {
    let mut files = folder("log/rules");
    files.push(("tenant-for-this-test.yaml".into(), TENANT.into()));
    let definitions = good(&files);
    let sql: Vec<_> =
        definitions.rules.iter().filter(|rule| matches!(rule.question, Question::Sql(_))).collect();
    let count =
        |wanted: fn(RuleClass) -> bool| sql.iter().filter(|rule| wanted(rule.class)).count();
    assert_eq!(count(|class| class == RuleClass::PerEvent), 12);
    assert_eq!(count(|class| matches!(class, RuleClass::Windowed { .. })), 5);
    assert_eq!(count(|class| class == RuleClass::Opaque), 3);
    for rule in &sql {
        assert!(!rule.tests.is_empty(), "{} has no test", rule.name);
        for test in &rule.tests {
            let rows: usize = test.given.iter().map(|(_, rows)| rows.len()).sum();
            assert!(rows > test.expect.len(), "{}: `{}` shows nothing", rule.name, test.name);
        }
    }
    let streams = definitions.streams();
    for rule in 0..definitions.rules.len() {
        let why: Vec<_> = streams.inapplicable.iter().filter(|one| one.rule == rule).collect();
        let runs = streams.assignments.iter().any(|one| one.rule == rule);
        assert!(runs, "{} runs nowhere: {why:?}", definitions.rules[rule].name);
    }
}

#[test]
fn the_four_ticks_have_one_stream() {
    let definitions = good(&folder("seed"));
    assert_eq!(definitions.streams().assignments.len(), 1);
}

/// Documents in `docs/LOG-HUNTS.md` are good, together with the few files that they name.
#[test]
fn the_examples_of_the_manual_are_good() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/LOG-HUNTS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let kinds = ["engine:", "tenant:", "rule:", "sigma_pack:", "channel:"];
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = blocks.filter(|block| kinds.iter().any(|kind| block.starts_with(kind)));
    let mut files: Vec<(String, String)> = whole
        .enumerate()
        .map(|(number, block)| (format!("{number}.yaml"), block.to_owned()))
        .collect();
    assert_eq!(files.len(), 5);
    let noisy =
        "title: Noisy\nlogsource: { category: dns }\ndetection: { a: { b: c }, condition: a }\n";
    let named = noisy.replace("title: Noisy", "title: Noisy\nname: a_noisy_rule");
    files.push(("sigma/windows/noisy-rule.yml".into(), noisy.into()));
    files.push(("sigma/windows/b.yml".into(), named));
    let definitions = good(&files);
    assert_eq!(definitions.rules.len(), 3);
}
