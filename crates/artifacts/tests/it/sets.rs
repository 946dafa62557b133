//! Rules between files.

use artifacts::{ArtifactSet, called_artifacts};
use expect_test::{Expect, expect};

fn check(files: &[&str], wanted: Expect) {
    let mut set = ArtifactSet::new();
    let mut said = Vec::new();
    for (index, yaml) in files.iter().enumerate() {
        if let Err(problems) = set.add(&format!("{index}.yaml"), yaml) {
            said.extend(problems.iter().map(ToString::to_string));
        }
    }
    said.extend(set.problems().iter().map(ToString::to_string));
    wanted.assert_eq(&said.join("\n"));
}

#[test]
fn names_and_aliases_are_taken_once() {
    let a = "name: A\naliases: [B]\nexport: LET x = 1";
    check(
        &[a, "name: A\nexport: LET x = 1"],
        expect![
            "1.yaml:1:7: name: `A` is already the name of an artifact in 0.yaml; choose another name, for example one that starts with `Custom.`"
        ],
    );
    check(
        &[a, "name: B\nexport: LET x = 1"],
        expect![
            "1.yaml:1:7: name: `B` is already the name of an artifact in 0.yaml; choose another name, for example one that starts with `Custom.`"
        ],
    );
    check(
        &[a, "name: C\naliases: [D, A]\nexport: LET x = 1"],
        expect![
            "1.yaml:2:14: aliases[1]: `A` is already the name of an artifact in 0.yaml; choose another name, for example one that starts with `Custom.`"
        ],
    );
    check(
        &["name: A\naliases: [A]\nexport: LET x = 1"],
        expect!["0.yaml:2:11: aliases[0]: `A` is written twice in this file"],
    );
    let mut set = ArtifactSet::new();
    set.add("a.yaml", a).unwrap();
    assert_eq!(set.get("B").unwrap().name, "A");
    assert_eq!(set.file("B"), Some("a.yaml"));
    assert_eq!(set.yaml("B"), Some(a));
}

#[test]
fn imports_and_called_artifacts_must_be_there() {
    let library = "name: Custom.Library\nexport: LET x = 1";
    let empty = "name: Custom.Nothing\nsources: [{query: SELECT * FROM a}]";
    check(
        &[
            library,
            empty,
            "name: A\nimports:\n- Custom.Libary\n- Custom.Nothing\n- Custom.Library\nsources:\n- query: SELECT * FROM Artifact.Custom.Other(a=1)\n",
        ],
        expect![[r#"
            2.yaml:3:3: imports[0]: there is no artifact `Custom.Libary`; did you mean `Custom.Library`?
            2.yaml:4:3: imports[1]: `Custom.Nothing` has no export, so there is nothing to import
            2.yaml:1:7: name: it calls `Artifact.Custom.Other(…)`, and there is no such artifact; did you mean `Custom.Nothing`?"#]],
    );
}

#[test]
fn warnings_are_kept() {
    check(
        &["name: A\nreports: [{type: CLIENT}]\nsources: [{query: 'SELECT f(a=[1 2]) FROM b'}]"],
        expect![[r#"
            0.yaml:2:10: reports: reports are not shown; use notebook cells
            0.yaml:3:34: sources[0].query: a comma is missing before this item; add the comma"#]],
    );
}

#[test]
fn calls_are_found_by_their_text() {
    let check = |vql: &str, wanted: &[&str]| assert_eq!(called_artifacts(vql), wanted, "{vql}");
    check("SELECT * FROM Artifact.A.B(x=1)", &["A.B"]);
    check("SELECT Artifact.A(), Artifact.B_2 (x=1) FROM a", &["A", "B_2"]);
    check("SELECT * FROM MyArtifact.A() WHERE x.Artifact.B() AND Artifact.C.D", &[]);
    check("Artifact.(", &[]);
}
