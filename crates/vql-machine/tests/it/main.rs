//! Every artifact of the library, run on a made-up machine; and questions to the plugins
//! themselves (`plugins`).

#![cfg(target_os = "linux")]

mod accounts;
mod detection;
mod events;
mod files;
mod logs;
mod network;
mod persistence;
mod plugins;
mod rules;
mod software;
mod ssh;
mod system;
mod world;

#[test]
fn every_artifact_of_the_library_is_run() {
    let tests = [
        include_str!("accounts.rs"),
        include_str!("detection.rs"),
        include_str!("events.rs"),
        include_str!("files.rs"),
        include_str!("logs.rs"),
        include_str!("network.rs"),
        include_str!("persistence.rs"),
        include_str!("software.rs"),
        include_str!("ssh.rs"),
        include_str!("system.rs"),
    ]
    .concat();
    for artifact in artifacts::ArtifactSet::built_in().iter() {
        let name = format!("\"{}\"", artifact.name);
        assert!(tests.contains(&name), "no test collects {name}");
    }
}
