//! Databases and documents: `sqlite`, `plist`.

use expect_test::expect;
use rusqlite::Connection;

use super::question::Tree;

fn history() -> Tree {
    let tree = Tree::new(&[("not", b"this is no database at all"), ("empty", b"")]);
    let database = Connection::open(tree.path().join("History")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE urls(id INTEGER PRIMARY KEY, url TEXT, rank REAL, icon BLOB);
             INSERT INTO urls VALUES (1, 'https://a.example/', 0.5, x'00ff'), (2, NULL, 2, 'x'),
                 (3, 'https://c.example/', 3.25, NULL);",
        )
        .unwrap();
    tree
}

#[test]
fn rows_keep_their_types() {
    expect![[r#"
        {"id":1,"url":"https://a.example/","rank":0.5,"icon":"\u0000�","Size":2}
        {"id":2,"url":null,"rank":2,"icon":"x","Size":1}
        {"id":3,"url":"https://c.example/","rank":3.25,"icon":null,"Size":0}"#]].assert_eq(&history().ask(
        "SELECT *, len(list=icon) AS Size FROM sqlite(file='{}/History', query='SELECT id, url, rank, icon FROM urls ORDER BY id')",
    ));
}

#[test]
fn args_stand_for_question_marks_and_names() {
    let tree = history();
    expect![[r#"{"id":3}"#]].assert_eq(&tree.ask(
        "SELECT * FROM sqlite(file='{}/History', query='SELECT id FROM urls WHERE url LIKE ? AND rank > ?', args=['https%', 1])",
    ));
    expect![[r#"{"id":2}"#]].assert_eq(&tree.ask(
        "SELECT * FROM sqlite(file='{}/History', query='SELECT id FROM urls WHERE id = :id', args=dict(id=2))",
    ));
}

#[test]
fn what_was_written_last_is_seen_and_nothing_is_changed() {
    let tree = history();
    let path = tree.path().join("History");
    let database = Connection::open(&path).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    database.execute("DELETE FROM urls WHERE id < 3", []).unwrap();
    let before = std::fs::read(&path).unwrap();
    expect![[r#"{"id":3}"#]].assert_eq(
        &tree.ask("SELECT * FROM sqlite(file='{}/History', query='SELECT id FROM urls')"),
    );
    assert_eq!(before, std::fs::read(&path).unwrap());
}

#[test]
fn a_query_that_nobody_reads_ends() {
    expect![[r#"
        {"i":1}
        {"i":2}"#]].assert_eq(&history().ask(
        "SELECT * FROM sqlite(file='{}/History', query='WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n') LIMIT 2",
    ));
}

#[test]
fn what_is_wrong_is_said() {
    let tree = history();
    let ask = |file: &str, query: &str| {
        tree.ask(&format!("SELECT * FROM sqlite(file='{{}}/{file}', query='{query}')"))
    };
    expect!["log: sqlite: `{}/not` is not a SQLite database"].assert_eq(&ask("not", "SELECT 1"));
    expect!["log: sqlite: `{}/missing` does not exist"].assert_eq(&ask("missing", "SELECT 1"));
    expect!["log: sqlite: `{}/empty`: no such table: urls"]
        .assert_eq(&ask("empty", "SELECT * FROM urls"));
    expect!["log: sqlite: `{}/History`: no such column: nope (in the query of SQL, character 7: `nope FROM urls`)"].assert_eq(&ask("History", "SELECT nope FROM urls"));
    expect![
        "log: sqlite: `{}/History`: the query of SQL has several statements; ask one at a time"
    ]
    .assert_eq(&ask("History", "SELECT 1; SELECT 2"));
    expect!["log: sqlite: `{}/History`: the query of SQL takes 1 args and 0 are given"]
        .assert_eq(&ask("History", "SELECT ?"));
    expect!["log: sqlite: `{}/History`: only queries that read are possible; this one writes"]
        .assert_eq(&ask("History", "DELETE FROM urls"));
    expect!["log: sqlite: `{}/History`: too many attached databases - max 0"]
        .assert_eq(&ask("History", "ATTACH \"{}/other\" AS o"));
}

#[test]
fn property_lists_are_values_and_rows() {
    let text = br#"<plist version="1.0"><dict><key>Label</key><string>agent</string>
        <key>Made</key><date>2026-01-02T03:04:05Z</date><key>Blob</key><data>AAE=</data></dict></plist>"#;
    let tree = Tree::new(&[("a.plist", text), ("b.plist", b"nonsense")]);
    expect![[r#"{"Label":"agent"}"#]]
        .assert_eq(&tree.ask("SELECT plist(file='{}/a.plist').Label AS Label FROM scope()"));
    expect![[r#"
        {"Label":"agent","Year":2026,"Size":2}
        log: plist: `{}/b.plist`: not a property list: it is plain text"#]].assert_eq(&tree.ask(
        "SELECT Label, Made.Year AS Year, len(list=Blob) AS Size FROM plist(file=['{}/b.plist', '{}/a.plist'])",
    ));
    expect![[r#"
        {"V":null}
        log: plist: `{}/b.plist`: not a property list: it is plain text"#]]
    .assert_eq(&tree.ask("SELECT plist(file='{}/b.plist') AS V FROM scope()"));
}

#[test]
fn a_folder_without_a_leveldb_is_told() {
    let tree = Tree::new(&[("db/LOG", b"")]);
    expect!["log: leveldb: `{}/db` holds no tables or logs of a LevelDB"]
        .assert_eq(&tree.ask("SELECT * FROM leveldb(file='{}/db')"));
}

#[test]
fn files_say_what_they_are() {
    let tree = Tree::new(&[("a", b"#!/bin/sh\n"), ("b", b"OWN\x02")]);
    expect![[r#"{"Is":"POSIX shell script, ASCII text executable","Mime":"text/x-shellscript","B":"data","Own":"Own b, version 2"}"#]].assert_eq(&tree.ask(
        "SELECT magic(path='{}/a') AS Is, magic(path='{}/a', type='mime') AS Mime, magic(path='{}/b') AS B,
                magic(path='{}/b', magic='0 string OWN Own\n>3 byte x \\b, version %d') AS Own FROM scope()",
    ));
    expect![[r#"
        {"A":null,"B":null}
        log: magic: the type `colour` is not known; there are none, mime, mime_encoding, extension
        log: magic: magic rules, line 1: the offset `nonsense` is no plain number, which is all that is understood"#]].assert_eq(&tree.ask(
        "SELECT magic(path='{}/a', type='colour') AS A, magic(path='{}/a', magic='nonsense') AS B FROM scope()",
    ));
}

#[test]
fn packed_and_hidden_bytes_are_read() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"hello").unwrap();
    let tree = Tree::new(&[("a.gz", &packed.finish().unwrap())]);
    expect![[r#"
        {"A":"hello","B":null,"C":"Hello","D":"x","E":2,"F":1}
        log: gunzip: this cannot be unpacked: unexpected end of file
        log: WARN:parse_json: the text is read but not checked against the schema"#]].assert_eq(&tree.ask(
        "SELECT gunzip(string=read_file(filename='{}/a.gz')) AS A, gunzip(string='plain') AS B,
                base85decode(string='<~87cURDZ~>') AS C, crypto_rc4(string=crypto_rc4(string='x', key='k'), key='k') AS D,
                parse_json(data='2', schema=dict(type='object')) AS E, parse_json(data='1', schema=dict()) AS F FROM scope()",
    ));
}

fn archives() -> Tree {
    use std::io::Write;
    use zip::write::SimpleFileOptions;
    let tree = Tree::new(&[]);
    let file = std::fs::File::create(tree.path().join("a.zip")).unwrap();
    let mut archive = zip::ZipWriter::new(file);
    for name in ["one.txt", "sub/two.log", "../out.txt"] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(name.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    let mut tar = Vec::new();
    for (name, kind) in [("three.txt", b'0'), ("/abs.txt", b'0'), ("link", b'2')] {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(b"00000000002");
        header[156] = kind;
        header[257..263].copy_from_slice(b"ustar\0");
        tar.extend(header);
        tar.extend(b"hi");
        tar.resize(tar.len() + 510, 0);
    }
    std::fs::write(tree.path().join("b.tar"), tar).unwrap();
    tree
}

#[test]
fn archives_are_unpacked_into_their_folder() {
    let tree = archives();
    expect![[r#"
        {"OriginalPath":"one.txt","NewPath":"{}/z/one.txt","Size":7}
        {"OriginalPath":"sub/two.log","NewPath":"{}/z/sub/two.log","Size":11}
        log: WARN:unzip: `../out.txt` leads out of the folder and is left out"#]]
    .assert_eq(&tree.ask("SELECT * FROM unzip(filename='{}/a.zip', output_directory='{}/z')"));
    expect![[r#"{"OriginalPath":"sub/two.log","NewPath":"{}/y/sub/two.log","Size":11}"#]]
        .assert_eq(&tree.ask(
        "SELECT * FROM unzip(filename='{}/a.zip', output_directory='{}/y', filename_filter='log$')",
    ));
    expect![[r#"
        {"OriginalPath":"three.txt","NewPath":"{}/t/three.txt","Size":2}
        {"OriginalPath":"/abs.txt","NewPath":"{}/t/abs.txt","Size":2}"#]]
    .assert_eq(&tree.ask("SELECT * FROM unzip(filename='{}/b.tar', output_directory='{}/t')"));
    assert_eq!(std::fs::read(tree.path().join("z/sub/two.log")).unwrap(), b"sub/two.log");
    assert!(!tree.path().join("out.txt").exists());
    expect![[r#"
        log: unzip: `{}/z/one.txt` is neither a zip nor a tar archive
        log: unzip: archives of the type `rar` are not known; there are zip, tar"#]].assert_eq(&tree.ask(
        "SELECT * FROM chain(a={ SELECT * FROM unzip(filename='{}/z/one.txt', output_directory='{}/n') },
                             b={ SELECT * FROM unzip(filename='{}/a.zip', output_directory='{}/n', type='rar') })",
    ));
}

#[test]
fn a_file_is_packed_and_its_content_comes_back() {
    let varied: Vec<u8> = (0..400_u32).map(|n| (n * n % 251) as u8).collect();
    let tree = Tree::new(&[("a", b"content"), ("b", &varied)]);
    expect![[r#"
        {"P":"{}/a.gz","Back":"content","No":null,"Same":null,"Pe":null,"Short":null,"Long":"T1E9E02225C2109A5126B0FA18C8AB0D1F1E1F56831200C985A9707F2A97C231EB783D23"}
        log: compress: cannot read `{}/none`: No such file or directory (os error 2)
        log: compress: output is the file itself, which would be lost
        log: parse_pe: `{}/a`: not a PE file: Malformed entity: DOS header is malformed (signature 0x6f63)"#]].assert_eq(&tree.ask(
        "LET P <= compress(path='{}/a')
         SELECT P, gunzip(string=read_file(filename=P)) AS Back, compress(path='{}/none') AS No,
                compress(path='{}/a', output='{}/a') AS Same, parse_pe(file='{}/a') AS Pe,
                tlsh_hash(path='{}/a') AS Short, tlsh_hash(path='{}/b') AS Long FROM scope()",
    ));
}
