//! Runs every file in `cases/`.
//!
//! A file holds cases of one topic. A case is `-- case: what it shows`, the text, `-- expect`, and
//! the outcome: the normal form and the column names of the last SELECT for a good text, the
//! diagnostics for a bad one. `UPDATE_EXPECT=1` rewrites the outcomes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vql_syntax::ast::Statement;
use vql_syntax::{column_name, parse_program, print_program};

struct Case {
    title: String,
    text: String,
    expected: String,
}

fn outcome(text: &str) -> String {
    let parsed = parse_program(text);
    let mut shown = String::new();
    for diagnostic in parsed.errors.iter().chain(&parsed.warnings) {
        shown.push_str(&diagnostic.render("case", text));
    }
    if parsed.errors.is_empty() {
        writeln!(shown, "{}", print_program(&parsed.program)).unwrap();
        if let Some(Statement::Select(select)) = parsed.program.statements.last() {
            let names: Vec<_> = select.columns.iter().map(column_name).collect();
            writeln!(shown, "columns: {}", names.join(" | ")).unwrap();
        }
    }
    shown.trim_end().to_owned()
}

fn read_cases(path: &Path) -> Vec<Case> {
    let content = std::fs::read_to_string(path).unwrap();
    let mut parts = content.split("-- case: ");
    assert_eq!(parts.next(), Some(""), "{}: text before the first case", path.display());
    parts
        .map(|part| {
            let (title, rest) = part.split_once('\n').unwrap();
            let (text, expected) = rest.split_once("-- expect\n").unwrap_or((rest, ""));
            Case {
                title: title.to_owned(),
                text: text.trim_end_matches('\n').to_owned(),
                expected: expected.trim_end().to_owned(),
            }
        })
        .collect()
}

fn case_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_case_file_has_its_outcome() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let files = case_files();
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in &files {
        assert_eq!(path.extension().unwrap(), "vql", "{}: not a case file", path.display());
        let mut rewritten = String::new();
        for case in read_cases(path) {
            count += 1;
            let found = outcome(&case.text);
            let Case { title, text, expected } = case;
            if found != expected {
                wrong.push(format!(
                    "{}: {title}\n--- expected\n{expected}\n--- found\n{found}\n",
                    path.display()
                ));
            }
            write!(rewritten, "-- case: {title}\n{text}\n-- expect\n{found}\n\n").unwrap();
        }
        if update {
            std::fs::write(path, rewritten.trim_end().to_owned() + "\n").unwrap();
        }
    }
    assert!(count >= 90, "only {count} cases were found in {} files", files.len());
    assert!(update || wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_good_case_keeps_its_normal_form() {
    for path in case_files() {
        for case in read_cases(&path) {
            let parsed = parse_program(&case.text);
            if parsed.errors.is_empty() {
                let printed = print_program(&parsed.program);
                let again = parse_program(&printed);
                assert_eq!(again.errors, [], "{printed}");
                assert_eq!(print_program(&again.program), printed);
                crate::spans::check_spans(&case.text, &parsed.program);
            }
        }
    }
}
