//! The thirty peculiarities of the language that existing artifacts rely on: each has a case file of
//! its number below `cases/quirks/`, or a test here.

use std::path::Path;

use artifacts::{ArtifactSet, SourceChoice};
use rows::{Dict, OsPath, PathStyle};
use vql_eval::{Collected, CollectionPlan, Limits, language};
use vql_plugin::{Level, LogLine};

use crate::world::{ask, ask_with, setup};

/// Those that need more than a query: parameters of artifacts, and paths.
const TESTED_HERE: [u8; 2] = [18, 24];

#[test]
fn every_quirk_is_tested_under_its_number() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/quirks");
    let names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let has_case =
        |quirk: &u8| names.iter().any(|name| name.starts_with(&format!("quirk_{quirk:02}_")));
    let missing: Vec<u8> =
        (1..=30).filter(|quirk| !has_case(quirk) && !TESTED_HERE.contains(quirk)).collect();
    assert_eq!(missing, [0_u8; 0]);
    assert!(names.iter().filter(|name| name.starts_with("quirk_also_")).count() >= 8);
}

#[test]
fn quirk_18_parameters_are_text_that_becomes_what_they_declare() {
    let yaml = "
name: Typed
parameters:
  - name: plain
    default: 5
  - name: yes
    type: bool
    default: Y
  - name: no
    type: bool
    default: nothing
sources:
  - query: |
      SELECT plain, format(format='%T', args=plain) AS type, yes, no FROM scope()
";
    let mut set = ArtifactSet::new();
    set.add("typed.yaml", yaml).unwrap();
    let collection = artifacts::compile(&set, "Typed", &[], &SourceChoice::All).unwrap();
    let plan = CollectionPlan::compile(collection, &language()).unwrap();
    let (setup, _) = setup(language());
    let rows: Vec<_> = plan
        .start(setup, Dict::new())
        .filter_map(|collected| match collected {
            Collected::Row { row, .. } => Some(rows_json::row_to_json(&row)),
            _ => None,
        })
        .collect();
    assert_eq!(rows, [r#"{"plain":"5","type":"string","yes":true,"no":false}"#]);
}

#[test]
fn quirk_24_paths_have_parts() {
    let path = OsPath::parse(PathStyle::Unix, b"/etc/ssh/sshd_config");
    let text = "SELECT p + 'a/b' AS text, p + ('a', 'b') AS list, p[-1] AS last, p[9] AS none, \
                p[:2] AS part, p.Basename AS name, p.Dirname AS folder, p.Components AS parts, \
                p.Dirname.Dirname.Basename AS deep, p =~ 'SSHD' AS matches, p = '/etc' AS equal, \
                p = p AS same, if(condition=p, then=1) AS truth, format(format='%v', args=(p, )) AS v \
                FROM scope()";
    let answer = ask_with(text, Limits::default(), Dict::new().with("p", path), language());
    expect_test::expect![[r#"{"text":"/etc/ssh/sshd_config/a/b","list":"/etc/ssh/sshd_config/a/b","last":"sshd_config","none":null,"part":"/etc/ssh","name":"sshd_config","folder":"/etc/ssh","parts":["etc","ssh","sshd_config"],"deep":"etc","matches":true,"equal":false,"same":true,"truth":1,"v":"/etc/ssh/sshd_config"}"#]].assert_eq(&answer.rows.join("\n"));
}

#[test]
fn quirk_30_lines_that_mark_a_collection_as_failed() {
    let fails = |level: Level, text: &str| LogLine { level, text: text.to_owned() }.means_failure();
    for text in [
        "Symbol x not found",
        "symbol X.y NOT FOUND",
        "len: Field list is required",
        "glob: Expecting a path arg type, not int64",
        "Unexpected arg bad",
        "something Error: else",
    ] {
        assert!(fails(Level::Default, text), "{text}");
    }
    assert!(fails(Level::Error, "whatever it says"));
    for text in ["Symbolic links are not followed", "all is well", "the field was found"] {
        assert!(!fails(Level::Warn, text), "{text}");
    }
    // The texts that the evaluator logs are among them.
    let answer = ask("SELECT nosuch AS a, len() AS b, format(format='x', bad=1) AS c FROM scope()");
    assert_eq!(answer.log.len(), 3, "{:?}", answer.log);
    for line in answer.log {
        let text = line.trim_start_matches("ERROR:");
        assert!(fails(Level::Default, text), "{text}");
    }
}
