//! What the agent says of its machine when it connects.

use vql_machine::Machine;
use wire::Facts;

/// The facts of a machine. What it does not tell stays empty.
pub(crate) fn facts_of(machine: &dyn Machine) -> Facts {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    match machine.facts() {
        Ok(facts) => Facts {
            hostname: facts.hostname,
            fqdn: facts.fqdn,
            os: facts.os,
            platform: format!("{} {}", facts.platform, facts.platform_version).trim().to_owned(),
            architecture: facts.architecture,
            agent_version: version,
        },
        Err(error) => {
            tracing::warn!(%error, "this machine does not tell what it is");
            Facts {
                os: std::env::consts::OS.to_owned(),
                agent_version: version,
                ..Facts::default()
            }
        }
    }
}
