//! A light agent: the real agent library, session and TLS, with a spool in memory and an evaluator that answers
//! at once with a made-up machine.

use std::sync::Arc;

use agent::collector::{Collector, Evidence, Order, Question};
use agent::{AgentParts, Key, Labels, Settings, Target, client_config, enrol};
use base::{Chain, SeededEntropy};
use link::{MemBookmarks, MemOutbox};
use tokio_util::sync::CancellationToken;
use wire::Facts;

use crate::complaint::{Complaint, Outcome};
use crate::machine::SystemClock;

/// What a light agent's spool may hold.
const SPOOL_BYTES_MAX: u64 = 1 << 20;

/// Where the agents go, and how they are let in.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: String,
    pub(crate) authority_pem: String,
    pub(crate) token: String,
}

impl Door {
    fn target(&self, identity: Option<&agent::Identity>) -> Outcome<Target> {
        let tls = client_config(&self.authority_pem, identity)
            .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
        let name = agent::config::SERVER_NAME;
        let name = rustls::pki_types::ServerName::try_from(name)
            .map_err(|error| Complaint::failed(format!("the server's name: {error}")))?;
        Ok(Target { address: self.address.clone(), name, tls })
    }
}

/// An agent that has enrolled and not begun.
pub(crate) struct Enrolled(AgentParts);

/// Enrols one agent.
pub(crate) async fn enrolled(door: Door, number: u32) -> Outcome<Enrolled> {
    let wrong = |error: &dyn std::error::Error| Complaint::failed(Chain(error).to_string());
    let key = Key::generate().map_err(|e| wrong(&e))?;
    let facts = facts(number);
    let asked = enrol(&door.target(None)?, &door.token, &key, &facts).await;
    let identity = asked.map_err(|e| wrong(&e))?;
    Ok(Enrolled(AgentParts {
        targets: vec![door.target(Some(&identity))?],
        facts,
        outbox: Arc::new(MemOutbox::new(SPOOL_BYTES_MAX)),
        bookmarks: Arc::new(MemBookmarks::default()),
        collector: Arc::new(AtOnce { number }),
        clock: Arc::new(SystemClock),
        entropy: Box::new(SeededEntropy::new(number.into())),
        labels: Labels::default(),
        tools: None,
        settings: Settings::default(),
    }))
}

impl Enrolled {
    /// Runs it until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Outcome {
        match agent::run(self.0, stop).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Complaint::failed(Chain(&error).to_string())),
        }
    }
}

fn facts(number: u32) -> Facts {
    Facts {
        hostname: format!("swarm-{number}"),
        fqdn: format!("swarm-{number}.example.org"),
        os: "linux".into(),
        platform: "swarm".into(),
        architecture: std::env::consts::ARCH.into(),
        agent_version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// Answers every query with one row, every flow with one row for each source.
struct AtOnce {
    number: u32,
}

impl AtOnce {
    fn row(&self) -> String {
        let number = self.number;
        format!(
            r#"{{"OS":"linux","Architecture":"amd64","Fqdn":"swarm-{number}.example.org","Platform":"swarm","Labels":[]}}"#
        )
    }
}

impl Collector for AtOnce {
    fn collect(&self, order: Order, evidence: Arc<dyn Evidence>) -> Result<(), String> {
        for source in order.collections.iter().flat_map(|collection| &collection.sources) {
            // Stopped is a way to end, too.
            if evidence.row(&source.name, self.row()).is_err() {
                return Ok(());
            }
            evidence.source_done(&source.name);
        }
        Ok(())
    }

    fn ask(&self, _question: Question) -> Result<Vec<String>, String> {
        Ok(vec![self.row()])
    }
}
