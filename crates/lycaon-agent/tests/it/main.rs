//! The program as a person meets it: one clear message for each mistake, and its exit codes.

use std::process::{Command, Output};

fn agent(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lycaon-agent")).args(arguments).output().unwrap()
}

/// Runs the agent on a configuration and gives its exit code and its complaint.
fn with_config(text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.yaml");
    std::fs::write(&path, text.replace("STATE", &folder.path().join("s").display().to_string()))
        .unwrap();
    let output = agent(&["--config", path.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said.replace(&folder.path().display().to_string(), "DIR"))
}

#[test]
fn help_shows_an_example() {
    let output = agent(&["--help"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(said.contains("servers: [\"hunt.example.org:8443\"]"), "{said}");
}

#[test]
fn a_wrong_command_line_or_file_is_exit_code_2() {
    assert_eq!(agent(&["--confg", "x"]).status.code(), Some(2));
    let output = agent(&["--config", "/nowhere/agent.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("lycaon-agent: cannot read /nowhere/agent.yaml:"), "{said}");
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let (code, said) =
        with_config("server: a:1\nstate_dir: STATE\nspool_size_max: 12\nca_pem: x\n");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("line 1: server: there is no such key; did you mean `servers`?"),
        "{said}"
    );
    assert!(said.contains("servers: is missing"), "{said}");
    assert!(said.contains("line 3: spool_size_max: must be a text; put it in quotes"), "{said}");
    let (code, said) = with_config("servers: [a\n");
    assert_eq!(code, Some(2));
    assert!(said.contains("is not YAML"), "{said}");
}

const CA: &str =
    "ca_pem: |\n  -----BEGIN CERTIFICATE-----\n  bm90aGluZw==\n  -----END CERTIFICATE-----\n";

#[test]
fn an_agent_without_a_token_says_what_it_needs() {
    let (code, said) = with_config(&format!("servers: [\"127.0.0.1:1\"]\nstate_dir: STATE\n{CA}"));
    assert_eq!(code, Some(1));
    assert!(said.contains("has no `enrolment_token`"), "{said}");
}

#[test]
fn a_bad_authority_is_named() {
    let token = "enrolment_token: a.b\n";
    let (code, said) =
        with_config(&format!("servers: [\"127.0.0.1:1\"]\nstate_dir: STATE\n{token}{CA}"));
    assert_eq!(code, Some(1));
    assert!(said.contains("the server's authority cannot be read"), "{said}");
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let (code, said) =
        with_config(&format!("servers: [\"127.0.0.1:1\"]\nstate_dir: /proc/lycaon\n{CA}"));
    assert_eq!(code, Some(1));
    assert!(said.contains("could not create folder /proc/lycaon"), "{said}");
}
