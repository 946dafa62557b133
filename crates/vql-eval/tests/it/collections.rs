//! Compiled collections, and artifacts that call each other.

use model::collect::{CompiledCollection, CompiledSource, SourceMode};
use rows::Dict;
use vql_eval::{Collected, CollectionPlan, language, on_big_stack};

use crate::world::setup;

fn source(name: &str, vql: &str) -> CompiledSource {
    CompiledSource { name: name.to_owned(), vql: vql.to_owned(), precondition: None }
}

fn collection(sources: Vec<CompiledSource>) -> CompiledCollection {
    CompiledCollection { artifact: "Test.One".to_owned(), sources, ..Default::default() }
}

/// Everything that a collection yields, and its log, one line each.
fn collect(collection: CompiledCollection) -> Vec<String> {
    let catalog = language();
    let plan = CollectionPlan::compile(collection, &catalog).unwrap();
    let (setup, log) = setup(catalog);
    let mut lines = on_big_stack(|| {
        let config = Dict::new().with("config", Dict::new().with("Client_labels", "lab"));
        let mut under_way = plan.start(setup, config);
        let mut lines = Vec::new();
        while let Some(found) = under_way.next() {
            lines.push(match found {
                Collected::Row { source, row } => {
                    format!("{}: {}", under_way.source_name(source), rows_json::row_to_json(&row))
                }
                Collected::Skipped { source } => {
                    format!("{}: skipped", under_way.source_name(source))
                }
                Collected::Finished { source, rows } => {
                    format!("{}: {rows} rows", under_way.source_name(source))
                }
            });
        }
        lines
    })
    .unwrap();
    lines.extend(log.lock().unwrap().iter().map(ToString::to_string));
    lines
}

#[test]
fn serial_sources_share_definitions_and_parameters() {
    let first = "LET twice = n + n SELECT twice, config.Client_labels AS l FROM scope()";
    let mut collection = collection(vec![
        source("Test.One/A", first),
        source("Test.One/B", "SELECT twice + 1 AS more FROM scope()"),
    ]);
    collection.environment = vec![("n".to_owned(), "4".to_owned())];
    collection.prelude = "LET n <= len(list=n) + 1".to_owned();
    assert_eq!(
        collect(collection),
        [
            r#"Test.One/A: {"twice":4,"l":"lab"}"#,
            "Test.One/A: 1 rows",
            r#"Test.One/B: {"more":5}"#,
            "Test.One/B: 1 rows",
        ]
    );
}

#[test]
fn parallel_sources_do_not_see_each_other() {
    let mut collection = collection(vec![
        source("Test.One/A", "LET x = 1 SELECT x FROM scope()"),
        source("Test.One/B", "SELECT x FROM scope()"),
    ]);
    collection.mode = SourceMode::Parallel;
    collection.sources[0].precondition = Some("SELECT 1 FROM scope() WHERE n = '4'".to_owned());
    collection.environment = vec![("n".to_owned(), "4".to_owned())];
    let lines = collect(collection.clone());
    assert_eq!(lines[2], r#"Test.One/B: {"x":null}"#);
    assert!(lines[4].starts_with("ERROR:Symbol x not found"), "{lines:?}");
    collection.environment[0].1 = "5".to_owned();
    assert_eq!(collect(collection)[0], "Test.One/A: skipped");
}

const OTHER: &str = "
name: Other
parameters:
  - name: n
    default: 3
  - name: t
    default: x
sources:
  - name: First
    query: SELECT n, t, outer FROM scope()
  - name: Second
    query: SELECT 2 AS two FROM scope()
";

fn calling(vql: &str, artifacts: &[&str]) -> Vec<String> {
    let mut collection = collection(vec![source("Test.One", vql)]);
    collection.artifacts = artifacts.iter().map(|yaml| (*yaml).to_owned()).collect();
    collect(collection)
}

#[test]
fn artifacts_are_called_with_arguments() {
    assert_eq!(
        calling("LET outer = 'seen' SELECT * FROM Artifact.Other(n=7)", &[OTHER]),
        [
            r#"Test.One: {"n":7,"t":"x","outer":"seen","_Source":"Other/First"}"#,
            r#"Test.One: {"two":2,"_Source":"Other/Second"}"#,
            "Test.One: 2 rows",
        ]
    );
    assert_eq!(
        calling("LET k = dict(source='Second') SELECT * FROM Artifact.Other(`**`=k)", &[OTHER])[0],
        r#"Test.One: {"two":2,"_Source":"Other/Second"}"#,
    );
}

#[test]
fn sources_that_wait_for_events_run_at_once() {
    let events = "
name: Events
type: CLIENT_EVENT
sources:
  - name: First
    query: SELECT * FROM clock()
  - name: Second
    query: SELECT * FROM clock()
";
    let vql = "SELECT * FROM dedup(query={ SELECT _Source FROM Artifact.Events() }, key='_Source') \
               LIMIT 2";
    let mut lines = calling(vql, &[events]);
    lines.sort();
    assert_eq!(
        lines,
        [
            "Test.One: 2 rows",
            r#"Test.One: {"_Source":"Events/First"}"#,
            r#"Test.One: {"_Source":"Events/Second"}"#,
        ]
    );
}

#[test]
fn calls_that_cannot_be_are_logged() {
    let lines = calling("SELECT * FROM Artifact.Other(m=7)", &[OTHER]);
    assert_eq!(lines, ["Test.One: 0 rows", "ERROR:Unknown parameter m of artifact Other"]);
    let lines = calling("SELECT * FROM Artifact.Missing()", &[OTHER]);
    assert!(lines[1].starts_with("ERROR:there is no artifact `Missing`"), "{lines:?}");
    let endless = "
name: Endless
sources:
  - query: SELECT * FROM Artifact.Endless()
";
    let lines = calling("SELECT * FROM Artifact.Endless()", &[endless]);
    assert_eq!(lines[1], "ERROR:Artifact.Endless: artifacts call each other deeper than 10");
}

#[test]
fn a_source_that_does_not_compile_is_named() {
    let bad = collection(vec![source("A/B", "SELECT")]);
    match CollectionPlan::compile(bad, &language()) {
        Ok(_) => panic!("it compiles"),
        Err(wrong) => {
            assert!(wrong.to_string().starts_with("A/B does not compile:\nerror: "), "{wrong}");
        }
    }
}
