//! Which files are good, and what is said about the others.

use artifacts::{ArtifactSet, parse_artifact};
use expect_test::{Expect, expect};

fn check(yaml: &str, wanted: Expect) {
    let mut set = ArtifactSet::new();
    let mut said = Vec::new();
    match set.add("test.yaml", yaml) {
        Ok(artifact) => said.push(format!("good: {}", artifact.name)),
        Err(problems) => said.extend(problems.iter().map(ToString::to_string)),
    }
    said.extend(set.problems().iter().map(|warning| format!("warning: {warning}")));
    wanted.assert_eq(&said.join("\n"));
}

#[test]
fn every_field_is_read() {
    let yaml = r#"
name: Custom.Everything
aliases: [Custom.All]
description: |
  Two lines
  of words.
author: someone
type: client
reference:
  - https://example.org/a
references: [https://example.org/b]
required_permissions: [EXECVE]
implied_permissions:
  - FILESYSTEM_WRITE
imports: [Custom.Library]
export: LET a = 1
precondition: SELECT OS FROM info() WHERE OS = 'linux'
impersonate: admin
resources:
  timeout: 60
  max_rows: 100
  max_upload_bytes: 1000
  ops_per_second: 5
  cpu_limit: 10
  iops_limit: 11
  max_batch_rows: 12
  max_batch_wait: 13
  max_batch_rows_buffer: 14
tools:
  - name: sh
    url: https://example.org/sh
    serve_locally: yes
    version: 1.10
    expected_hash: abc
    github_project: a/b
    github_asset_regex: sh.*
column_types:
  - name: Time
    type: timestamp
    description: when
parameters:
  - name: On
    type: bool
    default: Y
    friendly_name: Switch
    description: on or off
    validating_regex: "[YN]"
  - name: Way
    type: choices
    choices: [up, down]
    default: up
  - name: Sets
    type: artifactset
    artifact_type: CLIENT
    sources: TRUE
sources:
  - name: One
    description: first
    query: |
      LET b = 2
      SELECT a, b FROM scope()
    notebook:
      - type: vql_suggestion
        name: Look
        template: SELECT * FROM source()
        output: x
        env:
          - key: k
            value: 010
"#;
    let artifact = parse_artifact("test.yaml", yaml).unwrap();
    expect![[r#"
        Artifact {
            name: "Custom.Everything",
            aliases: [
                "Custom.All",
            ],
            description: "Two lines\nof words.\n",
            author: "someone",
            references: [
                "https://example.org/a",
                "https://example.org/b",
            ],
            kind: Client,
            parameters: [
                Parameter {
                    name: "On",
                    friendly_name: "Switch",
                    description: "on or off",
                    kind: Bool,
                    default: Some(
                        "Y",
                    ),
                    choices: [],
                    validating_regex: Some(
                        "[YN]",
                    ),
                    artifact_type: None,
                    sources: false,
                },
                Parameter {
                    name: "Way",
                    friendly_name: "",
                    description: "",
                    kind: Choices,
                    default: Some(
                        "up",
                    ),
                    choices: [
                        "up",
                        "down",
                    ],
                    validating_regex: None,
                    artifact_type: None,
                    sources: false,
                },
                Parameter {
                    name: "Sets",
                    friendly_name: "",
                    description: "",
                    kind: ArtifactSet,
                    default: None,
                    choices: [],
                    validating_regex: None,
                    artifact_type: Some(
                        "CLIENT",
                    ),
                    sources: true,
                },
            ],
            precondition: Some(
                "SELECT OS FROM info() WHERE OS = 'linux'",
            ),
            export: Some(
                "LET a = 1",
            ),
            imports: [
                "Custom.Library",
            ],
            sources: [
                ArtifactSource {
                    name: Some(
                        "One",
                    ),
                    description: "first",
                    precondition: None,
                    query: "LET b = 2\nSELECT a, b FROM scope()\n",
                    notebook: [
                        NotebookCell {
                            kind: "vql_suggestion",
                            name: "Look",
                            template: "SELECT * FROM source()",
                            output: "x",
                            env: [
                                (
                                    "k",
                                    "010",
                                ),
                            ],
                        },
                    ],
                },
            ],
            required_permissions: [
                "EXECVE",
            ],
            implied_permissions: [
                "FILESYSTEM_WRITE",
            ],
            tools: [
                Tool {
                    name: "sh",
                    url: Some(
                        "https://example.org/sh",
                    ),
                    github_project: Some(
                        "a/b",
                    ),
                    github_asset_regex: Some(
                        "sh.*",
                    ),
                    serve_locally: true,
                    version: Some(
                        "1.10",
                    ),
                    expected_hash: Some(
                        "abc",
                    ),
                },
            ],
            column_types: [
                ColumnType {
                    name: "Time",
                    kind: "timestamp",
                    description: "when",
                },
            ],
            resources: Resources {
                timeout_secs: Some(
                    60,
                ),
                rows_max: Some(
                    100,
                ),
                upload_bytes_max: Some(
                    1000,
                ),
                ops_per_second: Some(
                    5,
                ),
                cpu_percent: Some(
                    10,
                ),
                iops_max: Some(
                    11,
                ),
                batch_rows_max: Some(
                    12,
                ),
                batch_wait_secs: Some(
                    13,
                ),
                batch_buffer_bytes_max: Some(
                    14,
                ),
            },
            impersonate: Some(
                "admin",
            ),
        }
    "#]]
    .assert_debug_eq(&artifact);
}

#[test]
fn scalars_are_text_whatever_yaml_makes_of_them() {
    let yaml = "name: A\nparameters:\n- {name: a, default: N}\n- {name: b, default: 010}\n- {name: c, default: 1.10}\n- {name: d, default: }\n- {name: e, default: \"\"}\nexport: LET x = 1";
    let artifact = parse_artifact("test.yaml", yaml).unwrap();
    let defaults: Vec<_> = artifact.parameters.iter().map(|p| p.default.as_deref()).collect();
    assert_eq!(defaults, [Some("N"), Some("010"), Some("1.10"), None, Some("")]);
}

#[test]
fn bare_queries_keep_their_lines_and_comments() {
    let yaml = "name: A\nsources:\n- precondition:\n    SELECT 1 FROM scope()\n  query:\n    -- a comment\n    SELECT a\n    FROM b\n";
    let artifact = parse_artifact("test.yaml", yaml).unwrap();
    assert_eq!(artifact.sources[0].query, "-- a comment\nSELECT a\nFROM b\n");
    let yaml = "name: A\nsources:\n- queries:\n  - LET a = 1 -- one\n  - SELECT a\n    FROM b\n";
    let artifact = parse_artifact("test.yaml", yaml).unwrap();
    assert_eq!(artifact.sources[0].query, "LET a = 1 -- one\n\nSELECT a\nFROM b\n");
}

#[test]
fn empty_texts_are_no_queries() {
    let yaml = "name: A\nprecondition: \"\"\nexport: |\n\nsources:\n- query: SELECT * FROM a\n";
    let artifact = parse_artifact("test.yaml", yaml).unwrap();
    assert_eq!((artifact.precondition, artifact.export), (None, None));
    check(
        "name: A\nsources:\n- query: ''\n",
        expect![
            "test.yaml:3:3: sources[0].query: the source has no query; a source is a query: definitions and one last SELECT"
        ],
    );
}

#[test]
fn what_is_no_artifact_at_all() {
    check("", expect!["test.yaml:1:1: the file is empty; an artifact has at least a name"]);
    check(
        "# only a comment",
        expect!["test.yaml:1:1: the file is empty; an artifact has at least a name"],
    );
    check("- a\n- b", expect!["test.yaml:1:1: fields are wanted here, this is a list"]);
    check(
        "name: 'x",
        expect![
            "test.yaml:1:7: not YAML: unclosed quote; check the indentation and the quotes around here"
        ],
    );
    check(
        "name: A\n---\nname: B",
        expect!["test.yaml:2:1: a second document starts here; this file holds one; split it"],
    );
    check(
        "name: A\nsources: &x\n- query: SELECT * FROM b\n",
        expect!["test.yaml:3:3: anchors and aliases cannot be used here; write the value out"],
    );
    check(
        "name: [A]\nexport: LET x = 1",
        expect![[r#"
        test.yaml:1:7: name: text is wanted here, this is a list
        test.yaml:1:7: name: the artifact has no name; a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`"#]],
    );
}

#[test]
fn names_have_a_form() {
    check(
        "export: LET x = 1",
        expect![
            "test.yaml:1:1: name: the artifact has no name; a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`"
        ],
    );
    check(
        "name: Linux.Sys-Users\nexport: LET x = 1",
        expect![
            "test.yaml:1:7: name: `Linux.Sys-Users` cannot be the name of an artifact; a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`"
        ],
    );
    check(
        "name: A.1B\nexport: LET x = 1",
        expect![
            "test.yaml:1:7: name: `A.1B` cannot be the name of an artifact; a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`"
        ],
    );
    check(
        "name: A\naliases: [b c]\nexport: LET x = 1",
        expect![
            "test.yaml:2:10: aliases[0]: `b c` cannot be the name of an artifact; a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`"
        ],
    );
    check(
        "name: A\ntype: CLEINT\nexport: LET x = 1",
        expect![
            "test.yaml:2:7: type: there is no artifact type `CLEINT`; one of CLIENT, CLIENT_EVENT, SERVER, SERVER_EVENT, INTERNAL, NOTEBOOK; without a type it is CLIENT"
        ],
    );
    check(
        "name: A\nrequired_permissions: [execve]\nexport: LET x = 1",
        expect![
            "test.yaml:2:24: required_permissions[0]: `execve` is not a permission; permissions are written in capitals, for example EXECVE"
        ],
    );
}

#[test]
fn unknown_and_repeated_fields_are_errors() {
    check(
        "name: A\ndescripton: x\nsources:\n- qurey: SELECT 1\n  name: B\nparameters:\n- name: a\n  defaul: 3\n",
        expect![[r#"
            test.yaml:2:1: descripton: there is no field `descripton`; did you mean `description`?
            test.yaml:8:3: parameters[0].defaul: there is no field `defaul`; did you mean `default`?
            test.yaml:4:3: sources[0].qurey: there is no field `qurey`; did you mean `query`?
            test.yaml:4:3: sources[0].query: the source has no query; a source is a query: definitions and one last SELECT"#]],
    );
    check(
        "name: A\nname: B\nexport: LET x = 1",
        expect!["test.yaml:2:1: name: this field is written twice; remove one"],
    );
    check(
        "name: A\nresources: {timeout: soon, retries: 3}\nexport: LET x = 1",
        expect![[r#"
        test.yaml:2:28: resources.retries: there is no field `retries`; known fields: timeout, ops_per_second, max_rows, max_upload_bytes, max_batch_wait, max_batch_rows, max_batch_rows_buffer, cpu_limit, iops_limit
        test.yaml:2:22: resources.timeout: `soon` is not a whole number; for example 600"#]],
    );
    check(
        "name: A\ntools: [{url: x}]\ncolumn_types: [{type: hex}]\nexport: LET x = 1",
        expect![
            "test.yaml:2:9: tools[0].name: the tool has no name; its variables are called `Tool_<name>_…`"
        ],
    );
    check(
        "name: A\nreference: https://example.org\nexport: LET x = 1",
        expect![
            "test.yaml:2:12: reference: a list is wanted here, this is a single text; start each item with `- ` on a line of its own"
        ],
    );
}

#[test]
fn parameters_have_types_and_fitting_defaults() {
    check(
        r#"
name: A
export: LET x = 1
parameters:
- name: a
  type: integer
  default: ten
- name: b
  type: boool
- name: c
  type: choices
- name: d
  choices: [red, green]
  default: greem
- name: e
  type: multichoice
  choices: [x, y]
  default: '["x", "z"]'
- name: f
  type: json
  default: "{a"
- name: g
  type: bool
  default: maybe
- name: g
- type: regex
- name: "h`i"
- name: j
  type: float
  default: 1,5
"#,
        expect![[r#"
            test.yaml:9:9: parameters[1].type: there is no parameter type `boool`; did you mean `bool`?
            test.yaml:10:3: parameters[2].choices: a parameter of type `choices` needs choices; list the texts it may have under `choices:`
            test.yaml:25:3: parameters[7].name: another parameter is called `g` as well; give one of them another name
            test.yaml:26:3: parameters[8].name: the parameter has no name; the name is also the variable that holds the value
            test.yaml:27:9: parameters[9].name: `h`i` cannot be the name of a parameter; leave out quotes, backticks, backslashes and blanks at the ends"#]],
    );
}

#[test]
fn a_default_that_its_type_refuses_is_a_warning() {
    check(
        r#"
name: A
export: LET x = 1
parameters:
- {name: a, type: integer, default: ten}
- {name: d, choices: [red, green], default: greem}
- {name: e, type: multichoice, choices: [x, y], default: '["x", "z"]'}
- {name: f, type: json, default: "{a"}
- {name: g, type: bool, default: maybe}
- {name: j, type: float, default: "1,5"}
"#,
        expect![[r#"
            good: A
            warning: test.yaml:5:37: parameters[0].default: the default `ten` is not a whole number; for example 10, -1 or 0x1f
            warning: test.yaml:6:45: parameters[1].default: the default `greem` is not one of the choices; did you mean `green`?
            warning: test.yaml:7:58: parameters[2].default: the default `z` is not one of the choices; did you mean `x`?
            warning: test.yaml:8:34: parameters[3].default: the default `{a` is not JSON: key must be a string at line 1 column 2; for example {"a": 1}
            warning: test.yaml:9:34: parameters[4].default: the default `maybe` is neither true nor false; write Y or N
            warning: test.yaml:10:35: parameters[5].default: the default `1,5` is not a number; for example 0.5"#]],
    );
}

#[test]
fn sources_end_with_their_only_select() {
    check(
        "name: A",
        expect![[r#"
            good: A
            warning: test.yaml:1:1: sources: the artifact collects nothing; write `sources:` with at least one query, or `export:` for a library"#]],
    );
    check(
        "name: A\nsources: []",
        expect![[r#"
            good: A
            warning: test.yaml:1:1: sources: the artifact collects nothing; write `sources:` with at least one query, or `export:` for a library"#]],
    );
    check(
        "name: A\nsources:\n- name: B",
        expect![
            "test.yaml:3:3: sources[0].query: the source has no query; a source is a query: definitions and one last SELECT"
        ],
    );
    check(
        "name: A\nsources:\n- query: |\n    SELECT 1 FROM scope()\n\n    LET a = SELECT 2 FROM scope()\n",
        expect![[r#"
            test.yaml:4:5: sources[0].query: only the last statement of a source may be a SELECT; give this one a name with LET, or move it into a source of its own
            test.yaml:6:5: sources[0].query: the last statement of a source must be a SELECT, this defines a name; add `SELECT * FROM` and that name"#]],
    );
    check(
        "name: A\nexport: SELECT * FROM info()",
        expect![
            "test.yaml:2:9: export: an export only defines names; define it: `LET name = SELECT …`"
        ],
    );
    check(
        "name: A\nprecondition: SELECT * FROM info()\nsources:\n- query: SELECT * FROM a\n  precondition: SELECT * FROM info()\n- query: SELECT * FROM b\n",
        expect![[r#"
            test.yaml:4:3: sources[0].precondition: there is a precondition for the whole artifact as well; keep the one of the artifact, or move it into every source
            test.yaml:6:3: sources[1].name: another source has no name either; each source fills a table of its own; give each another name"#]],
    );
    check(
        "name: A\nsources:\n- {name: x/y, query: SELECT * FROM a}\n- {query: SELECT * FROM a, queries: [SELECT * FROM a], name: b}\n",
        expect![[r#"
            test.yaml:3:10: sources[0].name: `x/y` cannot be the name of a source; use letters, digits, blanks, `_`, `-` and `.`
            test.yaml:4:37: sources[1].queries: there is a `query` as well; keep `query`; the other spelling is an old one"#]],
    );
}

#[test]
fn mistakes_in_vql_are_shown_at_the_lines_of_the_file() {
    check(
        "name: A\nsources:\n  - name: B\n    query: |\n      LET a = 1\n      SELECT * FROM info()\n      WHERE OS == 'linux'\n",
        expect![
            "test.yaml:7:17: sources[0].query: unexpected `=`, expected an expression after the operator; write one `=` to compare"
        ],
    );
    check(
        "name: A\nsources:\n- query: SELECT 5-3 FROM scope()\n",
        expect![
            "test.yaml:3:18: sources[0].query: unexpected `-3`, expected `,` and another column, AS and a name, or FROM; a minus sign directly before a digit or a name belongs to it; write blanks on both sides: `- 3`"
        ],
    );
    check(
        "name: A\nsources:\n- query: \"SELECT 5-3 FROM scope()\"\n",
        expect![
            "test.yaml:3:19: sources[0].query: unexpected `-3`, expected `,` and another column, AS and a name, or FROM; a minus sign directly before a digit or a name belongs to it; write blanks on both sides: `- 3`"
        ],
    );
    check(
        "name: A\nsources:\n- query: >\n    SELECT a\n    b\n",
        expect![
            "test.yaml:4:5: sources[0].query: unexpected `b`, expected `,` and another column, AS and a name, or FROM (line 1, column 10 of the query); an operator or a comma is missing between these two"
        ],
    );
    check(
        "name: A\nsources:\n- queries:\n  - LET a = 1\n  - SELECT\n      a b FROM c\nprecondition:\n  SELECT\n",
        expect![[r#"
            test.yaml:8:9: precondition: the text ends too early, expected a column; every SELECT reads FROM something; `FROM scope()` gives one row
            test.yaml:6:9: sources[0].queries[1]: unexpected `b`, expected `,` and another column, AS and a name, or FROM; an operator or a comma is missing between these two"#]],
    );
}

#[test]
fn a_problem_is_rendered_with_its_line() {
    let yaml = "name: A\nsources:\n- query: SELECT 5-3 FROM scope()\n";
    let problems = parse_artifact("test.yaml", yaml).unwrap_err();
    expect![[r#"
        error: unexpected `-3`, expected `,` and another column, AS and a name, or FROM
         --> test.yaml:3:18 in sources[0].query
          |
        3 | - query: SELECT 5-3 FROM scope()
          |                  ^
          = hint: a minus sign directly before a digit or a name belongs to it; write blanks on both sides: `- 3`
    "#]].assert_eq(&problems[0].render());
}

#[test]
fn lines_are_right_below_empty_ones_and_with_other_line_ends() {
    let line = |yaml: &str| parse_artifact("test.yaml", yaml).unwrap_err()[0].line;
    let yaml =
        "name: A\r\nsources:\r\n- query: |\r\n\r\n\r\n    -- x\r\n    SELECT 5-3 FROM scope()\r\n";
    assert_eq!(line(yaml), 7);
    assert_eq!(line(&yaml.replace('\r', "")), 7);
    assert_eq!(line(&yaml.replace("query: |\r\n\r\n\r\n", "query:\r\n")), 5);
}
