//! Every file below `cases/`: a query, then `-- rows` with one JSON object per line, then perhaps
//! `-- log`. A text that must not compile has `-- error` and what is said about it.
//! `UPDATE_EXPECT=1` rewrites what is expected.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::world::{Answer, ask};

#[test]
fn every_case_answers_as_written() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"), &mut files);
    assert!(files.len() >= 90, "only {} case files were found", files.len());
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let query = query_of(&text);
        let found = format!("{query}{}", written(&ask(query)));
        if found == text {
            continue;
        }
        if update {
            std::fs::write(&file, found).unwrap();
        } else {
            writeln!(wrong, "== {}\n{text}-- found\n{found}", file.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "cases that answer differently:\n{wrong}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else {
            assert_eq!(path.extension().unwrap(), "vql", "{} is no case", path.display());
            files.push(path);
        }
    }
}

/// The text up to the first section.
fn query_of(text: &str) -> &str {
    let sections = ["-- rows\n", "-- error\n"];
    let end = sections.iter().filter_map(|section| text.find(section)).min();
    &text[..end.unwrap_or(text.len())]
}

fn written(answer: &Answer) -> String {
    let mut out = String::new();
    match &answer.error {
        // How the place is shown is tested where it is written.
        Some(error) => {
            writeln!(out, "-- error\n{}", error.lines().next().unwrap_or_default()).unwrap();
        }
        None => {
            out.push_str("-- rows\n");
            for row in &answer.rows {
                writeln!(out, "{row}").unwrap();
            }
        }
    }
    if !answer.log.is_empty() {
        out.push_str("-- log\n");
        for line in &answer.log {
            writeln!(out, "{line}").unwrap();
        }
    }
    out
}
