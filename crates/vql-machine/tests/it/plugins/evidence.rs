//! Evidence as it is found: tables, logs, and what was made to do harm.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use expect_test::expect;
use vql_eval::Program;

use super::question::{Asker, Tree};

#[test]
fn tables_in_text_are_rows() {
    let tree = Tree::new(&[(
        "t.csv",
        b"\xef\xbb\xbfName, Count,Data\nann,3,\"{\"\"a\"\": 1}\"\nbob,007,TRUE,more\n\"x\ny\",-1.5,\n",
    )]);
    expect![[r#"
        {"Name":"ann","Count":3,"Data":{"a":1}}
        {"Name":"bob","Count":"007","Data":true,"Col3":"more"}
        {"Name":"x\ny","Count":-1.5,"Data":""}"#]]
    .assert_eq(&tree.ask("SELECT * FROM parse_csv(filename='{}/t.csv')"));
    expect![[r#"
        {"Col0":1,"Col1":2}
        {"Col0":3,"Col1":4}"#]].assert_eq(&Asker::new().ask(
        "SELECT * FROM parse_csv(accessor='data', filename='# c\n1;2\n3;4', auto_headers=TRUE, separator='auto', comment='#')",
    ));
    expect![[r#"{"a":1,"b":2}"#]].assert_eq(
        &Asker::new()
            .ask("SELECT * FROM parse_csv(accessor='data', filename='1,2', columns=['a', 'b'])"),
    );
    expect!["log: parse_csv: separator can only be one character, not `::`"].assert_eq(
        &Asker::new().ask("SELECT * FROM parse_csv(accessor='data', filename='a', separator='::')"),
    );
}

#[test]
fn records_are_split_into_columns() {
    let tree = Tree::new(&[("passwd", b"root:x:0\nann:x:1000:more\n")]);
    expect![[r#"
        {"User":"root","P":"x","Uid":"0"}
        {"User":"ann","P":"x","Uid":"1000","Column3":"more"}"#]].assert_eq(&tree.ask(
        "SELECT * FROM split_records(filenames='{}/passwd', regex=':', columns=['User', 'P', 'Uid'])",
    ));
    expect![[r#"{"PID":"1","CMD":"init x"}"#]].assert_eq(&Asker::new().ask(
        "SELECT * FROM split_records(accessor='data', filenames='PID  CMD\n1    init x', \
         regex=' +', first_row_is_headers=TRUE, count=2)",
    ));
    expect![[r#"
        {"Column0":"a","Column1":"1"}
        {"Column0":"b","Column1":"2"}"#]].assert_eq(&Asker::new().ask(
        "SELECT * FROM split_records(accessor='data', filenames='a=1;b=2', regex='=', record_regex=';')",
    ));
}

#[test]
fn records_are_found_by_expressions_across_buffers() {
    let tree = Tree::new(&[("log", "user=ann id=1\n".repeat(500).as_bytes())]);
    expect![[r#"{"n":500,"User":"ann","Id":"1"}"#]].assert_eq(&tree.ask(
        "SELECT count() AS n, User, Id FROM parse_records_with_regex(file='{}/log', buffer_size=1024, \
         regex='user=(?P<User>\\\\w+) id=(?P<Id>\\\\d+)\\\\n') GROUP BY User",
    ));
    expect!["log: parse_records_with_regex: `{}/nope` does not exist"]
        .assert_eq(&tree.ask("SELECT * FROM parse_records_with_regex(file='{}/nope', regex='x')"));
}

#[test]
fn json_lines_survive_bad_ones() {
    let tree = Tree::new(&[("x.jsonl", b"{\"a\":1}\nnot json\n\n{\"a\":2}")]);
    expect![[r#"
        {"a":1}
        {"a":2}
        log: parse_jsonl: line 2 of `{}/x.jsonl`: not JSON: expected ident at line 1 column 2"#]]
    .assert_eq(&tree.ask("SELECT * FROM parse_jsonl(filename='{}/x.jsonl')"));
    expect![[r#"
        {"a":1}
        {"_value":2}"#]]
    .assert_eq(&Asker::new().ask("SELECT * FROM parse_json_array(data='[{\"a\":1}, 2]')"));
}

#[test]
fn login_records_are_rows() {
    let mut record = vec![0; 384];
    record[0] = 7;
    record[8..13].copy_from_slice(b"pts/0");
    record[44..47].copy_from_slice(b"ann");
    record[340..344].copy_from_slice(&1_700_000_000i32.to_le_bytes());
    record.extend_from_slice(b"torn");
    let tree = Tree::new(&[("wtmp", &record)]);
    expect![[r#"
        {"Time":"2023-11-14T22:13:20Z","Type":"USER_PROCESS","User":"ann","Terminal":"pts/0"}
        log: parse_utmp: `{}/wtmp` ends with a torn record (4 bytes)"#]]
    .assert_eq(&tree.ask("SELECT Time, Type, User, Terminal FROM parse_utmp(filename='{}/wtmp')"));
}

#[test]
fn cycles_of_links_end() {
    let tree = Tree::new(&[("a/f", b""), ("b/f", b"")]);
    symlink("..", tree.path().join("a/up")).unwrap();
    symlink("../b", tree.path().join("a/other")).unwrap();
    symlink("../a", tree.path().join("b/back")).unwrap();
    symlink("loop", tree.path().join("loop")).unwrap();
    symlink("/nowhere", tree.path().join("dangling")).unwrap();
    expect![[r#"
        {"OSPath":"{}/a"}
        {"OSPath":"{}/b"}
        {"OSPath":"{}/dangling"}
        {"OSPath":"{}/loop"}
        {"OSPath":"{}/a/f"}
        {"OSPath":"{}/a/other"}
        {"OSPath":"{}/a/up"}
        {"OSPath":"{}/b/back"}
        {"OSPath":"{}/b/f"}"#]]
    .assert_eq(&tree.ask("SELECT OSPath FROM glob(globs='{}/**')"));
    expect![[r#"
        {"OSPath":"{}/a/f"}
        {"OSPath":"{}/b/f"}"#]]
    .assert_eq(&tree.ask("SELECT OSPath FROM glob(globs='{}/**/f', nosymlink=TRUE)"));
}

#[test]
fn a_link_that_a_pattern_names_is_always_followed() {
    let tree = Tree::new(&[("run/lock/f", b""), ("run/x", b""), ("var/y", b"")]);
    symlink("../run", tree.path().join("var/run")).unwrap();
    symlink("run", tree.path().join("again")).unwrap();
    expect![[r#"
        {"OSPath":"{}/again/x"}
        {"OSPath":"{}/run/lock"}
        {"OSPath":"{}/run/x"}
        {"OSPath":"{}/var/run/lock"}
        {"OSPath":"{}/var/run/x"}"#]]
    .assert_eq(
        &tree.ask("SELECT OSPath FROM glob(globs=['run/*', 'var/run/*', '*/x'], root='{}')"),
    );
}

#[test]
fn what_cannot_be_listed_is_logged_and_the_rest_comes() {
    let tree = Tree::new(&[("plain", b""), ("z/f", b"")]);
    // A file where a directory is expected fails for every user, also one with all rights.
    expect!["log: WARN:glob: `{}/plain`: Not a directory (os error 20)"]
        .assert_eq(&tree.ask("SELECT OSPath FROM glob(globs=['{}/z/*'], root='{}/plain')"));
    expect![[r#"
        log: parse_lines: `{}/z`: is a directory
        log: parse_lines: `{}/nope` does not exist"#]]
    .assert_eq(&tree.ask("SELECT Line FROM parse_lines(filename=['{}/z', '{}/nope'])"));
}

#[test]
fn pipes_and_endless_devices_do_not_hang() {
    let tree = Tree::new(&[]);
    let pipe = tree.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    expect![[r#"
        {"Name":"pipe","H":null}
        log: hash: `{}/pipe`: is no regular file and may never end; the accessor raw_file opens it"#]].assert_eq(&tree.ask("SELECT Name, hash(path=OSPath) AS H FROM glob(globs='{}/*')"));
    expect![[r#"
        {"z":null,"u":null}
        log: hash: `/dev/zero`: is no regular file and may never end; the accessor raw_file opens it
        log: read_file: `/dev/urandom`: is no regular file and may never end; the accessor raw_file opens it"#]].assert_eq(&Asker::new().ask(
        "SELECT hash(path='/dev/zero') AS z, read_file(filename='/dev/urandom') AS u FROM scope()",
    ));
    expect![[r#"
        {"z":null}
        log: hash: `/dev/zero` is larger than max_size (1000000 bytes)"#]]
    .assert_eq(&Asker::new().ask(
        "SELECT hash(path='/dev/zero', accessor='raw_file', max_size=1000000) AS z FROM scope()",
    ));
}

#[test]
fn binary_and_enormous_lines_come_in_bounded_pieces() {
    let mut line = vec![0xff; 3_000];
    line.extend_from_slice(b"\nend");
    let tree = Tree::new(&[("x", &line)]);
    expect![[r#"
        {"n":1000}
        {"n":1000}
        {"n":1000}
        {"n":3}"#]]
    .assert_eq(
        &tree.ask("SELECT len(list=Line) AS n FROM parse_lines(filename='{}/x', buffer_size=1000)"),
    );
}

#[test]
fn names_that_are_not_text_are_found_and_opened() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new(&[]);
    for name in [&b"a\xff\"b"[..], b"new\nline", b" "] {
        std::fs::write(tree.path().join(OsStr::from_bytes(name)), "content").unwrap();
    }
    expect![[r#"
        {"Name":" ","c":"content"}
        {"Name":"a�\"b","c":"content"}
        {"Name":"new\nline","c":"content"}"#]]
    .assert_eq(&tree.ask("SELECT Name, read_file(filename=OSPath) AS c FROM glob(globs='{}/*')"));
}

#[test]
fn a_log_is_followed_through_rotation() {
    let tree = Tree::new(&[("log", b"old\n")]);
    let asker = Asker::new();
    let path = tree.path().join("log");
    let query = format!("SELECT Line FROM watch_syslog(filename='{}')", path.display());
    let program = Program::compile(&query, &asker.catalog).unwrap();
    let (run, _log) = asker.run();
    let mut rows = run.rows(&program);
    // The stream is started by asking for its first row, so the writer goes on by itself.
    let cancel = asker.cancel.clone();
    let writer = std::thread::spawn(move || {
        let append = |text: &str| {
            let mut file =
                std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        for round in 0.. {
            if cancel.is_cancelled() {
                return;
            }
            append(&format!("line {round}\n"));
            std::thread::park_timeout(Duration::from_millis(100));
            if round == 3 {
                std::fs::rename(&path, path.with_extension("1")).unwrap();
            }
        }
    });
    let mut seen = Vec::new();
    for row in rows.by_ref() {
        seen.push(row.row.get("Line").unwrap().to_text().to_string());
        if seen.last().is_some_and(|line| line == "line 6") {
            break;
        }
    }
    asker.cancel.cancel();
    assert!(rows.next().is_none(), "a cancelled query goes on");
    writer.join().unwrap();
    assert!(!seen.contains(&"old".to_owned()));
    let numbers: Vec<u32> =
        seen.iter().map(|line| line.trim_start_matches("line ").parse().unwrap()).collect();
    let all: Vec<u32> = (numbers[0]..=6).collect();
    assert_eq!(numbers, all, "a line was lost or came twice");
}
