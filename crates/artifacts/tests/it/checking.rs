//! What a survey of artifacts says.

use std::collections::BTreeMap;

use artifacts::ArtifactSet;
use artifacts::check::{Argument, Known, Signature, Survey, Vocabulary, survey};
use expect_test::{Expect, expect};

/// An engine with a few names: `name` or `name(required, [optional], λlambda)`.
fn vocabulary() -> Vocabulary {
    let here = |text: &str| {
        let (name, args) = text.split_once('(').unwrap_or((text, ")"));
        let args = args.trim_end_matches(')').split(", ").filter(|arg| !arg.is_empty());
        let argument = |arg: &str| Argument {
            name: arg.trim_matches(['[', ']', 'λ', '…']).to_owned(),
            required: !arg.starts_with(['[', 'λ', '…']),
            is_lambda: arg.starts_with('λ'),
        };
        let free_form = text.contains('…');
        let args = args.filter(|arg| *arg != "…").map(argument).collect();
        (name.to_owned(), Known::Here(Signature { args, free_form }))
    };
    let elsewhere = |name: &str, why: &'static str| {
        (name.to_owned(), Known::Elsewhere { why, says: format!("`{name}` is elsewhere") })
    };
    let plugins = ["info", "scope", "glob(globs, [accessor])", "foreach(row, [query])", "chain(…)"];
    let functions = [
        "get([item], [field])",
        "format(format, [args])",
        "if(condition, [then], [else])",
        "parse_csv(filename)",
        "int(int)",
        "dict(…)",
        "upper(string)",
        "eval(λfunc, [args])",
        "version([function], [plugin])",
        "pathspec([DelegateAccessor], [accessor])",
    ];
    let mut known = Vocabulary {
        plugins: plugins.into_iter().map(here).collect::<BTreeMap<_, _>>(),
        functions: functions.into_iter().map(here).collect(),
        accessors: ["file", "data"].into_iter().map(here).collect(),
    };
    known.plugins.extend([elsewhere("wmi", "windows"), elsewhere("hunts", "server")]);
    known.functions.extend([elsewhere("token", "windows")]);
    known.accessors.extend([elsewhere("ntfs", "windows")]);
    known
}

fn surveyed(files: &[&str]) -> Survey {
    let mut base = ArtifactSet::new();
    base.add("base.yaml", "name: Base.One\nsources: [{query: SELECT * FROM info()}]").unwrap();
    let files: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, yaml)| (format!("{index}.yaml"), (*yaml).to_owned()))
        .collect();
    survey(&files, &base, &vocabulary())
}

fn check(files: &[&str], wanted: Expect) {
    let found = surveyed(files);
    let mut said = Vec::new();
    for checked in &found.artifacts {
        said.push(format!("{} {}", checked.verdict.word(), checked.name));
        said.extend(checked.findings.iter().map(|finding| {
            format!("  {} {}: {}", finding.kind.word(), finding.name, finding.problem)
        }));
    }
    for one in found.wanted() {
        let why = one.why.unwrap_or("-");
        let kind = one.kind.word();
        said.push(format!("{} in {}: {kind} {} {why}", one.places, one.artifacts, one.name));
    }
    wanted.assert_eq(&said.join("\n"));
}

fn check_source(query: &str, wanted: Expect) {
    let query: String = query.lines().map(|line| format!("    {line}\n")).collect();
    check(&[&format!("name: A\nsources:\n- query: |\n{query}")], wanted);
}

#[test]
fn what_the_engine_has_runs() {
    check_source(
        "LET x <= SELECT * FROM glob(globs='/*', accessor='file')\nSELECT upper(string=Name) FROM foreach(row=x, query={ SELECT * FROM info() })",
        expect!["ok A"],
    );
    check_source(
        "SELECT dict(anything=1) FROM chain(a={ SELECT * FROM scope() })",
        expect!["ok A"],
    );
}

#[test]
fn unknown_names_break_an_artifact_and_known_ones_only_a_path() {
    check_source(
        "SELECT uper(string=1), info() AS i\nFROM glbo(globs=1)",
        expect![[r#"
        broken A
          function uper: 0.yaml:4:12: sources[0].query: no function is called `uper`; did you mean `upper`?
          function info: 0.yaml:4:28: sources[0].query: no function is called `info`; `info` is a plugin; it stands after FROM
          plugin glbo: 0.yaml:5:10: sources[0].query: no plugin is called `glbo`; did you mean `glob`?
        1 in 1: plugin glbo -
        1 in 1: function info -
        1 in 1: function uper -"#]],
    );
    check_source(
        "SELECT token() FROM chain(\n  a={ SELECT * FROM wmi(query=1) },\n  b={ SELECT * FROM hunts() })",
        expect![[r#"
            partly A
              function token: 0.yaml:4:12: sources[0].query: `token` is elsewhere
              plugin wmi: 0.yaml:5:25: sources[0].query: `wmi` is elsewhere
              plugin hunts: 0.yaml:6:25: sources[0].query: `hunts` is elsewhere
            1 in 1: plugin hunts server
            1 in 1: plugin wmi windows
            1 in 1: function token windows"#]],
    );
    check_source(
        "SELECT * FROM glob",
        expect![[r#"
        broken A
          plugin glob: 0.yaml:4:19: sources[0].query: `FROM glob` is a variable, not the plugin; write `FROM glob()`
        1 in 1: plugin glob -"#]],
    );
}

#[test]
fn names_that_are_defined_are_known() {
    check_source(
        "LET twice(x) = x + x\nLET rows(f) = SELECT f(y=1) FROM f\nLET users = SELECT * FROM info()\nSELECT twice(x=1), users.Name FROM rows(f=users)",
        expect!["ok A"],
    );
    check(
        &[
            "name: A\nimports: [L]\nexport: LET own() = far()\nsources:\n- {name: X, query: 'LET here(a) = a SELECT own(), other() FROM scope()'}\n- {name: Y, query: 'SELECT here(a=1) FROM scope()'}\n",
            "name: L\nimports: [M]\nexport: LET other() = 1",
            "name: M\nexport: LET far() = 1",
        ],
        expect![[r#"
            ok A
            ok L
            ok M"#]],
    );
    // A scope for each source.
    check(
        &[
            "name: A\ntype: CLIENT_EVENT\nsources:\n- {name: X, query: 'LET here(a) = a SELECT 1 FROM scope()'}\n- {name: Y, query: 'SELECT here(a=1) FROM scope()'}\n",
        ],
        expect![[r#"
            broken A
              function here: 0.yaml:5:28: sources[1].query: no function is called `here`
            1 in 1: function here -"#]],
    );
}

#[test]
fn arguments_are_those_that_are_declared() {
    check_source(
        "SELECT upper(str=1), int(`**`=dict(x=1)), get(feld=1)\nFROM glob(globs='/', acessor='file', `root`='/')",
        expect![[r#"
            broken A
              required_argument upper.string: 0.yaml:4:12: sources[0].query: `upper` needs the argument `string`
              argument upper.str: 0.yaml:4:18: sources[0].query: `upper` has no argument `str`; it takes string
              argument get.feld: 0.yaml:4:51: sources[0].query: `get` has no argument `feld`; did you mean `field`?
              argument glob.acessor: 0.yaml:5:26: sources[0].query: `glob` has no argument `acessor`; did you mean `accessor`?
              argument glob.root: 0.yaml:5:42: sources[0].query: `glob` has no argument `root`; it takes globs, accessor
            1 in 1: argument get.feld -
            1 in 1: argument glob.acessor -
            1 in 1: argument glob.root -
            1 in 1: argument upper.str -
            1 in 1: required_argument upper.string -"#]],
    );
    check_source(
        "SELECT eval(func='x=>uper(string=x)'), eval(func='x+1'), eval(func=Variable) FROM scope()",
        expect![[r#"
            broken A
              function uper: 0.yaml:4:17: sources[0].query: no function is called `uper`; did you mean `upper`?
              syntax eval.func: 0.yaml:4:49: sources[0].query: the text of `func` is no lambda: unexpected `+`; for example `x=>x.Name`
            1 in 1: function uper -
            1 in 1: syntax eval.func -"#]],
    );
}

#[test]
fn accessors_are_checked_where_they_are_written() {
    check_source(
        "SELECT pathspec(DelegateAccessor='ntfs', accessor='zap'), pathspec(accessor=Accessor)\nFROM glob(globs='/', accessor='fil')",
        expect![[r#"
            broken A
              accessor ntfs: 0.yaml:4:21: sources[0].query: the accessor `ntfs` is elsewhere
              accessor zap: 0.yaml:4:46: sources[0].query: no accessor is called `zap`
              accessor fil: 0.yaml:5:26: sources[0].query: no accessor is called `fil`; did you mean `file`?
            1 in 1: accessor fil -
            1 in 1: accessor ntfs windows
            1 in 1: accessor zap -"#]],
    );
    check(
        &[
            "name: A\nparameters:\n- name: Accessor\n  default: ntfs\nsources:\n- query: SELECT * FROM glob(globs='/', accessor=Accessor)\n",
        ],
        expect![[r#"
            partly A
              accessor ntfs: 0.yaml:3:3: parameters[0]: the accessor `ntfs` is elsewhere
            1 in 1: accessor ntfs windows"#]],
    );
}

#[test]
fn called_artifacts_are_looked_up() {
    check(
        &[
            "name: A\nsources:\n- query: |\n    SELECT * FROM chain(\n      a={ SELECT * FROM Artifact.B(X=1, Y=2, preconditions=TRUE) },\n      b={ SELECT * FROM Artifact.B(source='Tow') },\n      c={ SELECT * FROM Artifact.Bb() },\n      d={ SELECT * FROM Artifact.Base.One() })\n",
            "name: B\nparameters: [{name: X}]\nsources:\n- {name: One, query: SELECT * FROM info()}\n- {name: Two, query: SELECT * FROM info()}\n",
        ],
        expect![[r#"
            broken A
              parameter B.Y: 0.yaml:5:41: sources[0].query: artifact `B` has no parameter `Y`; did you mean `X`?
              source B/Tow: 0.yaml:6:36: sources[0].query: artifact `B` has no source `Tow`
              artifact Bb: 0.yaml:7:25: sources[0].query: there is no artifact `Bb`; did you mean `B`?
            ok B
            1 in 1: artifact Bb -
            1 in 1: parameter B.Y -
            1 in 1: source B/Tow -"#]],
    );
}

#[test]
fn who_calls_what_does_not_run_does_not_run_either() {
    check(
        &[
            "name: A\nsources: [{query: SELECT * FROM Artifact.B()}]",
            "name: B\nsources: [{query: SELECT * FROM Artifact.C()}]",
            "name: C\nsources: [{query: SELECT * FROM wmi()}]",
            "name: D\nsources: [{query: SELECT * FROM Artifact.E()}]",
            "name: E\nnam: E\nsources: [{query: SELECT * FROM info()}]",
            "name: F\nimports: [E, G]\nsources: [{query: SELECT * FROM info()}]",
        ],
        expect![[r#"
            partly A
              called_artifact B: 0.yaml:2:33: sources[0].query: `B`, which it needs, runs only partly
            partly B
              called_artifact C: 1.yaml:2:33: sources[0].query: `C`, which it needs, runs only partly
            partly C
              plugin wmi: 2.yaml:2:33: sources[0].query: `wmi` is elsewhere
            broken D
              called_artifact E: 3.yaml:2:33: sources[0].query: `E`, which it needs, is broken
            broken E
              schema : 4.yaml:2:1: nam: there is no field `nam`; did you mean `name`?
            broken F
              called_artifact E: 5.yaml:2:11: imports[0]: `E`, which it needs, is broken
              import G: 5.yaml:2:14: imports[1]: there is no artifact `G`; did you mean `A`?
            1 in 1: plugin wmi windows
            1 in 1: import G -"#]],
    );
}

#[test]
fn names_that_are_asked_for_first_break_nothing() {
    check_source(
        "SELECT if(condition=version(function='newer'), then=newer(x=1)) FROM scope()",
        expect![[r#"
            partly A
              function newer: 0.yaml:4:57: sources[0].query: no function is called `newer`, which the text allows for
            1 in 1: function newer asked_for"#]],
    );
}

#[test]
fn places_are_those_of_the_file() {
    check(
        &[
            "name: A\nsources:\n- query:\n    -- bare\n    SELECT * FROM nothing()\n  precondition: SELECT * FROM nobody()\n- name: Old\n  queries:\n  - LET a = 1\n  - SELECT a\n    FROM nowhere()\n",
        ],
        expect![[r#"
            broken A
              plugin nothing: 0.yaml:5:19: sources[0].query: no plugin is called `nothing`
              plugin nobody: 0.yaml:6:31: sources[0].precondition: no plugin is called `nobody`
              plugin nowhere: 0.yaml:11:10: sources[1].queries[1]: no plugin is called `nowhere`
            1 in 1: plugin nobody -
            1 in 1: plugin nothing -
            1 in 1: plugin nowhere -"#]],
    );
}

#[test]
fn parameters_need_what_converts_them() {
    check(
        &[
            "name: A\nparameters:\n- {name: n, type: int}\n- {name: c, type: csv}\n- {name: y, type: yaml}\n- {name: s, type: starlark}\nsources: [{query: SELECT * FROM info()}]\n",
        ],
        expect![[r#"
            broken A
              plugin parse_csv: 0.yaml:4:3: parameters[1]: type `csv`: no plugin is called `parse_csv`; `parse_csv` is a function; it stands in an expression
              function parse_yaml: 0.yaml:5:3: parameters[2]: type `yaml`: no function is called `parse_yaml`; did you mean `parse_csv`?
              schema type starlark: 0.yaml:6:3: parameters[3]: parameters of type `starlark` cannot be used; use `json` or `yaml`
            1 in 1: plugin parse_csv -
            1 in 1: function parse_yaml -
            1 in 1: schema type starlark -"#]],
    );
}

#[test]
fn a_folder_may_define_what_the_base_has() {
    check(
        &[
            "name: Base.One\nsources: [{query: SELECT * FROM nothing()}]",
            "name: B\nsources: [{query: SELECT * FROM Artifact.Base.One()}]",
        ],
        expect![[r#"
            broken B
              called_artifact Base.One: 1.yaml:2:33: sources[0].query: `Base.One`, which it needs, is broken
            broken Base.One
              plugin nothing: 0.yaml:2:33: sources[0].query: no plugin is called `nothing`
            1 in 1: plugin nothing -"#]],
    );
    check(
        &["name: B\nexport: LET x = 1", "name: B\nexport: LET x = 1"],
        expect![[r#"
        ok B
        broken B
          schema : 1.yaml:1:7: name: `B` is already the name of an artifact in 0.yaml; choose another name, for example one that starts with `Custom.`"#]],
    );
}

#[test]
fn a_thousand_artifacts_are_surveyed() {
    let one = |at: usize| {
        format!(
            "name: A{at}\nsources:\n- query: SELECT * FROM Artifact.A{}() WHERE upper(string=1)\n",
            (at + 1) % 1000
        )
    };
    let files: Vec<String> = (0..1000).map(one).collect();
    let found = surveyed(&files.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(found.artifacts.len(), 1000);
    assert!(found.artifacts.iter().all(|checked| checked.findings.is_empty()));
}
