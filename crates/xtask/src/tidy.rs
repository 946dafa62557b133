//! What a line of this repository may say. Every rule is a function over the sources.
//!
//! Rules are ratchets: those who broke one before it was a rule stand in `tidy-offenders.txt`,
//! one `rule path item` a line. A new offender fails the test; so does a line of the list that
//! is no longer true, so the list only shrinks.
//!
//! # Not here
//!
//! Who may use whom: that is `floors`. Formatting and lints: the formatter and clippy.

use std::collections::BTreeSet;

use crate::floors::floor_of;
use crate::sources::Source;

/// A file without its tests is at most this long.
const FILE_LINES_MAX: usize = 500;
/// A function is at most this long.
const FUNCTION_LINES_MAX: usize = 70;
/// The highest floor on which `unwrap()` needs a reason (that is, `expect`).
const REASONED_UP_TO: usize = 3;

/// Crates that may derive `Serialize` anywhere.
const SERIALIZE_CRATES: &[&str] =
    &["wire", "api", "artifacts", "rows-json", "records", "store-files", "lycaon", "lycaon-agent"];
/// Files that may derive `Serialize` because they are a program's configuration.
const SERIALIZE_FILES: &[&str] = &["crates/server/src/config", "crates/agent/src/config"];

/// Text that belongs to some workplace and not to this repository. Spelled in two halves so that
/// this file may be searched like any other.
const FOREIGN: &[(&str, &str)] = &[("/wo", "rk/"), ("/tmp/", "tools"), ("../", "shared/")];

/// Who breaks a rule: the rule, the file, and what in it.
pub type Offence = (&'static str, String, String);

type Rule = fn(&Source) -> Vec<(&'static str, String)>;

/// Everybody who breaks any rule.
pub fn offences(sources: &[Source]) -> BTreeSet<Offence> {
    let rules: &[Rule] = &[
        header,
        file_length,
        function_length,
        serialize,
        sleeping_tests,
        ignored_tests,
        unreasoned_unwrap,
        printing,
        one_name_a_file,
    ];
    let mut found = BTreeSet::new();
    for source in sources {
        for rule in rules.iter().filter(|_| source.path.ends_with(".rs")) {
            for (name, item) in rule(source) {
                found.insert((name, source.path.clone(), item));
            }
        }
        for (name, item) in foreign_text(source) {
            found.insert((name, source.path.clone(), item));
        }
    }
    found
}

fn header(source: &Source) -> Vec<(&'static str, String)> {
    let opened = source.text.lines().find(|line| !line.trim().is_empty());
    match opened {
        Some(line) if line.starts_with("//!") => vec![],
        _ => vec![("header", "the file opens with `//!`: what it decides, what holds".into())],
    }
}

/// A VQL name is declared in `functions/NAME.rs` or `plugins/NAME.rs`, and nothing else is.
fn one_name_a_file(source: &Source) -> Vec<(&'static str, String)> {
    const RULE: &str = "one-name-a-file";
    if source.is_test() {
        return vec![];
    }
    let declared: Vec<&str> = source
        .lines()
        .into_iter()
        .filter(|(line, in_test)| !in_test && !line.starts_with("//"))
        .filter_map(|(line, _)| line.split_once("Args for \"")?.1.split('"').next())
        .collect();
    let mut folders = source.path.rsplit('/');
    let stem = folders.next().unwrap_or_default().trim_end_matches(".rs");
    let in_folder = matches!(folders.next(), Some("functions" | "plugins"));
    match (declared.as_slice(), in_folder) {
        ([], false) => vec![],
        ([], true) if stem == "mod" => vec![],
        // A plugin and a function of the same name may share their arguments.
        ([], true) if source.text.contains("type Args = ") => vec![],
        ([], true) => vec![(RULE, "declares no name".into())],
        ([name], true) if *name == stem => vec![],
        (names, _) => vec![(RULE, format!("declares {}", names.join(", ")))],
    }
}

fn file_length(source: &Source) -> Vec<(&'static str, String)> {
    let lines = source.lines().into_iter().filter(|(_, test)| !test).count();
    if lines <= FILE_LINES_MAX {
        return vec![];
    }
    vec![("file-length", String::new())]
}

fn function_length(source: &Source) -> Vec<(&'static str, String)> {
    source
        .functions()
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX)
        .map(|function| ("function-length", function.name))
        .collect()
}

fn serialize(source: &Source) -> Vec<(&'static str, String)> {
    let krate = source.krate().unwrap_or_default();
    let allowed = SERIALIZE_CRATES.contains(&krate)
        || SERIALIZE_FILES.iter().any(|file| source.path.starts_with(file));
    let derives = source.lines().into_iter().any(|(line, test)| {
        let line = line.trim();
        !test
            && line.starts_with("#[derive(")
            && line.contains("Serialize")
            && line.split(['(', ',', ')', ' ', ':']).any(|word| word == "Serialize")
    });
    if derives && !allowed {
        return vec![("serialize", "the form of a noun belongs to wire, api or a store".into())];
    }
    vec![]
}

fn sleeping_tests(source: &Source) -> Vec<(&'static str, String)> {
    let calls = [concat!("thread::", "sleep("), concat!("time::", "sleep(")];
    let sleeps = source
        .lines()
        .into_iter()
        .any(|(line, test)| test && calls.iter().any(|call| line.contains(call)));
    if sleeps { vec![("sleep-in-test", "wait for a state".into())] } else { vec![] }
}

fn ignored_tests(source: &Source) -> Vec<(&'static str, String)> {
    let mark = concat!("#[", "ignore");
    let ignored = source.text.lines().any(|line| line.trim_start().starts_with(mark));
    if ignored { vec![("ignored-test", "a test runs or goes".into())] } else { vec![] }
}

fn unreasoned_unwrap(source: &Source) -> Vec<(&'static str, String)> {
    let floor = source.krate().and_then(floor_of);
    if floor.is_none_or(|floor| floor > REASONED_UP_TO) {
        return vec![];
    }
    let unwraps = source.lines().into_iter().any(|(line, test)| {
        !test && !line.trim_start().starts_with("//") && line.contains(concat!(".unwrap", "()"))
    });
    if unwraps { vec![("unwrap", "`expect` with the reason, or an error".into())] } else { vec![] }
}

fn printing(source: &Source) -> Vec<(&'static str, String)> {
    if matches!(source.krate(), Some("lycaon" | "lycaon-agent" | "xtask")) {
        return vec![];
    }
    let macros = ["println!(", "eprintln!(", "print!(", "eprint!("];
    let prints = source
        .lines()
        .into_iter()
        .any(|(line, test)| !test && macros.iter().any(|name| line.trim_start().starts_with(name)));
    if prints { vec![("printing", "only the programs print".into())] } else { vec![] }
}

fn foreign_text(source: &Source) -> Vec<(&'static str, String)> {
    let told = |(a, b): &(&str, &str)| source.text.contains(&format!("{a}{b}"));
    FOREIGN
        .iter()
        .filter(|halves| told(halves))
        .map(|(a, b)| ("foreign-text", format!("{a}{b}")))
        .collect()
}

/// The list of those who offended before the rule was there.
pub fn excused(list: &str) -> BTreeSet<String> {
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// An offence as the list spells it. What is to be done is left out: it is the same each time.
pub fn spelled((rule, path, item): &Offence) -> String {
    match *rule {
        "function-length" => format!("{rule} {path} {item}"),
        _ => format!("{rule} {path}"),
    }
}

/// New offences, and lines of the list that are no longer true.
pub fn verdict(offences: &BTreeSet<Offence>, list: &str) -> Vec<String> {
    let excused = excused(list);
    let found: BTreeSet<String> = offences.iter().map(spelled).collect();
    let new = offences.iter().filter(|offence| !excused.contains(&spelled(offence))).map(
        |(rule, path, item)| {
            let limit = match *rule {
                "file-length" => format!("more than {FILE_LINES_MAX} lines without tests"),
                "function-length" => format!("`{item}` has more than {FUNCTION_LINES_MAX} lines"),
                _ => item.clone(),
            };
            format!("{rule}: {path}: {limit}")
        },
    );
    let stale = excused
        .iter()
        .filter(|line| !found.contains(*line))
        .map(|line| format!("mended, so take it off tidy-offenders.txt: {line}"));
    new.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources;

    fn rules_broken(path: &str, text: &str) -> Vec<&'static str> {
        let source = Source { path: path.into(), text: text.into() };
        offences(&[source]).into_iter().map(|(rule, _, _)| rule).collect()
    }

    #[test]
    fn each_rule_finds_its_offender() {
        let inside = "crates/flows/src/x.rs";
        let long_body = "    a();\n".repeat(80);
        let cases: &[(&str, String, &[&str])] = &[
            (inside, "//! Fine.\n".into(), &[]),
            (inside, "fn a() {}\n".into(), &["header"]),
            (inside, format!("//! X.\n{}", "// y\n".repeat(501)), &["file-length"]),
            (inside, format!("//! X.\nfn a() {{\n{long_body}}}\n"), &["function-length"]),
            (
                inside,
                "//! X.\n#[derive(Debug, serde::Serialize)]\nstruct A;\n".into(),
                &["serialize"],
            ),
            (inside, "//! X.\n#[derive(Deserialize)]\nstruct A;\n".into(), &[]),
            ("crates/wire/src/x.rs", "//! X.\n#[derive(Serialize)]\nstruct A;\n".into(), &[]),
            (inside, "//! X.\nfn a() { b.expect(\"c\"); }\n".into(), &[]),
            (inside, format!("//! X.\nfn a() {{ b{}; }}\n", concat!(".unwrap", "()")), &["unwrap"]),
            (
                "crates/lycaon/src/x.rs",
                format!("//! X.\nfn a() {{ b{}; }}\n", concat!(".unwrap", "()")),
                &[],
            ),
            (
                inside,
                format!("//! X.\n{}\nfn a() {{}}\n", concat!("#[", "ignore]")),
                &["ignored-test"],
            ),
            (
                "crates/flows/tests/it/main.rs",
                format!("//! X.\n{}1);\n", concat!("thread::", "sleep(")),
                &["sleep-in-test"],
            ),
            (inside, format!("//! X.\n{}1);\n", concat!("thread::", "sleep(")), &[]),
            (inside, "//! X.\nfn a() {\n    println!(\"b\");\n}\n".into(), &["printing"]),
            ("README.md", format!("see {}{}x", "/wo", "rk/"), &["foreign-text"]),
        ];
        for (path, text, broken) in cases {
            assert_eq!(rules_broken(path, text), *broken, "{path}: {text:.60}");
        }
    }

    #[test]
    fn the_list_of_offenders_only_shrinks() {
        let offences = BTreeSet::from([("header", "a.rs".to_owned(), "say what".to_owned())]);
        assert_eq!(verdict(&offences, "# known\nheader a.rs\n"), [""; 0]);
        assert_eq!(verdict(&offences, ""), ["header: a.rs: say what"]);
        assert_eq!(
            verdict(&BTreeSet::new(), "header a.rs\n"),
            ["mended, so take it off tidy-offenders.txt: header a.rs"]
        );
    }

    #[test]
    fn the_repository_is_tidy() {
        let sources = sources::all();
        assert!(sources.len() > 50, "the repository's files are found");
        let list = include_str!("../tidy-offenders.txt");
        assert_eq!(verdict(&offences(&sources), list), [""; 0]);
    }

    #[test]
    fn third_party_code_brings_no_second_tls_and_no_foreign_build_tools() {
        let lock = std::fs::read_to_string(sources::root().join("Cargo.lock")).unwrap();
        for unwanted in ["openssl-sys", "native-tls", "aws-lc-sys", "serde_yaml", "serde_yml"] {
            let line = format!("name = \"{unwanted}\"");
            assert!(!lock.contains(&line), "{unwanted} is in Cargo.lock; see docs/adr");
        }
    }
}
