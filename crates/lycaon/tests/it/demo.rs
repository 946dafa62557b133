//! The demo judges itself, and leaves nobody behind.

use testkit::postgres::Cluster;

use crate::fleet::agent_program;
use crate::program::run;

#[test]
fn the_demo_checks_itself_and_leaves_nobody_behind() {
    agent_program();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("demo").display().to_string();
    let said = run(&["demo", "--check", "--log-tenants", "3", "--dir", &home]);
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
    for part in [
        "3 agents matched",
        "2 were refused with a reason",
        "counters equal a recount",
        "were found once each",
    ] {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
    assert!(folder.path().join("demo/hunt.zip").is_file());
    assert_eq!(processes_that_name(&home), [""; 0]);
}

#[test]
fn a_demo_of_several_nodes_loses_nothing_when_one_is_killed() {
    if Cluster::or_say().is_none() {
        return;
    }
    agent_program();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("demo").display().to_string();
    let said = run(&["demo", "--nodes", "3", "--agents", "8", "--check", "--dir", &home]);
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
    for part in ["kill -9", "counters equal a recount", "nothing was lost"] {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
    assert_eq!(processes_that_name(&home), [""; 0]);
}

#[test]
fn a_folder_that_is_in_use_is_left_alone() {
    agent_program();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "x").unwrap();
    let said = run(&["demo", "--check", "--dir", &folder.path().display().to_string()]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("is not empty") && said.err.contains("hint:"), "{}", said.err);
}

/// The command lines of running processes that have this text.
fn processes_that_name(text: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![] };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}
