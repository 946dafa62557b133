//! Paths that lead elsewhere, and another machine that is told about.

use std::io::Write;

use expect_test::expect;

use super::question::{Asker, Tree};

/// A folder with an image of another machine as a zip archive, and files of its own.
fn image() -> Tree {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("fs/etc/passwd", "root:x:0"), ("fs/home/ann/notes.txt", "hello")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let archive = zip.finish().unwrap().into_inner();
    Tree::new(&[("image.zip", &archive), ("logs/app.log", b"line one\nline two\n")])
}

const CONFIG: &str = r#"
remappings:
- type: mount
  from:
    accessor: zip
    prefix: '{"DelegateAccessor":"file","DelegatePath":"{}/image.zip","Path":"fs"}'
  on: {accessor: file, prefix: "/", path_type: linux}
- type: mount
  from: {accessor: file, prefix: "{}/logs"}
  "on": {accessor: file, prefix: /var/log/app}
- type: mount
  from: {accessor: file, prefix: "{}/logs"}
  "on": {accessor: auto, prefix: 'C:\Windows\Logs', path_type: windows}
- type: impersonation
  os: windows
  hostname: IMAGE
  env: [{key: SystemRoot, value: 'C:\Windows'}]
  disabled_plugins: [users]
"#;

fn ask(tree: &Tree, query: &str) -> String {
    let root = tree.path().to_string_lossy().into_owned();
    let asker = Asker::new().with("Config", CONFIG.replace("{}", &root));
    tree.ask_as(&asker, &format!("LET _ <= remap(config=Config) {query}"))
}

#[test]
fn files_of_an_image_are_found_under_the_paths_they_had() {
    let tree = image();
    expect![[r#"
        {"OSPath":"/var","Size":0,"IsDir":true}
        {"OSPath":"/etc","Size":0,"IsDir":true}
        {"OSPath":"/home","Size":0,"IsDir":true}
        {"OSPath":"/var/log","Size":0,"IsDir":true}
        {"OSPath":"/var/log/app","Size":0,"IsDir":true}
        {"OSPath":"/var/log/app/app.log","Size":18,"IsDir":false}
        {"OSPath":"/etc/passwd","Size":8,"IsDir":false}
        {"OSPath":"/home/ann","Size":0,"IsDir":true}
        {"OSPath":"/home/ann/notes.txt","Size":5,"IsDir":false}"#]]
    .assert_eq(&ask(&tree, "SELECT OSPath, Size, IsDir FROM glob(globs='/**', accessor='file')"));
    expect![[r#"
        {"OSPath":"/etc/passwd","Text":"root:x:0","MD5":"c527e21c6dacd7c6e99b474aefe92803"}
        {"OSPath":"/home/ann/notes.txt","Text":"hello","MD5":"5d41402abc4b2a76b9719d911017c592"}"#]].assert_eq(&ask(
        &tree,
        "SELECT OSPath, read_file(filename=OSPath, accessor='file') AS Text, hash(path=OSPath, accessor='file', hashselect='MD5').MD5 AS MD5
         FROM glob(globs=['/etc/*', '/home/*/notes.txt'], accessor='file')",
    ));
    expect![[r#"
        {"Line":"line one"}
        {"Line":"line two"}"#]]
    .assert_eq(&ask(
        &tree,
        "SELECT Line FROM parse_lines(filename='/var/log/app/app.log', accessor='file')",
    ));
}

#[test]
fn paths_of_another_system_are_read_as_that_system_writes_them() {
    let tree = image();
    expect![[r#"{"OSPath":"c:\\windows\\Logs\\app.log","Text":"line one"}"#]].assert_eq(&ask(
        &tree,
        "SELECT OSPath, read_file(filename=OSPath, length=8) AS Text FROM glob(globs='c:/windows/*/*.log')",
    ));
    expect![[r#"{"OSPath":"C:"}"#]].assert_eq(&ask(&tree, "SELECT OSPath FROM glob(globs='*')"));
    expect![[r#"{"OS":"windows","Hostname":"IMAGE","Path":"C:\\Windows/x$HOME"}"#]].assert_eq(
        &ask(&tree, "SELECT OS, Hostname, expand(path='%SYSTEMROOT%/x$HOME') AS Path FROM info()"),
    );
    expect!["log: users: is disabled by the remapping of this query"]
        .assert_eq(&ask(&tree, "SELECT * FROM users()"));
}

#[test]
fn what_is_not_mounted_is_not_there() {
    let tree = image();
    expect![[r#"{"OSPath":"/var/log"}"#]].assert_eq(&ask(
        &tree,
        "SELECT OSPath FROM stat(filename=['{}/image.zip', '/var/log'], accessor='file')",
    ));
    expect![[r#"
        {"Text":null}
        log: read_file: `{"DelegateAccessor":"file","DelegatePath":"{}/image.zip","Path":"fs{}/logs/app.log"}` does not exist"#]].assert_eq(&ask(&tree, "SELECT read_file(filename='{}/logs/app.log', accessor='file') AS Text FROM scope()"));
}

#[test]
fn accessors_can_be_cleared_and_copied() {
    let tree = image();
    let check = |query: &str| tree.ask(query);
    expect![[r#"
        {"Raw":"line","File":null,"Data":"text"}
        log: read_file: no accessor is called `file`; there are data, raw_file, scope"#]]
    .assert_eq(&check(
        "LET _ <= remap(config='remappings: []', clear=TRUE, copy='raw_file')
         SELECT read_file(filename='{}/logs/app.log', length=4, accessor='raw_file') AS Raw,
                read_file(filename='{}/logs/app.log', length=4, accessor='file') AS File,
                read_file(filename='text', length=4, accessor='data') AS Data FROM scope()",
    ));
    expect![[r#"{"Mine":"line"}"#]].assert_eq(&check(
        "LET _ <= remap(config='remappings: [{type: shadow, from: {accessor: raw_file}, on: {accessor: mine}}]')
         SELECT read_file(filename='{}/logs/app.log', length=4, accessor='mine') AS Mine FROM scope()",
    ));
    expect![[r#"
        {"Text":"line"}
        log: remap: remapping 1: `from` names no `accessor`"#]].assert_eq(&check(
        "LET _ <= remap(config='remappings: [{type: mount, from: {prefix: nope}, on: {accessor: file}}]')
         SELECT read_file(filename='{}/logs/app.log', length=4) AS Text FROM scope()",
    ));
}
