//! Finding, reading, hashing and keeping files.

use expect_test::expect;

use super::question::{Asker, Tree};

fn homes() -> Tree {
    Tree::new(&[
        ("home/ann/.ssh/authorized_keys", b"key a\n"),
        ("home/bob/.ssh/Authorized_Keys", b"key b\n"),
        ("home/bob/notes.txt", b"hello\r\nworld"),
        ("etc/cron.d/job", b"* * * * * root true\n"),
    ])
}

#[test]
fn patterns_find_files_in_any_case() {
    let tree = homes();
    expect![[r#"
        {"OSPath":"{}/home/ann/.ssh/authorized_keys","Size":6,"IsDir":false}
        {"OSPath":"{}/home/bob/.ssh/Authorized_Keys","Size":6,"IsDir":false}"#]]
    .assert_eq(
        &tree.ask("SELECT OSPath, Size, IsDir FROM glob(globs='{}/home/*/.ssh/authorized_keys')"),
    );
    expect![[r#"{"OSPath":"{}/home/bob/notes.txt"}"#]]
        .assert_eq(&tree.ask("SELECT OSPath FROM glob(globs='/**/*.TXT', root='{}')"));
    expect![[r#"
        {"Name":"cron.d"}
        {"Name":"ann"}
        {"Name":"bob"}
        {"Name":"notes.txt"}"#]]
    .assert_eq(&tree.ask("SELECT Name FROM glob(globs=['{}/{etc,home}/*', '{}/home/b?b/*.txt'])"));
}

#[test]
fn recursion_has_a_depth_and_may_be_refused() {
    let tree = homes();
    expect![[r#"
        {"OSPath":"{}/etc"}
        {"OSPath":"{}/home"}"#]]
    .assert_eq(&tree.ask("SELECT OSPath FROM glob(globs='{}/**1')"));
    expect![[r#"
        {"OSPath":"{}/etc"}
        {"OSPath":"{}/home"}
        {"OSPath":"{}/etc/cron.d"}
        {"OSPath":"{}/etc/cron.d/job"}"#]]
    .assert_eq(&tree.ask(
        "SELECT OSPath FROM glob(globs='{}/**', recursion_callback='x=>NOT x.Name =~ \"home\"')",
    ));
    expect![[r#"{"OSPath":"{}/home/bob/notes.txt"}"#]]
        .assert_eq(&tree.ask("SELECT OSPath FROM glob(globs='{}/**/bob/**/notes.txt')"));
}

#[test]
fn a_file_is_yielded_once_and_names_its_patterns() {
    let tree = homes();
    expect![[r#"
        {"Name":".ssh","Globs":["**"]}
        {"Name":"notes.txt","Globs":["*.txt","n*","**"]}
        {"Name":"Authorized_Keys","Globs":["**"]}"#]]
    .assert_eq(
        &tree.ask("SELECT Name, Globs FROM glob(globs=['*.txt', 'n*', '**'], root='{}/home/bob')"),
    );
}

#[test]
fn a_row_has_the_columns_that_artifacts_use() {
    let tree = Tree::new(&[("f", b"x")]);
    expect![[r#"{"Name":"f","FullPath":"{}/f","Mode":"-rw-r--r--","Text":"-rw-r--r--","Size":1,"IsDir":false,"IsLink":false,"M":true,"I":true}"#]].assert_eq(&tree.ask(
        "SELECT Name, FullPath, Mode, Mode.String AS Text, Size, IsDir, IsLink, Mtime > 0 AS M, \
         Data.Inode > 0 AS I FROM stat(filename='{}/f')",
    ));
    expect![[r#"{"a":1,"b":null}"#]].assert_eq(
        &tree.ask(
            "SELECT stat(filename='{}/f').Size AS a, stat(filename='{}/nope') AS b FROM scope()",
        ),
    );
    expect![[r#"{"Name":"f"}"#]]
        .assert_eq(&tree.ask("SELECT Name FROM glob(globs='{}/*') WHERE Mode =~ '^-rw'"));
}

#[test]
fn content_is_read_whole_in_parts_and_in_pieces() {
    let tree = homes();
    expect![[r#"
        {"a":"hello\r\nworld","b":"ell","c":null}
        log: read_file: `{}/nope` does not exist"#]]
    .assert_eq(&tree.ask(
        "SELECT read_file(filename='{}/home/bob/notes.txt') AS a, \
         read_file(filename='{}/home/bob/notes.txt', offset=1, length=3) AS b, \
         read_file(filename='{}/nope') AS c FROM scope()",
    ));
    expect![[r#"
        {"Data":"hello","Offset":0}
        {"Data":"\r\nwor","Offset":5}
        {"Data":"ld","Offset":10}"#]].assert_eq(&tree.ask(
        "SELECT Data, Offset FROM read_file(filenames='{}/home/bob/notes.txt', chunk=5, max_length=12)",
    ));
    expect![[r#"
        {"Line":"hello"}
        {"Line":"world"}"#]]
    .assert_eq(&tree.ask("SELECT * FROM parse_lines(filename='{}/home/bob/notes.txt')"));
}

#[test]
fn hashes_are_those_that_were_asked_for() {
    let tree = Tree::new(&[("f", b"abc"), ("d/x", b"")]);
    expect![[r#"{"h":{"MD5":"900150983cd24fb0d6963f7d28e17f72","SHA1":"a9993e364706816aba3e25717850c26c9cd0d89d","SHA256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}"#]].assert_eq(&tree.ask("SELECT hash(path='{}/f') AS h FROM scope()"));
    expect![[r#"
        {"a":"a9993e364706816aba3e25717850c26c9cd0d89d","b":null,"c":null,"d":null}
        log: hash: `{}/f` is larger than max_size (2 bytes)
        log: hash: hashselect does not know `CRC`; there are MD5, SHA1 and SHA256"#]]
    .assert_eq(&tree.ask(
        "SELECT hash(path='{}/f', hashselect='SHA1').SHA1 AS a, hash(path='{}/d') AS b, \
         hash(path='{}/f', max_size=2) AS c, hash(path='{}/f', hashselect='CRC') AS d FROM scope()",
    ));
    expect![[r#"{"h":{"MD5":"900150983cd24fb0d6963f7d28e17f72"}}"#]].assert_eq(
        &tree.ask("SELECT hash(path='abc', accessor='data', hashselect='MD5') AS h FROM scope()"),
    );
}

#[test]
fn uploads_go_where_the_program_keeps_them() {
    let tree = homes();
    let asker = Asker::new();
    expect![[r#"
        {"P":"{}/home/ann/.ssh/authorized_keys","S":6}
        {"P":"{}/home/bob/.ssh/Authorized_Keys","S":6}"#]]
    .assert_eq(&tree.ask_as(
        &asker,
        "SELECT Upload.Path AS P, Upload.Size AS S FROM foreach(row={ \
           SELECT upload(file=OSPath) AS Upload FROM glob(globs='{}/home/*/.ssh/*') })",
    ));
    expect![[r#"
        {"C":["a","b.txt"],"D":null}
        log: upload: `{}/home` is a directory"#]]
    .assert_eq(&tree.ask_as(
        &asker,
        "SELECT upload(file='content', accessor='data', name='a/b.txt').Components AS C, \
         upload(file='{}/home') AS D FROM scope()",
    ));
    let kept = asker.kept.0.lock();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[2].1, b"content");
}

#[test]
fn temporary_files_go_with_the_query() {
    let asker = Asker::new();
    let answer = asker.ask(
        "LET t <= tempfile(data='abc', extension='.txt') LET d <= tempdir() \
         SELECT t, d, read_file(filename=t) AS content FROM scope()",
    );
    let (first, log) = answer.split_once("\n").unwrap_or((&answer, ""));
    assert_eq!(log, "");
    let row = rows_json::row_from_json(first.as_bytes()).unwrap();
    let path = |name: &str| row.get(name).unwrap().to_text().to_string();
    assert_eq!(path("content"), "abc");
    assert!(path("t").ends_with(".txt"));
    assert!(!std::path::Path::new(&path("t")).exists());
    assert!(!std::path::Path::new(&path("d")).exists());
    expect![[r#"
        {"t":null}
        log: tempfile: `/../x` cannot be the ending of a file's name"#]]
    .assert_eq(&asker.ask("SELECT tempfile(extension='/../x') AS t FROM scope()"));
}

#[test]
fn files_are_copied_removed_and_written() {
    let tree = Tree::new(&[("f", b"abc")]);
    expect![[r#"
        {"a":"{}/x/y","b":"{}/x/y","c":"abc-tail","d":true,"e":null}
        log: rm: cannot remove `{}/f`: No such file or directory (os error 2)"#]]
    .assert_eq(&tree.ask(
        "SELECT copy(filename='{}/f', dest='{}/x/y', create_directories=TRUE) AS a, \
         copy(filename='-tail', accessor='data', dest='{}/x/y', append=TRUE) AS b, \
         read_file(filename='{}/x/y') AS c, rm(filename='{}/f') AS d, rm(filename='{}/f') AS e \
         FROM scope()",
    ));
    expect![[r#"
        {"n":0,"t":"a,b"}
        {"n":1,"t":"a,b"}"#]]
    .assert_eq(&tree.ask(
        "SELECT * FROM write_csv(filename='{}/out.csv', query={ \
           SELECT _value AS n, 'a,b' AS t FROM range(end=2) })",
    ));
    expect![[r#"
        n,t
        0,"a,b"
        1,"a,b"
    "#]]
    .assert_eq(&std::fs::read_to_string(tree.path().join("out.csv")).unwrap());
    expect!["log: write_jsonl: cannot write `{}/no/x`: No such file or directory (os error 2)"]
        .assert_eq(
            &tree.ask(
                "SELECT * FROM write_jsonl(filename='{}/no/x', query={ SELECT 1 FROM scope() })",
            ),
        );
}

#[test]
fn members_of_archives_are_files() {
    use std::io::Write;
    let tree = Tree::new(&[]);
    let file = std::fs::File::create(tree.path().join("a.zip")).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("dir/inner.txt", options).unwrap();
    zip.write_all(b"line 1\nline 2\n").unwrap();
    zip.start_file("../escape.txt", options).unwrap();
    zip.write_all(b"out").unwrap();
    zip.finish().unwrap();
    expect![[r#"
        {"P":"..","Size":0,"IsDir":true}
        {"P":"dir","Size":0,"IsDir":true}
        {"P":"../escape.txt","Size":3,"IsDir":false}
        {"P":"dir/inner.txt","Size":14,"IsDir":false}"#]]
    .assert_eq(&tree.ask(
        "SELECT OSPath.Path AS P, Size, IsDir FROM glob(accessor='zip', globs='**', \
         root=pathspec(DelegatePath='{}/a.zip', DelegateAccessor='auto'))",
    ));
    expect![[r#"
        {"Line":"out","OSPath":"{\"DelegateAccessor\":\"\",\"DelegatePath\":\"{}/a.zip\",\"Path\":\"../escape.txt\"}"}
        {"Line":"line 1","OSPath":"{\"DelegateAccessor\":\"\",\"DelegatePath\":\"{}/a.zip\",\"Path\":\"dir/inner.txt\"}"}
        {"Line":"line 2","OSPath":"{\"DelegateAccessor\":\"\",\"DelegatePath\":\"{}/a.zip\",\"Path\":\"dir/inner.txt\"}"}"#]].assert_eq(&tree.ask(
        "SELECT Line, OSPath FROM foreach(row={ SELECT OSPath FROM glob(accessor='zip', globs='/**/*.txt', \
           root=pathspec(DelegatePath='{}/a.zip')) }, \
         query={ SELECT Line, OSPath FROM parse_lines(filename=OSPath, accessor='zip') })",
    ));
    expect![[r#"
        {"a":null}
        log: read_file: `{"DelegateAccessor":"","DelegatePath":"{}/a.zip","Path":"nope"}` does not exist"#]].assert_eq(&tree.ask(
        "SELECT read_file(accessor='zip', filename=pathspec(DelegatePath='{}/a.zip', Path='nope')) AS a \
         FROM scope()",
    ));
}

#[test]
fn content_comes_from_variables_offsets_and_gzip() {
    use std::io::Write;
    let tree = Tree::new(&[("f", b"0123456789")]);
    let file = std::fs::File::create(tree.path().join("x.gz")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    gzip.write_all(b"unpacked").unwrap();
    gzip.finish().unwrap();
    expect![[r#"
        {"a":"from a variable","b":"packed","c":"789","d":"0123456789","e":null,"f":null}
        log: read_file: cannot read `{}/f`: invalid gzip header
        log: read_file: no accessor is called `nope`; there are auto, bzip2, data, file, file_links, file_nocase, gzip, offset, process, ranged, raw_file, scope, sparse, xz, zip, zip_nocase, zstd"#]].assert_eq(&tree.ask(
        "LET v = 'from a variable' \
         SELECT read_file(accessor='scope', filename='v') AS a, \
         read_file(accessor='gzip', filename='{}/x.gz', offset=2) AS b, \
         read_file(accessor='offset', filename=pathspec(DelegatePath='{}/f', Path='7')) AS c, \
         read_file(accessor='file_nocase', filename='{}/F') AS d, \
         read_file(accessor='gzip', filename='{}/f') AS e, \
         read_file(accessor='nope', filename='x') AS f FROM scope()",
    ));
}

#[test]
fn large_files_have_the_same_hashes_as_their_pieces_say() {
    let tree = Tree::new(&[("large", &vec![b'a'; 9 << 20])]);
    let all = tree.ask("SELECT hash(path='{}/large') AS H FROM scope()");
    let one_by_one = tree.ask(
        "SELECT dict(MD5=hash(path='{}/large', hashselect='MD5').MD5,
                     SHA1=hash(path='{}/large', hashselect='SHA1').SHA1,
                     SHA256=hash(path='{}/large', hashselect='SHA256').SHA256) AS H FROM scope()",
    );
    assert_eq!(all, one_by_one);
}

#[test]
fn stretches_of_a_file_are_named_by_a_path_spec() {
    let tree = Tree::new(&[("f", b"0123456789")]);
    let answer = tree.ask(
        r#"LET Stretches = '[{"Offset":0,"Length":2},{"Offset":2,"Length":3}]'
           SELECT read_file(accessor='sparse', filename=pathspec(DelegatePath='{}/f', Path=Stretches)) AS a,
                  stat(accessor='sparse', filename=pathspec(DelegatePath='{}/f', Path=Stretches)).Size AS b
           FROM scope()"#,
    );
    assert_eq!(answer, r#"{"a":"01234","b":5}"#);
}
