//! The command line's contract: help with an example, exit status 0, 1 or 2, one clear message for bad
//! input, records in the format that was asked for.

use std::collections::VecDeque;
use std::io::Read;
use std::process::Stdio;

use expect_test::{Expect, expect};

use crate::program::{lycaon, run, run_in};

/// A command that must fail: its status and all that it says.
#[track_caller]
fn check_failure(args: &[&str], status: i32, message: Expect) {
    let said = run(args);
    assert_eq!(said.out, "", "nothing goes to stdout: {args:?}");
    assert_eq!(said.status, status, "{args:?}: {}", said.err);
    message.assert_eq(&said.err);
}

/// The same with a file; `FILE` in the message stands for its path.
#[track_caller]
fn check_file_failure(args: &[&str], name: &str, content: &str, message: Expect) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    let mut args = args.to_vec();
    args.push(name);
    let said = run_in(folder.path(), &args);
    assert_eq!(said.status, 1, "{args:?}: {}", said.err);
    message.assert_eq(&said.err);
}

/// The names of the subcommands in a help text.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut open = VecDeque::from([vec![]]);
    let mut seen = 0;
    while let Some(path) = open.pop_front() {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let said = run(&args);
        assert_eq!(said.status, 0, "{args:?}: {}", said.err);
        assert!(
            said.out.contains("Example:\n  lycaon"),
            "{args:?} shows no example:\n{}",
            said.out
        );
        for name in subcommands(&said.out) {
            open.push_back(path.iter().cloned().chain([name]).collect());
        }
        seen += 1;
    }
    assert!(seen > 25, "only {seen} commands were found");
}

#[test]
fn wrong_usage_ends_with_status_2() {
    for args in [
        &["--bogus"][..],
        &["hunt"],
        &["hunt", "create"],
        &["hunt", "list", "--format", "xml"],
        &["nonsense"],
        &["client", "label", "C.1", "office"],
        &[],
    ] {
        let said = run(args);
        assert_eq!(said.status, 2, "{args:?}: {}", said.err);
        assert_eq!(said.out, "");
    }
}

#[test]
fn a_server_that_is_not_known_or_not_there_is_told() {
    check_failure(
        &["hunt", "list"],
        2,
        expect![[r#"
        error: no server is known
          hint: sign in with `lycaon login --server URL`, or give --server or LYCAON_SERVER
    "#]],
    );
    check_failure(
        &["client", "list", "--server", "http://127.0.0.1:1"],
        1,
        expect![[r#"
        error: no answer from http://127.0.0.1:1: Connection refused (os error 111)
          hint: is the server running, and is its address right?
    "#]],
    );
    check_failure(
        &["whoami", "--server", "localhost"],
        1,
        expect![[r#"
        error: `localhost` is not the address of a server: relative URL without a base; write it as http://127.0.0.1:8889
    "#]],
    );
}

#[test]
fn a_hunt_file_that_is_wrong_is_told_with_its_place() {
    let create = ["hunt", "create", "-f"];
    check_failure(
        &["hunt", "create", "-f", "/nonexistent/hunt.yaml"],
        1,
        expect![[r#"
        error: cannot read /nonexistent/hunt.yaml: No such file or directory (os error 2)
          hint: is the path right?
    "#]],
    );
    check_file_failure(
        &create,
        "hunt.yaml",
        "name: x\nartefacts: []\n",
        expect![[r#"
        error: hunt.yaml:2:1: unknown field `artefacts`, expected one of name, description, artifacts, condition, rate, limits, canary, retry, expires, schedule, tags, start
    "#]],
    );
    check_file_failure(
        &create,
        "hunt.yaml",
        "name: 'x\n",
        expect![[r#"
        error: hunt.yaml:2:1: invalid indentation in multiline quoted scalar
    "#]],
    );
    check_file_failure(
        &create,
        "hunt.yaml",
        "name: x\nartifacts: [{name: A}]\nlimits: {clients: all}\n",
        expect![[r#"
            error: hunt.yaml:3:19: invalid u64
        "#]],
    );
}

#[test]
fn an_artifact_that_is_wrong_is_told_with_its_place() {
    check_failure(
        &["artifact", "show", "Linux.Sys.User"],
        1,
        expect![[r#"
            error: there is no artifact `Linux.Sys.User`
              hint: did you mean `Linux.Sys.Users`?
        "#]],
    );
}

#[test]
fn artifacts_are_checked_for_what_runs_here() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let check = |args: &[&str]| {
        let mut all = vec!["artifact", "check", "."];
        all.extend(args);
        let said = run_in(folder.path(), &all);
        format!("{}{}status {}", said.out, said.err, said.status)
    };
    write("a.yaml", "name: Custom.A\nsources:\n  - query: SELECT 1 AS One FROM scope()\n");
    write(
        "b.yaml",
        "name: Custom.B\nsources:\n  - query: |\n      SELECT * FROM if(condition=FALSE,\n        then={ SELECT * FROM wmi(query='') })\n",
    );
    expect![[r#"
        ok      Custom.A
        partly  Custom.B
                ./b.yaml:5:30: sources[0].query: `wmi` only works on live Windows (asks the management interface, WMI)

        Most wanted:
        artifacts  places  what
                1       1  plugin wmi (only on live Windows)

        2 artifacts: 1 ok, 1 partly (all but the paths that use what is known not to be here), 0 broken
        status 0"#]].assert_eq(&check(&["--format", "table"]));
    write(
        "c.yaml",
        "name: Custom.C\nsources:\n  - query: |\n      SELECT * FROM glob(glob='/*', accessor='registry')\n      WHERE Artifact.Custom.B()\n",
    );
    write("d.yaml", "nam: D\n");
    expect![[r#"
        broken  ./d.yaml
                ./d.yaml:1:1: nam: there is no field `nam`; did you mean `name`?
                ./d.yaml:1:1: name: the artifact has no name; a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`
        ok      Custom.A
        partly  Custom.B
                ./b.yaml:5:30: sources[0].query: `wmi` only works on live Windows (asks the management interface, WMI)
        broken  Custom.C
                ./c.yaml:4:21: sources[0].query: `glob` needs the argument `globs`
                ./c.yaml:4:26: sources[0].query: `glob` has no argument `glob`; did you mean `globs`?
                ./c.yaml:4:37: sources[0].query: the accessor `registry` only works on live Windows (the registry, through the system)
                ./c.yaml:5:13: sources[0].query: no function is called `Artifact.Custom.B`; an artifact yields rows; it stands after FROM

        Most wanted:
        artifacts  places  what
                1       1  plugin wmi (only on live Windows)
                1       1  function Artifact.Custom.B
                1       1  accessor registry (only on live Windows)
                1       1  argument glob.glob
                1       1  required_argument glob.globs

        4 artifacts: 1 ok, 1 partly (all but the paths that use what is known not to be here), 2 broken
        error: 2 of 4 artifacts cannot run
        status 1"#]].assert_eq(&check(&["--format", "table"]));
    expect![[r#"
        {"record":"artifact","name":"./d.yaml","verdict":"broken","file":"./d.yaml","findings":[{"kind":"schema","name":"","verdict":"broken","why":null,"file":"./d.yaml","line":1,"column":1,"field":"nam","message":"there is no field `nam`","hint":"did you mean `name`?"},{"kind":"schema","name":"","verdict":"broken","why":null,"file":"./d.yaml","line":1,"column":1,"field":"name","message":"the artifact has no name","hint":"a name is made of words joined by dots; a word has letters, digits and `_` and does not start with a digit, for example `Custom.Linux.Users`"}]}
        {"record":"artifact","name":"Custom.A","verdict":"ok","file":"./a.yaml","findings":[]}
        {"record":"artifact","name":"Custom.B","verdict":"partly","file":"./b.yaml","findings":[{"kind":"plugin","name":"wmi","verdict":"partly","why":"windows","file":"./b.yaml","line":5,"column":30,"field":"sources[0].query","message":"`wmi` only works on live Windows (asks the management interface, WMI)","hint":null}]}
        {"record":"artifact","name":"Custom.C","verdict":"broken","file":"./c.yaml","findings":[{"kind":"required_argument","name":"glob.globs","verdict":"broken","why":null,"file":"./c.yaml","line":4,"column":21,"field":"sources[0].query","message":"`glob` needs the argument `globs`","hint":null},{"kind":"argument","name":"glob.glob","verdict":"broken","why":null,"file":"./c.yaml","line":4,"column":26,"field":"sources[0].query","message":"`glob` has no argument `glob`","hint":"did you mean `globs`?"},{"kind":"accessor","name":"registry","verdict":"partly","why":"windows","file":"./c.yaml","line":4,"column":37,"field":"sources[0].query","message":"the accessor `registry` only works on live Windows (the registry, through the system)","hint":null},{"kind":"function","name":"Artifact.Custom.B","verdict":"broken","why":null,"file":"./c.yaml","line":5,"column":13,"field":"sources[0].query","message":"no function is called `Artifact.Custom.B`","hint":"an artifact yields rows; it stands after FROM"}]}
        {"record":"wanted","kind":"plugin","name":"wmi","why":"windows","artifacts":1,"places":1}
        {"record":"wanted","kind":"function","name":"Artifact.Custom.B","why":null,"artifacts":1,"places":1}
        {"record":"wanted","kind":"accessor","name":"registry","why":"windows","artifacts":1,"places":1}
        {"record":"wanted","kind":"argument","name":"glob.glob","why":null,"artifacts":1,"places":1}
        {"record":"wanted","kind":"required_argument","name":"glob.globs","why":null,"artifacts":1,"places":1}
        {"record":"summary","artifacts":4,"names":4,"ok":1,"partly":1,"broken":2}
        error: 2 of 4 artifacts cannot run
        status 1"#]].assert_eq(&check(&["--format", "jsonl"]));
}

/// An artifact with rows, a file, a log line, a tool and a parameter that is not shown.
const EVERYTHING: &str = r#"name: Custom.Everything
parameters:
- {name: Word, default: hello}
- {name: Secret, type: redacted, default: s3cret}
tools:
- {name: Helper, url: "https://example.org/helper.sh", version: "1.0"}
sources:
- name: Words
  query: SELECT Word, Tool_Helper_FILENAME AS Tool, log(message="Looking", level="INFO") AS Logged FROM scope()
- name: Files
  query: |
    SELECT upload(file="hello.txt", accessor="data", name="../up/=note.txt").StoredSize AS Size FROM scope()
"#;

#[test]
fn a_local_collection_becomes_a_folder_or_a_zip() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.yaml"), EVERYTHING).unwrap();
    let collect = |more: &[&str]| {
        let mut args = vec!["artifact", "collect", "Custom.Everything", "--artifacts", "a.yaml"];
        args.extend(more);
        run_in(folder.path(), &args)
    };
    expect![[r#"
        error: the tool `Helper` is missing, from https://example.org/helper.sh
          hint: put the file into a folder and give it with `--tools DIR`; `--without-tools` collects without it
    "#]].assert_eq(&collect(&[]).err);

    std::fs::create_dir(path("tools")).unwrap();
    std::fs::write(path("tools/helper.sh"), "#!/bin/sh\n").unwrap();
    let said = collect(&["--tools", "tools", "--output", "out"]);
    assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
    assert!(said.err.contains("out: 2 rows, 1 files (9B)"), "{}", said.err);
    let inside: std::path::PathBuf =
        std::fs::read_dir(path("out/clients")).unwrap().next().unwrap().unwrap().path();
    let read = |name: &str| std::fs::read_to_string(inside.join(name)).unwrap();
    expect![[r#"
        {"Word":"hello","Tool":"helper.sh","Logged":true}
    "#]]
    .assert_eq(&read("Custom.Everything.Words.ndjson"));
    expect![[r#"
        Word,Tool,Logged
        hello,helper.sh,true
    "#]]
    .assert_eq(&read("Custom.Everything.Words.csv").replace('\r', ""));
    assert!(read("log.ndjson").contains(r#""text":"Looking""#));
    assert_eq!(read("uploads/up/_=note.txt"), "hello.txt");
    let asked = std::fs::read_to_string(path("out/collection.json")).unwrap();
    assert!(asked.contains(r#""Secret": "(hidden)""#) && !asked.contains("s3cret"), "{asked}");
    let manifest = std::fs::read_to_string(path("out/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!((&manifest["rows"], &manifest["uploads"]), (&2.into(), &1.into()));
    let files = manifest["files"].as_array().unwrap();
    let kinds: Vec<&str> = files.iter().map(|file| file["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["rows", "csv", "rows", "csv", "log", "upload", "collection"]);
    for file in files {
        let size =
            std::fs::metadata(path("out").join(file["path"].as_str().unwrap())).unwrap().len();
        assert_eq!(size, file["size"].as_u64().unwrap(), "{file}");
    }

    let said = collect(&["--tools", "tools", "--output", "out"]);
    assert!(said.status == 1 && said.err.contains("out is there already"), "{}", said.err);
    let said = collect(&["--tools", "tools", "--output", "out.zip"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(std::fs::read(path("out.zip")).unwrap().starts_with(b"PK"));
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["a.yaml", "out", "out.zip", "tools"]);
}

#[test]
fn a_tool_must_have_the_hash_that_the_artifact_says() {
    let folder = tempfile::tempdir().unwrap();
    let hash = "0".repeat(64);
    let text = format!(
        "name: Custom.T\ntools: [{{name: Helper, expected_hash: '{hash}'}}]\nsources: [{{query: SELECT 1 FROM scope()}}]\n"
    );
    std::fs::write(folder.path().join("a.yaml"), text).unwrap();
    std::fs::create_dir(folder.path().join("tools")).unwrap();
    std::fs::write(folder.path().join("tools/Helper"), "").unwrap();
    let said = run_in(
        folder.path(),
        &["artifact", "collect", "Custom.T", "--artifacts", "a.yaml", "--tools", "tools"],
    );
    assert_eq!(said.status, 1);
    expect![[r#"
        error: the tool `Helper` must have the SHA-256 0000000000000000000000000000000000000000000000000000000000000000, but tools/Helper has the SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
          hint: put the file into a folder and give it with `--tools DIR`; `--without-tools` collects without it
    "#]].assert_eq(&said.err);
}

#[test]
fn an_artifact_of_events_ends_well_when_its_time_is_over() {
    let said = run(&["artifact", "collect", "Generic.Events.FileChanges", "--timeout", "1s"]);
    assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
}

#[test]
fn artifacts_of_a_folder_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: Custom.A\nsources:\n  - query: SELECT 1 AS One FROM scope()\n";
    std::fs::write(folder.path().join("a.yaml"), text).unwrap();
    let listed = run_in(
        folder.path(),
        &["artifact", "list", "Custom", "--artifacts", ".", "--format", "csv"],
    );
    assert_eq!(listed.out, "name,kind,summary\nCustom.A,client,\n");
}

#[test]
fn names_that_are_known_to_be_elsewhere_are_explained() {
    let said = run(&["help", "vql", "wmi"]);
    let wanted = "plugin `wmi` only works on live Windows (asks the management interface, WMI)\n";
    assert_eq!((said.status, said.out.as_str()), (0, wanted));
    let said = run(&["help", "vql", "registry"]);
    assert!(said.out.starts_with("accessor `registry` only works on live Windows"), "{}", said.out);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = lycaon(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

#[test]
fn vql_that_is_wrong_is_told_with_a_caret() {
    check_failure(
        &["query", "SELECT 1 + AS x FROM scope()"],
        1,
        expect![[r#"
        error: the query does not compile

        error: unexpected `AS`, a reserved word
         --> query:1:12
          |
        1 | SELECT 1 + AS x FROM scope()
          |            ^^ expected an expression after the operator
    "#]],
    );
    check_failure(
        &["query", "SELECT * FROM pslst()"],
        1,
        expect![[r#"
            error: Plugin pslst not found
            error: Plugin pslst not found. Did you mean pslist, plist?
            error: the query reported 2 errors; they stand above
        "#]],
    );
    check_failure(
        &["query", "SELECT 1 FROM scope()", "--env", "x"],
        2,
        expect![[r#"
        error: `--env x` does not say which value
          hint: write it as `--env NAME=VALUE`
    "#]],
    );
    check_failure(
        &["query", "SELECT 1 FROM scope()", "--timeout", "soon"],
        2,
        expect![[r#"
        error: --timeout: `soon` is not a length of time such as `30s`, `10m`, `2h` or `7d`
    "#]],
    );
    check_failure(
        &["query", "SELECT 1 FROM scope()", "--artifacts", "/nonexistent"],
        1,
        expect![[r#"
            error: cannot read /nonexistent: No such file or directory (os error 2)
              hint: is the path right?
        "#]],
    );
}

#[test]
fn records_come_in_the_format_that_was_asked_for() {
    let query = "SELECT 'a' AS Name, 7 AS Size, V FROM scope()";
    let print = |format: &str| run(&["query", query, "--env", "V=x", "--format", format]).out;
    expect![[r#"
        Name  Size  V
        ────  ────  ─
        a        7  x
    "#]]
    .assert_eq(&print("table"));
    expect![[r#"
        [
        {"Name":"a","Size":7,"V":"x"}
        ]
    "#]]
    .assert_eq(&print("json"));
    expect![[r#"
        {"Name":"a","Size":7,"V":"x"}
    "#]]
    .assert_eq(&print("jsonl"));
    expect![[r#"
        Name,Size,V
        a,7,x
    "#]]
    .assert_eq(&print("csv"));
    assert_eq!(run(&["query", query, "--env", "V=x"]).out, print("jsonl"), "not a terminal");
}

#[test]
fn a_query_that_takes_too_long_is_ended_and_that_is_a_failure() {
    let said = run(&[
        "query",
        "SELECT * FROM range(start=0, end=100000000) WHERE _value < 0",
        "--timeout",
        "100ms",
    ]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("limit of time") && said.err.contains("--timeout"), "{}", said.err);
}

#[test]
fn the_reference_of_vql_is_on_the_terminal() {
    let said = run(&["help", "vql", "stat"]);
    assert!(said.status == 0 && said.out.contains("stat("), "{}{}", said.out, said.err);
    let all = run(&["help", "vql", "--format", "jsonl"]);
    assert!(all.out.lines().count() > 100, "{}", all.out.lines().count());
    check_failure(
        &["help", "vql", "pslst"],
        1,
        expect![[r#"
            error: no plugin or function is called `pslst`
              hint: did you mean pslist or plist or plist?
        "#]],
    );
    check_failure(
        &["help", "hunts"],
        2,
        expect![[r#"
        error: there is no command `hunts`
          hint: `lycaon --help` lists the commands; `lycaon help vql NAME` explains VQL
    "#]],
    );
    assert!(run(&["help", "hunt", "create"]).out.contains("hunt.yaml"));
}
