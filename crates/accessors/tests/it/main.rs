//! Accessors on what was made to do harm, and the promises of their contract.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use base::{FixedClock, SeededEntropy, Timestamp};
use rows::{Dict, OsPath, PathStyle};
use vql_eval::{Run, Setup};
use vql_plugin::{AccessError, Host, Scope};

mod archives;

/// A run whose scope the accessors are called in.
fn run() -> Run {
    run_with(Dict::new())
}

fn run_with(variables: Dict) -> Run {
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    let host = Host::builder(clock, Box::new(SeededEntropy::new(1))).accessors(accessors::all());
    Run::new(Setup::new(host.build(), Arc::new(vql_eval::language())), variables)
}

fn text_of(accessor: &str, path: &OsPath, scope: &Scope) -> Result<String, String> {
    let accessor = scope.accessor(accessor).unwrap();
    let mut file = accessor.open(path, scope).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let packed = zip::write::SimpleFileOptions::default();
    let stored = packed.compression_method(zip::CompressionMethod::Stored);
    zip.start_file("a/packed.txt", packed).unwrap();
    zip.write_all(&b"packed ".repeat(50)).unwrap();
    zip.start_file("a/stored.txt", stored).unwrap();
    zip.write_all(b"stored").unwrap();
    zip.finish().unwrap().into_inner()
}

fn member(archive: &std::path::Path, name: &str) -> OsPath {
    let path = OsPath::parse(PathStyle::Relative, name.as_bytes());
    path.inside("file", archive.to_str().unwrap())
}

#[test]
fn members_are_read_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x.zip");
    std::fs::write(&place, archive()).unwrap();
    let run = run();
    let scope = run.scope();
    assert_eq!(text_of("zip", &member(&place, "a/stored.txt"), &scope).unwrap(), "stored");
    let zip = scope.accessor("zip").unwrap();
    let mut file = zip.open(&member(&place, "a/packed.txt"), &scope).unwrap();
    let mut word = [0; 6];
    for at in [7, 343, 0, 14] {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"packed", "at {at}");
    }
    assert_eq!(file.seek(SeekFrom::End(-1)).unwrap(), 349);
    assert_eq!(file.read(&mut word).unwrap(), 1);
}

#[test]
fn damaged_archives_are_errors_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x.zip");
    let whole = archive();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        for bytes in [&damaged[..], &whole[..at]] {
            std::fs::write(&place, bytes).unwrap();
            let run = run();
            let scope = run.scope();
            let zip = scope.accessor("zip").unwrap();
            if let Ok(entries) = zip.list(&member(&place, ""), &scope) {
                assert!(entries.count() <= 4);
            }
            for name in ["a/packed.txt", "a/stored.txt"] {
                // A member never yields more than the index says, which may itself be wrong.
                if let Ok(mut file) = zip.open(&member(&place, name), &scope) {
                    let _ = std::io::copy(&mut (&mut file).take(1 << 20), &mut std::io::sink());
                }
            }
        }
    }
}

#[test]
fn every_accessor_reads_back_the_paths_it_prints() {
    for (name, accessor) in accessors::all().iter() {
        for text in ["", "/a/b", r#"/a/"b/c"/d"#, r#"{"DelegatePath":"/x","Path":"y/z"}"#] {
            let path = accessor.parse(text.as_bytes()).unwrap();
            let again = accessor.parse(&path.to_text()).unwrap();
            assert_eq!(again.to_text(), path.to_text(), "{name}: {text}");
            assert_eq!(again.components(), path.components(), "{name}: {text}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let run = run();
    let scope = run.scope();
    let check = |accessor: &str, path: OsPath, words: &str| {
        assert_eq!(text_of(accessor, &path, &scope).unwrap_err(), words);
    };
    let unix = |text: &str| OsPath::parse(PathStyle::Unix, text.as_bytes());
    check("file", unix("/"), "`/`: is a directory");
    check("file", unix("/no/such"), "`/no/such` does not exist");
    check(
        "file",
        unix("/x").inside("zip", "/y"),
        r#"`{"DelegateAccessor":"zip","DelegatePath":"/y","Path":"/x"}`: this accessor has no containers"#,
    );
    check(
        "zip",
        OsPath::parse(PathStyle::Relative, b"x"),
        "`x`: the archive is missing; name it with pathspec(DelegatePath=...)",
    );
    check(
        "offset",
        unix("/7"),
        "`/7`: the file is missing; name it with pathspec(DelegatePath=...)",
    );
    check("scope", OsPath::parse(PathStyle::Opaque, b"nope"), "`variable nope` does not exist");
    let data = scope.accessor("data").unwrap();
    let listed = data.list(&unix("/x"), &scope).err();
    assert!(matches!(listed, Some(AccessError::Unsupported { .. })));
}
