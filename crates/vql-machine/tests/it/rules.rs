//! How artifacts run, whatever they collect: parameters become values, preconditions decide, sources
//! share or do not share names, artifacts call artifacts.

use std::sync::Arc;

use artifacts::{ArtifactSet, SourceChoice, compile};
use expect_test::{Expect, expect};
use parking_lot::Mutex;
use rows::Dict;
use vql_eval::{Collected, CollectionPlan, Setup, on_big_stack};
use vql_plugin::LogLine;

use crate::world::{catalog, host};

/// Collects the artifact `A` of these files: rows and what was left out, then the log.
fn check(files: &[&str], parameters: &[(&str, &str)], wanted: Expect) {
    let mut set = ArtifactSet::new();
    for (index, yaml) in files.iter().enumerate() {
        set.add(&format!("{index}.yaml"), yaml).unwrap();
    }
    let given: Vec<_> =
        parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let compiled = compile(&set, "A", &given, &SourceChoice::All).unwrap();
    let catalog = Arc::new(catalog());
    let plan = CollectionPlan::compile(compiled, &catalog).unwrap();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut setup = Setup::new(host(), catalog);
    let sink = log.clone();
    setup.log = Arc::new(move |line: LogLine| sink.lock().push(line.to_string()));
    let mut lines = on_big_stack(|| {
        let collection = plan.start(setup, Dict::new());
        let names: Vec<&str> = plan.sources().collect();
        let shown = |collected| match collected {
            Collected::Row { source, row } => {
                Some(format!("{}: {}", names[source], rows_json::row_to_json(&row)))
            }
            Collected::Skipped { source } => Some(format!("{}: left out", names[source])),
            Collected::Finished { .. } => None,
        };
        collection.filter_map(shown).collect::<Vec<_>>()
    })
    .unwrap();
    lines.extend(log.lock().iter().map(|line| format!("log: {line}")));
    wanted.assert_eq(&lines.join("\n"));
}

const TYPED: &str = r#"
name: A
parameters:
- {name: text, default: "a b"}
- {name: on, type: bool}
- {name: number, type: int64, default: 0x10}
- {name: share, type: float, default: 0.5}
- {name: since, type: timestamp, default: 2026-01-02T03:04:05Z}
- {name: epoch, type: timestamp, default: 1700000000}
- {name: table, type: csv, default: "a,b\n1,x\n2,y\n"}
- {name: sets, type: artifactset, default: "Artifact\nB\n"}
- {name: some, type: json, default: '{"a": [1]}'}
- {name: list, type: json_array, default: '[1, "x"]'}
- {name: several, type: multichoice, choices: [x, y], default: '["y"]'}
- {name: patterns, type: regex_array, default: '["^a"]'}
- {name: tree, type: yaml, default: "a: {b: [1, two]}"}
- {name: mark up, type: xml, default: "<a><b>1</b></a>"}
- {name: secret, type: redacted, default: s}
- {name: meta, type: server_metadata, default: m}
- {name: pattern, type: regex, default: x.*}
- {name: unset json, type: json}
- {name: unset csv, type: csv}
sources:
- query: |
    SELECT text, on, number, share, since, epoch, table, sets, some, list, several, patterns, tree, `mark up`,
           secret, meta, pattern, `unset json`, `unset csv` FROM scope()
"#;

#[test]
fn every_type_becomes_its_value() {
    check(
        &[TYPED],
        &[("on", "yes")],
        expect![[r#"
        A: {"text":"a b","on":true,"number":16,"share":0.5,"since":"2026-01-02T03:04:05Z","epoch":"2023-11-14T22:13:20Z","table":[{"a":1,"b":"x"},{"a":2,"b":"y"}],"sets":[{"Artifact":"B"}],"some":{"a":[1]},"list":[1,"x"],"several":["y"],"patterns":["^a"],"tree":{"a":{"b":[1,"two"]}},"mark up":{"a":{"b":"1"}},"secret":"s","meta":"m","pattern":"x.*","unset json":null,"unset csv":[]}"#]],
    );
}

#[test]
fn what_is_true_is_written_in_several_ways() {
    let a =
        "name: A\nparameters: [{name: on, type: bool}]\nsources: [{query: SELECT on FROM scope()}]";
    for text in ["Y", "y", "TRUE", "yes", "OK"] {
        check(&[a], &[("on", text)], expect![[r#"A: {"on":true}"#]]);
    }
    for text in ["N", "false", "", "0", "off"] {
        check(&[a], &[("on", text)], expect![[r#"A: {"on":false}"#]]);
    }
}

#[test]
fn preconditions_decide_for_the_artifact_or_for_each_source() {
    let whole = "name: A\nprecondition: |\n  LET x = 1\n  SELECT * FROM info() WHERE OS = Wanted\nparameters: [{name: Wanted, default: linux}]\nsources:\n- {name: One, query: 'LET y = 5 SELECT y FROM scope()'}\n- {name: Two, query: SELECT y + 1 AS z FROM scope()}\n";
    check(
        &[whole],
        &[],
        expect![[r#"
        A/One: {"y":5}
        A/Two: {"z":6}"#]],
    );
    check(
        &[whole],
        &[("Wanted", "windows")],
        expect![[r#"
        A/One: left out
        A/Two: left out"#]],
    );
    let each = "name: A\nsources:\n- {name: One, query: 'LET y = 5 SELECT y FROM scope()', precondition: SELECT * FROM info() WHERE OS = 'linux'}\n- {name: Two, query: SELECT y AS z FROM scope()}\n- {name: Three, query: SELECT 1 FROM scope(), precondition: SELECT * FROM info() WHERE OS = 'windows'}\n";
    check(
        &[each],
        &[],
        expect![[r#"
        A/One: {"y":5}
        A/Two: {"z":null}
        A/Three: left out
        log: ERROR:Symbol y not found"#]],
    );
}

#[test]
fn called_artifacts_take_values_as_they_are() {
    let b = "name: B\nprecondition: SELECT * FROM info() WHERE OS = 'windows'\nparameters:\n- {name: Rows, type: csv, default: \"a\\n1\\n\"}\n- {name: On, type: bool}\n- {name: Count, type: int, default: 7}\nsources:\n- {name: First, query: 'SELECT Rows, On, Count FROM scope()'}\n- {name: Second, query: SELECT 2 AS Two FROM scope()}\n";
    let call = |text: &str| format!("name: A\nsources:\n- query: |\n    SELECT * FROM {text}\n");
    check(
        &[&call("Artifact.B()"), b],
        &[],
        expect![[r#"
        A: {"Rows":[{"a":1}],"On":false,"Count":7,"_Source":"B/First"}
        A: {"Two":2,"_Source":"B/Second"}"#]],
    );
    check(
        &[
            &call(
                "Artifact.B(Rows={ SELECT 9 AS nine FROM scope() }, On=TRUE, Count='3', source='First')",
            ),
            b,
        ],
        &[],
        expect![[r#"A: {"Rows":[{"nine":9}],"On":true,"Count":3,"_Source":"B/First"}"#]],
    );
    check(&[&call("Artifact.B(preconditions=TRUE)"), b], &[], expect![[""]]);
    check(
        &[&call("Artifact.B(Cuont=1)"), b],
        &[],
        expect!["log: ERROR:Unknown parameter Cuont of artifact B"],
    );
    check(
        &[&call("Artifact.B(source='Third')"), b],
        &[],
        expect!["log: ERROR:artifact `B` has no source `Third`; known: First, Second"],
    );
    check(&[&call("Artifact.Gone()"), b], &[], expect!["log: ERROR:there is no artifact `Gone`"]);
    check(
        &[&call("Artifact.A()"), b],
        &[],
        expect!["log: ERROR:Artifact.A: artifacts call each other deeper than 10"],
    );
}

#[test]
fn imports_bring_definitions_and_aliases_are_names() {
    check(
        &[
            "name: A\nimports: [Library]\nexport: LET own = 1\nsources: [{query: 'SELECT own, twice(x=2) AS four FROM Artifact.Other()'}]",
            "name: Library\nexport: LET twice(x) = x + x",
            "name: B\naliases: [Other]\nsources: [{query: SELECT 1 AS one FROM scope()}]",
        ],
        &[],
        expect![[r#"A: {"own":1,"four":4}"#]],
    );
}

#[test]
fn a_type_that_cannot_be_converted_says_so() {
    let mut set = ArtifactSet::new();
    let yaml = "name: A\nparameters: [{name: p, type: starlark}]\nsources: [{query: SELECT 1 FROM scope()}]";
    set.add("a.yaml", yaml).unwrap();
    let wrong = compile(&set, "A", &[], &SourceChoice::All).unwrap_err();
    expect![[r#"parameter `p` of `A` has the type `starlark`, which cannot be used yet"#]]
        .assert_eq(&wrong[0].to_string());
}
