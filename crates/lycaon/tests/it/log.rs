//! `lycaon log`, as people type it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{Said, run};

/// The example with which anybody can see how checkpoints move, and a folder of its own for records.
fn example() -> (PathBuf, tempfile::TempDir) {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/seed");
    (config, tempfile::tempdir().expect("a folder"))
}

fn log(config: &Path, state: &Path, command: &str, more: &[&str]) -> Said {
    let (config, state) = (config.display().to_string(), state.display().to_string());
    let mut args = vec!["log", command, "--config", &config, "--state", &state];
    args.extend(more);
    run(&args)
}

fn records(said: &Said) -> Vec<Value> {
    assert_eq!(said.status, 0, "{}", said.err);
    said.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn four_ticks_move_the_checkpoint_as_the_story_says() {
    let (config, state) = example();
    let mut told = Vec::new();
    for (at, more) in [
        ("2026-01-01T12:00:00Z", &[][..]),
        ("2026-01-01T12:10:00Z", &["--fail", "lake"][..]),
        ("2026-01-01T12:20:00Z", &[][..]),
        ("2026-01-01T12:30:00Z", &[][..]),
    ] {
        let said = log(&config, state.path(), "tick", &[&["--at", at][..], more].concat());
        for line in records(&said) {
            let text = |key: &str| line[key].as_str().expect("a text").replace("2026-01-01T", "");
            told.push(format!("{} {} {}", text("window"), text("outcome"), text("checkpoint")));
        }
    }
    assert_eq!(
        told,
        [
            "[11:49:00Z, 11:59:00Z) committed 11:59:00Z",
            "[11:59:00Z, 12:09:00Z) failed 11:59:00Z",
            "[11:59:00Z, 12:19:00Z) committed 12:19:00Z",
            "[12:19:00Z, 12:29:00Z) committed 12:29:00Z",
        ]
    );
    let rule = ["--tenant", "acme", "--rule", "susp-whoami"];
    let ledger = records(&log(&config, state.path(), "ledger", &rule));
    assert_eq!(ledger.len(), 3, "{ledger:?}");
    let slice = ledger[1]["slice"].as_str().expect("an id");
    let explained = records(&log(&config, state.path(), "explain", &[slice]));
    assert_eq!(explained[0]["runs"].as_array().map(Vec::len), Some(2), "{explained:?}");
    let status = records(&log(&config, state.path(), "status", &[]));
    assert_eq!(status[0]["checkpoint"], "2026-01-01T12:29:00Z");
}

#[test]
fn the_same_moment_twice_finds_nothing_twice() {
    let (config, state) = example();
    let at = ["--at", "2026-01-01T12:30:00Z"];
    log(&config, state.path(), "tick", &["--at", "2026-01-01T12:00:00Z"]);
    assert_eq!(records(&log(&config, state.path(), "tick", &at)).len(), 1);
    assert!(records(&log(&config, state.path(), "tick", &at)).is_empty());
}

#[test]
fn mistakes_are_told_with_their_mend() {
    let (config, state) = example();
    let said = log(&config, state.path(), "tick", &["--at", "noon"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("write it as 2026-01-31T12:00:00Z"), "{}", said.err);
    let said = log(&config, state.path(), "tick", &["--at", "2026-01-01T12:00:00Z", "--fail", "x"]);
    assert_eq!(said.status, 2);
    let said = log(&config, state.path(), "status", &[]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("there are no records in"), "{}", said.err);
}

#[test]
fn a_pause_that_skips_leaves_an_explicit_gap() {
    let (config, state) = example();
    records(&log(&config, state.path(), "tick", &["--at", "2026-01-01T12:00:00Z"]));
    let paused =
        log(&config, state.path(), "pause", &["acme", "--mode", "skip", "--reason", "migration"]);
    assert_eq!(paused.status, 0, "{}", paused.err);
    let held = records(&log(&config, state.path(), "tick", &["--at", "2026-01-01T12:10:00Z"]));
    assert_eq!(held[0]["outcome"], "paused");
    let resumed = log(&config, state.path(), "resume", &["acme"]);
    assert_eq!(resumed.status, 0, "{}", resumed.err);
    let rule = ["--tenant", "acme", "--rule", "susp-whoami"];
    let ledger = records(&log(&config, state.path(), "ledger", &rule));
    assert_eq!(ledger[1]["state"], "waived", "{ledger:?}");
    assert!(ledger[1]["detail"].as_str().is_some_and(|text| text.contains("migration")));
}

#[test]
fn rule_tests_run_without_any_store() {
    let (config, _) = example();
    let said = run(&["log", "check", &config.display().to_string(), "--tests"]);
    assert_eq!(said.status, 0, "{} {}", said.out, said.err);
    assert!(said.out.contains("passed"), "{}", said.out);
}
