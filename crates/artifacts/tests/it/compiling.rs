//! What becomes of an artifact and its parameters.

use artifacts::{ArtifactSet, SourceChoice, compile};
use expect_test::{Expect, expect};
use model::collect::CompiledCollection;
use vql_syntax::parse_program;

fn set(files: &[&str]) -> ArtifactSet {
    let mut set = ArtifactSet::new();
    for yaml in files {
        set.add("test.yaml", yaml).unwrap();
    }
    set
}

fn show(compiled: &CompiledCollection) -> String {
    let mut shown = format!("{} {:?}\n", compiled.artifact, compiled.mode);
    for (name, text) in &compiled.environment {
        shown.push_str(&format!("{name} = {text:?}\n"));
    }
    shown.push_str(&format!("prelude:\n{}\n", compiled.prelude));
    for source in &compiled.sources {
        shown.push_str(&format!("source {}:\n{}\n", source.name, source.vql.trim_end()));
        if let Some(precondition) = &source.precondition {
            shown.push_str(&format!("if {precondition}\n"));
        }
    }
    for yaml in &compiled.artifacts {
        shown.push_str(&format!("with {}\n", yaml.lines().next().unwrap()));
    }
    if !compiled.required_permissions.is_empty() {
        shown.push_str(&format!("needs {:?}\n", compiled.required_permissions));
    }
    shown
}

/// Compiles the artifact `A` of the files.
fn check(files: &[&str], parameters: &[(&str, &str)], sources: &[&str], wanted: Expect) {
    let given: Vec<_> =
        parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let choice = match sources {
        [] => SourceChoice::All,
        names => SourceChoice::Named(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let said = match compile(&set(files), "A", &given, &choice) {
        Ok(compiled) => {
            for text in compiled.sources.iter().map(|s| &s.vql).chain([&compiled.prelude]) {
                let parsed = parse_program(text);
                assert!(text.is_empty() || parsed.errors.is_empty(), "{text}: {:?}", parsed.errors);
            }
            show(&compiled)
        }
        Err(wrong) => wrong.iter().map(|error| format!("{error}\n")).collect(),
    };
    wanted.assert_eq(&said);
}

#[test]
fn parameters_become_an_environment_and_conversions() {
    let all = r#"
name: A
parameters:
- {name: text, default: x}
- {name: on, type: bool, default: Y}
- {name: my count, type: int, default: 10}
- {name: share, type: float}
- {name: since, type: timestamp}
- {name: table, type: csv, default: "a,b"}
- {name: some, type: json, default: '{"a": 1}'}
- {name: list, type: json_array}
- {name: yaml, type: yaml}
- {name: xml, type: xml}
- {name: file, type: upload}
- {name: path, type: upload_file}
sources:
- query: SELECT text FROM scope()
"#;
    check(
        &[all],
        &[("text", "y"), ("my count", "-3")],
        &[],
        expect![[r#"
        A Serial
        text = "y"
        on = "Y"
        my count = "-3"
        share = ""
        since = ""
        table = "a,b"
        some = "{\"a\": 1}"
        list = ""
        yaml = ""
        xml = ""
        file = ""
        path = ""
        prelude:
        LET on <= get(field="on") = TRUE OR get(field="on") =~ "^(Y|TRUE|YES|OK)$"
        LET `my count` <= int(int=`my count`)
        LET share <= parse_float(string=share)
        LET since <= timestamp(epoch=since)
        LET table <= if(condition=format(format="%T", args=[table,]) = "string", then={ SELECT * FROM parse_csv(filename=table, accessor="data") }, else=table)
        LET some <= if(condition=format(format="%T", args=[some,]) = "string", then=if(condition=some, then=parse_json(data=some)), else=some)
        LET list <= if(condition=format(format="%T", args=[list,]) = "string", then=if(condition=list, then=parse_json_array(data=list)), else=list)
        LET yaml <= if(condition=format(format="%T", args=[yaml,]) = "string", then=if(condition=yaml, then=parse_yaml(filename=yaml, accessor="data")), else=yaml)
        LET xml <= if(condition=format(format="%T", args=[xml,]) = "string", then=if(condition=xml, then=parse_xml(file=xml, accessor="data")), else=xml)
        LET `content of file` = SELECT Content FROM http_client(url=file)
        LET file <= if(condition=file, then=`content of file`[0].Content)
        LET `content of path` = SELECT Content FROM http_client(url=path, tempfile_extension=".tmp")
        LET path <= if(condition=path, then=`content of path`[0].Content)
        source A:
        SELECT text FROM scope()
    "#]],
    );
}

#[test]
fn wrong_parameters_are_refused_all_at_once() {
    let a = "name: A\nparameters:\n- {name: CronGlob}\n- {name: Count, type: int}\n- {name: Way, choices: [up, down]}\nsources: [{query: SELECT * FROM a}]";
    check(
        &[a],
        &[("cronGlob", "x"), ("Count", "many"), ("Way", "dwn"), ("Other", ""), ("Count", "1")],
        &[],
        expect![[r#"
            artifact `A` has no parameter `cronGlob`; did you mean `CronGlob`?
            artifact `A` has no parameter `Other`; known: CronGlob, Count, Way
            parameter `Count` is given twice; keep one of them
            parameter `Way` of type `string`: the value `dwn` is not one of the choices; did you mean `down`?
        "#]],
    );
    check(
        &["name: A\nsources: [{query: SELECT * FROM a}]"],
        &[("x", "1")],
        &[],
        expect![[r#"
        artifact `A` has no parameter `x`; it has no parameters at all
    "#]],
    );
    check(
        &["name: Aa\nsources: [{query: SELECT * FROM a}]"],
        &[],
        &[],
        expect![[r#"
        there is no artifact `A`; did you mean `Aa`?
    "#]],
    );
    check(
        &["name: A\nparameters: [{name: x, type: starlark}]\nsources: [{query: SELECT * FROM a}]"],
        &[],
        &[],
        expect![[r#"
            parameter `x` of `A` has the type `starlark`, which cannot be used yet
        "#]],
    );
    check(
        &["name: A\nexport: LET x = 1"],
        &[],
        &[],
        expect![[r#"
        artifact `A` has no source with a query; it cannot be collected
    "#]],
    );
}

#[test]
fn what_somebody_gives_is_checked_and_a_default_is_not() {
    let a = "name: A\nparameters:\n- {name: Id, validating_regex: '^[A-Z]\\d+$', default: odd}\n- {name: Odd, validating_regex: '['}\n- {name: Way, type: choices, choices: [up, down], default: left}\nsources: [{query: SELECT * FROM a}]";
    check(
        &[a],
        &[],
        &[],
        expect![[r#"
        A Serial
        Id = "odd"
        Odd = ""
        Way = "left"
        prelude:

        source A:
        SELECT * FROM a
    "#]],
    );
    check(
        &[a],
        &[("Id", "A1"), ("Odd", "x"), ("Way", "up")],
        &[],
        expect![[r#"
        A Serial
        Id = "A1"
        Odd = "x"
        Way = "up"
        prelude:

        source A:
        SELECT * FROM a
    "#]],
    );
    check(
        &[a],
        &[("Id", "a1"), ("Way", "left")],
        &[],
        expect![[r#"
        parameter `Id` of type `string`: the value `a1` does not look as it should; it must match ^[A-Z]\d+$
        parameter `Way` of type `choices`: the value `left` is not one of the choices; known: up, down
    "#]],
    );
}

#[test]
fn tools_are_those_of_everything_that_runs() {
    let set = set(&[
        "name: A\nimports: [L]\ntools: [{name: One}]\nsources: [{query: SELECT * FROM Artifact.B()}]",
        "name: B\ntools: [{name: Two}, {name: One, url: other}]\nsources: [{query: SELECT * FROM a}]",
        "name: L\ntools: [{name: Three}]\nexport: LET x = 1",
        "name: C\ntools: [{name: Four}]\nsources: [{query: SELECT * FROM a}]",
    ]);
    let names: Vec<&str> = set.tools("A").iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["One", "Three", "Two"]);
    assert!(set.tools("Gone").is_empty());
}

#[test]
fn exports_come_before_sources_own_first() {
    check(
        &[
            "name: A\nimports: [L, M]\nexport: LET own = 1\nsources: [{query: SELECT * FROM a}]",
            "name: L\nimports: [N, A]\nexport: LET l = 1",
            "name: M\nexport: LET m = 1",
            "name: N\nexport: LET n = 1",
        ],
        &[],
        &[],
        expect![[r#"
            A Serial
            prelude:
            LET own = 1
            LET l = 1
            LET n = 1
            LET m = 1
            source A:
            SELECT * FROM a
        "#]],
    );
    check(
        &["name: A\nimports: [Gone]\nsources: [{query: SELECT * FROM a}]"],
        &[],
        &[],
        expect![[r#"
            artifact `A` imports `Gone`, and there is no such artifact; add its file
        "#]],
    );
}

const SERIAL: &str = r#"
name: A
precondition: SELECT OS FROM info() WHERE OS = 'linux'
sources:
- name: One
  query: |
    LET x = SELECT * FROM p()
    SELECT * FROM x
- name: Two
  query: |
    LET y = 5
    SELECT y, * FROM x
"#;

#[test]
fn sources_share_a_scope_unless_one_has_its_own_precondition() {
    check(
        &[SERIAL],
        &[],
        &[],
        expect![[r#"
        A Serial
        prelude:

        source A/One:
        LET x = SELECT * FROM p()
        SELECT * FROM x
        if SELECT OS FROM info() WHERE OS = 'linux'
        source A/Two:
        LET y = 5
        SELECT y, * FROM x
        if SELECT OS FROM info() WHERE OS = 'linux'
    "#]],
    );
    check(
        &[
            "name: A\nsources:\n- {name: One, query: SELECT * FROM a, precondition: SELECT * FROM info()}\n- {name: Two, query: SELECT * FROM b}",
        ],
        &[],
        &[],
        expect![[r#"
            A Parallel
            prelude:

            source A/One:
            SELECT * FROM a
            if SELECT * FROM info()
            source A/Two:
            SELECT * FROM b
        "#]],
    );
    check(
        &["name: A\ntype: CLIENT_EVENT\nsources: [{query: SELECT * FROM a}]"],
        &[],
        &[],
        expect![[r#"
            A Parallel
            prelude:

            source A:
            SELECT * FROM a
        "#]],
    );
}

#[test]
fn chosen_sources_keep_the_definitions_before_them() {
    check(
        &[SERIAL],
        &[],
        &["Two"],
        expect![[r#"
        A Serial
        prelude:

        source A/Two:
        LET x = SELECT * FROM p()
        LET y = 5
        SELECT y, * FROM x
        if SELECT OS FROM info() WHERE OS = 'linux'
    "#]],
    );
    check(
        &[SERIAL],
        &[],
        &["Twoo", "One"],
        expect![[r#"
        artifact `A` has no source `Twoo`; did you mean `Two`?
    "#]],
    );
}

#[test]
fn called_artifacts_travel_along() {
    check(
        &[
            "name: A\nrequired_permissions: [NETWORK]\nsources: [{query: SELECT * FROM Artifact.B(x=1)}]",
            "name: B\nimports: [L]\nrequired_permissions: [EXECVE, NETWORK]\nsources: [{query: 'SELECT * FROM Artifact.C() WHERE Artifact.Gone(a=1)'}]",
            "name: C\nsources: [{query: SELECT * FROM Artifact.B()}]",
            "name: L\nexport: LET l = 1",
            "name: M\nexport: LET m = 1",
        ],
        &[],
        &[],
        expect![[r#"
            A Serial
            prelude:

            source A:
            SELECT * FROM Artifact.B(x=1)
            with name: B
            with name: L
            with name: C
            needs ["NETWORK", "EXECVE"]
        "#]],
    );
}
