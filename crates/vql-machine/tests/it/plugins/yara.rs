//! YARA rules over files, archives, texts and lists of files.

use expect_test::expect;

use super::question::{Asker, Tree};

const RULES: &str = r#"
rule greeting : polite { meta: level = 2 strings: $hello = "hello" $bytes = { 00 ?? 02 } condition: any of them }
rule small { condition: filesize < 10 }
"#;

fn files() -> Tree {
    Tree::new(&[
        ("a.txt", b"say hello and hello"),
        ("b.bin", b"\x00\x01\x02"),
        ("c.txt", b"nothing of interest"),
        ("d/e.txt", b"x"),
    ])
}

fn asker() -> Asker {
    Asker::new().with("Rules", RULES)
}

#[test]
fn a_row_says_which_string_of_which_rule_is_where() {
    expect![[r#"{"Rule":"greeting","Meta":{"level":2},"Tags":["polite"],"String":{"Name":"$hello","Offset":4,"Base":0,"HexData":["00000000  73 61 79 20 68 65 6c 6c  6f 20 61 6e 64           |say hello and|"],"Data":"say hello and"},"Namespace":"default","FileName":"{}/a.txt","Size":19}"#]].assert_eq(&files().ask_as(
        &asker(),
        "SELECT Rule, Meta, Tags, String, Namespace, FileName, File.Size AS Size FROM yara(rules=Rules, files='{}/a.txt', context=4)",
    ));
}

#[test]
fn files_come_in_order_with_so_many_rows_each() {
    let tree = files();
    expect![[r#"
        {"Rule":"greeting","Name":"$hello","Offset":4,"File":"a.txt"}
        {"Rule":"greeting","Name":"$hello","Offset":14,"File":"a.txt"}
        {"Rule":"greeting","Name":"$bytes","Offset":0,"File":"b.bin"}
        {"Rule":"small","Name":null,"Offset":null,"File":"b.bin"}
        {"Rule":"small","Name":null,"Offset":null,"File":"e.txt"}"#]].assert_eq(&tree.ask_as(
        &asker(),
        "SELECT Rule, String.Name AS Name, String.Offset AS Offset, FileName.Basename AS File FROM yara(rules=Rules, number=10,
           files=['{}/a.txt', '{}/b.bin', '{}/d', '{}/c.txt', '{}/d/e.txt'])",
    ));
    expect![[r#"
        {"Rule":"greeting","Offset":4,"File":"a.txt"}
        {"Rule":"greeting","Offset":0,"File":"b.bin"}
        {"Rule":"small","Offset":null,"File":"e.txt"}"#]]
    .assert_eq(&tree.ask_as(
        &asker(),
        "SELECT Rule, String.Offset AS Offset, FileName.Basename AS File FROM foreach(
            row={SELECT OSPath FROM glob(globs='{}/**') WHERE NOT IsDir},
            query={SELECT * FROM yara(rules=Rules, files=OSPath, key='r')})",
    ));
}

#[test]
fn a_part_of_a_file_and_pieces_of_it_keep_the_places_in_the_file() {
    let tree = files();
    expect![[r#"{"Rule":"greeting","Offset":14,"Data":"d hello"}"#]].assert_eq(&tree.ask_as(
        &asker(),
        "SELECT Rule, String.Offset AS Offset, String.Data AS Data FROM yara(rules=Rules, files='{}/a.txt', start=5, context=2)",
    ));
    expect![[r#"
        {"Rule":"greeting","Offset":4,"Data":"hello"}
        {"Rule":"small","Offset":null,"Data":null}"#]].assert_eq(&tree.ask_as(
        &asker(),
        "SELECT Rule, String.Offset AS Offset, String.Data AS Data FROM yara(rules=Rules, files='{}/a.txt', end=9, number=9)",
    ));
    expect![[r#"
        {"Rule":"greeting","Offset":4,"Data":"ay hello an"}
        {"Rule":"greeting","Offset":14,"Data":"nd hello"}"#]].assert_eq(&tree.ask_as(
        &asker(),
        "SELECT Rule, String.Offset AS Offset, String.Data AS Data FROM yara(rules=Rules, files='{}/a.txt', force_buffers=TRUE, context=3, number=9)",
    ));
}

#[test]
fn texts_can_be_searched_with_the_short_form_and_with_variables() {
    let tree = files();
    expect![[r#"
        {"Rule":"X","Name":"$a0","Offset":3}
        {"Rule":"X","Name":"$a1","Offset":6}"#]].assert_eq(&tree.ask(
        "SELECT Rule, String.Name AS Name, String.Offset AS Offset FROM yara(rules='nocase ascii: LO, xx', files='hello xx', accessor='data', number=5)",
    ));
    expect![[r#"{"Rule":"a"}"#]].assert_eq(&tree.ask(
        "SELECT Rule FROM yara(rules='rule a { condition: level > 3 and name == \"x\" }', files='', accessor='data', vars=dict(level=4, name='x'))",
    ));
    expect![[r#"
        {"Rule":"a","Namespace":"mine"}
        log: INFO:yarax: dll_path is not used; the engine is part of this program"#]].assert_eq(&tree.ask(
        "SELECT Rule, Namespace FROM yarax(rules='rule a { condition: true }', files='', accessor='data', namespace='mine', dll_path='C:/x.dll')",
    ));
}

#[test]
fn bad_rules_and_missing_files_are_in_the_log() {
    let tree = files();
    expect!["log: yara: the rules cannot be compiled: line 2, column 13: unknown variable $x"].assert_eq(&tree.ask(
        "SELECT * FROM foreach(row=[1, 2], query={SELECT Rule FROM yara(rules='rule a {\n condition: $x }', files='{}/a.txt')})",
    ));
    expect![[r#"
        {"Rule":"greeting"}
        log: yara: `{}/none` does not exist"#]]
    .assert_eq(
        &tree.ask_as(&asker(), "SELECT Rule FROM yara(rules=Rules, files=['{}/none', '{}/b.bin'])"),
    );
    expect![
        "log: yara: Field rules is required, unless rules of the same key were compiled before"
    ]
    .assert_eq(&tree.ask("SELECT Rule FROM yara(files='{}/a.txt', key='unknown')"));
    expect!["log: yara: the variable `x` is a []interface {}; rules know texts, numbers, TRUE and FALSE"].assert_eq(&tree.ask(
        "SELECT Rule FROM yara(rules='rule a { condition: true }', files='{}/a.txt', vars=dict(x=[1, 2]))",
    ));
}

#[test]
fn lint_keeps_the_rules_that_can_be_compiled() {
    expect![[r#"
        {"Rules":"rule a { condition: true }\n"}
        log: yara_lint: left out b: line 2, column 21: unknown variable $y"#]].assert_eq(&files().ask(
        "SELECT yara_lint(rules='rule a { meta: x = 1 condition: true }\nrule b { condition: $y }', clean=TRUE) AS Rules FROM scope()",
    ));
}

#[test]
fn the_memory_of_a_process_is_searched_by_its_addresses() {
    let ask = |query: &str| asker().ask(query);
    expect![[r#"
        {"Rule":"both","String":{"Name":"$a","Offset":4198405,"Base":4198400,"HexData":["00000000  45 4c 46 20 63 6f 64 65                           |ELF code|"],"Data":"ELF code"},"Pid":40}
        {"Rule":"both","String":{"Name":"$b","Offset":5242888,"Base":5242880,"HexData":["00000000  65 74 3a 20 68 75 6e 74  65 72 32                 |et: hunter2|"],"Data":"et: hunter2"},"Pid":40}"#]]
        .assert_eq(&ask("SELECT Rule, String, Pid FROM proc_yara(pid=40, context=4, number=5,
           rules='rule both { strings: $a = \"code\" $b = \"hunter2\" condition: all of them }')"));
    expect!["log: proc_yara: cannot read /proc/41/maps: no such process"]
        .assert_eq(&ask("SELECT Rule FROM proc_yara(pid=41, rules=Rules)"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_is_found_by_what_it_has_in_memory() {
    let mut child =
        std::process::Command::new("sleep").arg("600").env("LYCAON_NEEDLE", "hay").spawn().unwrap();
    let asker = Asker::about(vql_machine::this_machine());
    let query = format!(
        "SELECT Rule, String.Data AS Data FROM proc_yara(pid={}, rules='ascii: LYCAON_NEEDLE=hay')",
        child.id()
    );
    let answer = asker.ask(&query);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answer, r#"{"Rule":"X","Data":"LYCAON_NEEDLE=hay"}"#);
}

#[test]
fn rules_may_ask_for_texts_bytes_expressions_and_numbers() {
    let tree = Tree::new(&[
        ("a", b"MZ\x90\x00....PE\x00 say Invoke-Command(FromBase64)"),
        ("b", b"\x7fELF curl https://example.org/setup.sh"),
        ("c", b"lycaon-marker"),
    ]);
    expect![[r#"
        {"Rule":"Words","File":"a"}
        {"Rule":"Words","File":"a"}
        {"Rule":"Bytes","File":"a"}
        {"Rule":"Header","File":"a"}
        {"Rule":"Shell","File":"b"}
        {"Rule":"Header","File":"b"}
        {"Rule":"Marker","File":"c"}"#]].assert_eq(&tree.ask(
        r##"SELECT Rule, OSPath.Basename AS File FROM foreach(row={ SELECT OSPath FROM glob(globs="{}/*") },
            query={ SELECT Rule, OSPath FROM yara(files=OSPath, number=9, key="rules", rules='''
                rule Marker { strings: $a = "lycaon-marker" condition: $a at 0 or #a > 9 }
                rule Words { strings: $a = "invoke-command" nocase wide ascii $b = "frombase64" nocase condition: all of them }
                rule Bytes { strings: $a = { 4D 5A 90 00 [2-8] 50 45 ( 00 | 01 ) } condition: $a and filesize < 1MB }
                rule Shell { strings: $a = /(curl|wget) https?:\/\/[a-z0-9.]{4,40}\/[a-z]+\.sh/ condition: $a }
                rule Header { condition: uint32(0) == 0x464c457f or uint16(0) == 0x5a4d }
            ''') })"##,
    ));
}
