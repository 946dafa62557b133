//! Files that grow, rotate, are rewritten or lost.

use std::collections::HashMap;

use expect_test::{Expect, expect};

use super::*;

/// Files of a test: whatever they hold.
#[derive(Default)]
struct Disk(HashMap<String, Vec<u8>>);

impl Look for Disk {
    fn mark(&mut self, path: &str, bytes: Range<u64>) -> Result<Mark, String> {
        let part = &self.0[path][bytes.start as usize..bytes.end as usize];
        Ok(Mark {
            length: bytes.end - bytes.start,
            hash: String::from_utf8_lossy(part).into_owned(),
        })
    }

    fn whole_lines(&mut self, path: &str, from: u64, size: u64) -> Result<u64, String> {
        let part = &self.0[path][from as usize..size as usize];
        Ok(from + part.iter().rposition(|b| *b == b'\n').map_or(0, |at| at as u64 + 1))
    }
}

impl Disk {
    fn put(&mut self, path: &str, content: &str) {
        self.0.insert(path.into(), content.into());
    }

    fn present(&self) -> Vec<Present> {
        let file = |(path, content): (&String, &Vec<u8>)| Present {
            path: path.clone(),
            stamp: String::from_utf8_lossy(content).into_owned(),
            size: content.len() as u64,
            grows: path.ends_with("ndjson"),
            modified: 0,
        };
        self.0.iter().map(file).collect()
    }

    fn check(&mut self, manifest: &mut Manifest, expected: &Expect) {
        let present = self.present();
        let shown = match manifest.update(&present, self) {
            Err(refused) => refused.to_string(),
            Ok(_) => {
                let all = Window::new(Position::MIN, Position::MAX).unwrap();
                match manifest.parts(all) {
                    Ok(parts) => {
                        parts.iter().map(|(p, b, n)| format!("{n:?} {p} {b:?}\n")).collect()
                    }
                    Err(refused) => refused.to_string(),
                }
            }
        };
        expected.assert_eq(&shown);
        assert_eq!(Manifest::parse(&manifest.write()).as_ref(), Some(&*manifest));
    }
}

#[test]
fn what_appears_gets_the_next_number() {
    let (mut disk, mut manifest) = (Disk::default(), Manifest::default());
    disk.put("b.ndjson", "1\n2\n");
    disk.put("a.parquet", "xyz");
    disk.check(
        &mut manifest,
        &expect![[r#"
        1 a.parquet 0..3
        2 b.ndjson 0..4
    "#]],
    );
    disk.put("b.ndjson", "1\n2\n3\n4");
    disk.check(
        &mut manifest,
        &expect![[r#"
        1 a.parquet 0..3
        2 b.ndjson 0..4
        3 b.ndjson 4..6
    "#]],
    );
    disk.put("b.ndjson", "1\n2\n3\n45\n");
    disk.put("0.ndjson", "half");
    disk.check(
        &mut manifest,
        &expect![[r#"
        1 a.parquet 0..3
        2 b.ndjson 0..4
        3 b.ndjson 4..6
        4 b.ndjson 6..9
    "#]],
    );
    disk.put("0.ndjson", "half a line\n");
    disk.check(
        &mut manifest,
        &expect![[r#"
        1 a.parquet 0..3
        2 b.ndjson 0..4
        3 b.ndjson 4..6
        4 b.ndjson 6..9
        5 0.ndjson 0..12
    "#]],
    );
    assert_eq!(manifest.horizon(), Position(6));
}

#[test]
fn a_file_that_is_rewritten_is_another_source() {
    let check = |before: &str, after: &str, expected: &Expect| {
        let (mut disk, mut manifest) = (Disk::default(), Manifest::default());
        disk.put("a.ndjson", before);
        let present = disk.present();
        manifest.update(&present, &mut disk).unwrap();
        disk.put("a.ndjson", after);
        disk.check(&mut manifest, expected);
    };
    check(
        "1\n2\n",
        "1\n",
        &expect![
            "`a.ndjson` became shorter after it was read; restore it, or let the stream continue in a new epoch"
        ],
    );
    check(
        "1\n2\n",
        "1\n3\n",
        &expect![
            "`a.ndjson` was rewritten after it was read; restore it, or let the stream continue in a new epoch"
        ],
    );
    check(
        "1\n2\n",
        "9\n9\n9\n",
        &expect![
            "`a.ndjson` was rewritten after it was read; restore it, or let the stream continue in a new epoch"
        ],
    );
}

#[test]
fn a_rotated_file_keeps_its_numbers_and_one_that_is_gone_is_missed() {
    let (mut disk, mut manifest) = (Disk::default(), Manifest::default());
    disk.put("a.ndjson", "1\n2\n");
    disk.check(
        &mut manifest,
        &expect![[r#"
        1 a.ndjson 0..4
    "#]],
    );
    disk.put("a.1.ndjson", "1\n2\n3\n");
    disk.put("a.ndjson", "4\n");
    disk.check(
        &mut manifest,
        &expect![[r#"
        1 a.1.ndjson 0..4
        2 a.1.ndjson 4..6
        3 a.ndjson 0..2
    "#]],
    );
    disk.0.remove("a.1.ndjson");
    disk.check(&mut manifest, &expect![
        "`a.1.ndjson`, which stood at position 1, is no longer there; restore it, or waive the window"
    ]);
    assert_eq!(manifest.oldest(), Some(Position(3)));
}

#[test]
fn a_damaged_manifest_is_not_taken_for_an_empty_one() {
    for text in [
        "",
        "{}",
        "[1]",
        r#"{"version":2,"next":1,"files":{}}"#,
        r#"{"version":1,"next":1,"files":{"a":{}}}"#,
    ] {
        assert_eq!(Manifest::parse(text.as_bytes()), None, "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let book = Book::of(folder.path(), "t");
    assert_eq!(book.read(), Ok(Manifest::default()));
    let mut disk = Disk::default();
    disk.put("a.ndjson", "1\n");
    let present = disk.present();
    let written = book.update(&present, &mut disk).unwrap();
    assert_eq!(book.read(), Ok(written));
    let path = Book::of(folder.path(), "t").path;
    std::fs::write(&path, "{").unwrap();
    assert!(matches!(book.read(), Err(Refused::Changed(_))));
}
