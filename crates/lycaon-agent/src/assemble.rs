//! Puts an agent together: its state folder, its identity, what queries may call, and its servers.

use std::path::Path;
use std::sync::Arc;

use agent::config::{AgentConfig, Checked};
use agent::{
    AgentParts, EnrolmentWish, Farewell, HostNeeds, Identity, Key, Labels, Settings, Target,
    VqlCollector, client_config, enrol_patiently, save_certificate,
};
use anyhow::{Context, bail};
use spool::{DiskBookmarks, DiskOutbox};
use tokio_util::sync::CancellationToken;
use vql_plugin::{Catalog, Host};
use wire::Facts;

use crate::machine_facts::facts_of;
use crate::world::{SystemClock, SystemEntropy};

/// Runs the agent of this configuration until it is stopped or turned away.
pub(crate) async fn run(config: &AgentConfig, stop: CancellationToken) -> anyhow::Result<Farewell> {
    let checked = config.check().map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(|(key, said)| format!("{key}: {said}")).collect();
        anyhow::anyhow!(lines.join("; "))
    })?;
    let ca_pem = authority(config)?;
    let key = Key::load_or_make(&config.state_dir)?;
    // Opened first: it holds the lock that keeps a second agent out of this folder.
    let outbox = open_spool(&config.state_dir.join("spool"), &checked)?;
    let bookmarks = DiskBookmarks::open(&config.state_dir.join("spool"))?;
    let machine = vql_machine::this_machine();
    let facts = facts_of(&*machine);
    let Some(identity) = identity(config, &ca_pem, &key, &facts, &stop).await? else {
        return Ok(Farewell::Stopped);
    };
    tracing::info!(client = %identity.client, "agent starts");
    let catalog = vql_std::self_describing(
        vql_eval::language().and(vql_std::catalog()).and(vql_machine::catalog(machine)),
    );
    let parts = AgentParts {
        targets: targets(config, &ca_pem, Some(&identity))?,
        facts,
        outbox: Arc::new(outbox),
        bookmarks: Arc::new(bookmarks),
        collector: Arc::new(collector(catalog)),
        clock: Arc::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        labels: Labels::new(config.labels.iter().cloned()),
        tools: Some(config.state_dir.join("tools")),
        settings: Settings {
            transport: checked.transport,
            poll_every: checked.poll_every,
            flows_at_once: config.flows_at_once,
        },
    };
    Ok(agent::run(parts, stop).await?)
}

fn authority(config: &AgentConfig) -> anyhow::Result<String> {
    match (&config.ca_pem, &config.ca_file) {
        (Some(pem), _) => Ok(pem.clone()),
        (None, Some(path)) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read ca_file {}", path.display())),
        (None, None) => bail!("ca_pem is missing"),
    }
}

fn open_spool(folder: &Path, checked: &Checked) -> anyhow::Result<DiskOutbox> {
    let (outbox, found) = DiskOutbox::open(folder, checked.spool_bytes_max)?;
    if found.torn_bytes > 0 {
        tracing::info!(bytes = found.torn_bytes, "cut an unfinished write off the spool");
    }
    if found.unreadable_bytes > 0 || !found.damaged.is_empty() {
        tracing::error!(
            bytes = found.unreadable_bytes, attempts = ?found.damaged,
            "a part of the spool cannot be read; these attempts are reported as incomplete"
        );
    }
    if found.reports > 0 {
        tracing::info!(reports = found.reports, "reports wait for the server");
    }
    Ok(outbox)
}

fn targets(
    config: &AgentConfig,
    ca_pem: &str,
    identity: Option<&Identity>,
) -> anyhow::Result<Vec<Target>> {
    let tls = client_config(ca_pem, identity)?;
    let name = rustls_pki_types::ServerName::try_from(config.server_name.clone())?;
    let target = |address: &String| Target {
        address: address.clone(),
        name: name.clone(),
        tls: Arc::clone(&tls),
        from: None,
    };
    Ok(config.servers.iter().map(target).collect())
}

/// The identity on disk, or a new one. `None` when the agent was stopped meanwhile.
async fn identity(
    config: &AgentConfig,
    ca_pem: &str,
    key: &Key,
    facts: &Facts,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Identity>> {
    if let Some(identity) = key.enrolled(&config.state_dir)? {
        return Ok(Some(identity));
    }
    let Some(token) = &config.enrolment_token else {
        bail!(
            "this agent has not enrolled, and its configuration has no `enrolment_token`; ask an \
             administrator for one"
        );
    };
    let targets = targets(config, ca_pem, None)?;
    let entropy = &mut SystemEntropy;
    let wish = EnrolmentWish { targets: &targets, token, key, facts, entropy };
    let enrolled = enrol_patiently(wish, stop).await?;
    if let Some(identity) = &enrolled {
        save_certificate(&config.state_dir, &identity.certificate)?;
    }
    Ok(enrolled)
}

fn collector(catalog: Catalog) -> VqlCollector {
    let accessors = accessors::all();
    let tracker = Arc::new(vql_machine::ProcessTracker::default());
    let make_host = move |needs: HostNeeds| {
        let host = Host::builder(needs.clock, Box::new(SystemEntropy))
            .wait(std::thread::sleep)
            .spill(Arc::new(vql_machine::TempFiles::of_the_system()))
            .accessors(accessors.clone())
            .port(Arc::clone(&tracker));
        match needs.uploads {
            Some(uploads) => host.uploads(uploads).build(),
            None => host.build(),
        }
    };
    VqlCollector::new(catalog, Arc::new(SystemClock), Box::new(make_host))
}
