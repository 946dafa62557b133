//! Reads the configuration file.

use std::path::Path;

use agent::config::{AgentConfig, EXAMPLE};

/// What `--help` says about the file.
pub(crate) fn help() -> String {
    let example: String = EXAMPLE.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "Example:\n  lycaon-agent --config /etc/lycaon/agent.yaml\n\n\
         A short configuration:\n{example}\n\
         Exit codes: 0 asked to end, 1 could not go on, 2 wrong command line or configuration."
    )
}

/// The configuration, or everything that is wrong with it.
pub(crate) fn load(path: &Path) -> Result<AgentConfig, Vec<String>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![format!("cannot read {shown}: {error}; name a file with --config")]
    })?;
    let tree = serde_saphyr::from_str(&text)
        .map_err(|error| vec![format!("{shown} is not YAML: {error}")])?;
    AgentConfig::read(&text, tree)
        .map_err(|wrong| wrong.iter().map(|problem| format!("{shown}: {problem}")).collect())
}
