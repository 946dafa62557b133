//! A light agent: the real agent library, session and TLS, with a spool in memory and an evaluator that answers
//! at once with a made-up machine. Its habits say how it is odd.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agent::collector::{Collector, Evidence, Order, Question};
use agent::{AgentParts, Identity, Key, Labels, Settings, Target, client_config, enrol};
use base::{Chain, Clock, SeededEntropy};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use wire::Facts;

use super::disk::{OddBookmarks, OddOutbox, SkewedClock};
use super::relay;
use super::scenario::{Habits, Lie, Scenario};
use crate::complaint::{Complaint, Outcome};
use crate::machine::SystemClock;

/// Where the agents go, and how they are let in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Door {
    /// One for each node.
    pub(crate) addresses: Vec<String>,
    pub(crate) authority_pem: String,
    pub(crate) token: String,
}

/// Agents come from so many addresses of the loopback, so that no address runs out of ports.
const ADDRESSES: u32 = 16;

impl Door {
    /// The name that the server's certificate carries.
    pub(crate) fn server_name(&self) -> Outcome<ServerName<'static>> {
        ServerName::try_from(agent::config::SERVER_NAME)
            .map_err(|error| Complaint::failed(format!("the server's name: {error}")))
    }

    /// Where the agent with this number goes.
    pub(crate) fn target(&self, identity: Option<&Identity>, number: u32) -> Outcome<Target> {
        let tls = client_config(&self.authority_pem, identity)
            .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
        let name = self.server_name()?;
        let last = u8::try_from(2 + number % ADDRESSES).unwrap_or(2);
        let from = cfg!(target_os = "linux").then_some(Ipv4Addr::new(127, 0, 0, last));
        let address = self.address(number);
        Ok(Target { address, name, tls, from: from.map(IpAddr::V4) })
    }

    /// Of the node to which the agent with this number goes first.
    pub(crate) fn address(&self, number: u32) -> String {
        let which = number as usize % self.addresses.len().max(1);
        self.addresses.get(which).cloned().unwrap_or_default()
    }

    /// The other nodes.
    fn others(&self, first: &Target) -> Vec<Target> {
        let others = self.addresses.iter().filter(|address| **address != first.address);
        others.map(|address| Target { address: address.clone(), ..first.clone() }).collect()
    }
}

/// What the agents of one process have done and seen.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) enrolled: AtomicU64,
    pub(crate) deaths: AtomicU64,
    pub(crate) cuts: AtomicU64,
    /// When a client query was evaluated, in microseconds.
    pub(crate) asked: Mutex<Vec<i64>>,
}

/// An agent that has enrolled: what survives its deaths.
pub(crate) struct Enrolled {
    number: u32,
    habits: Habits,
    targets: Vec<Target>,
    outbox: Arc<OddOutbox>,
    bookmarks: Arc<OddBookmarks>,
    collector: Arc<AtOnce>,
}

/// What all agents of one process share.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) door: Door,
    pub(crate) scenario: Scenario,
    pub(crate) tally: Arc<Tally>,
    pub(crate) stop: CancellationToken,
}

/// Enrols one agent.
pub(crate) async fn enrolled(common: &Common, number: u32) -> Outcome<Enrolled> {
    let wrong = |error: &dyn std::error::Error| Complaint::failed(Chain(error).to_string());
    let Common { door, scenario, tally, stop } = common;
    let key = Key::generate().map_err(|e| wrong(&e))?;
    let facts = facts(number);
    let asked = enrol(&door.target(None, number)?, &door.token, &key, &facts).await;
    let identity = asked.map_err(|e| wrong(&e))?;
    tally.enrolled.fetch_add(1, Ordering::Relaxed);
    let habits = scenario.habits(number);
    let first = door.target(Some(&identity), number)?;
    let mut targets = door.others(&first);
    targets.insert(0, first.clone());
    if let Some(bytes) = habits.breaks_after {
        let relayed = relay::start(door.address(number), bytes, tally.clone(), stop.clone());
        targets = vec![Target { address: relayed.await?.to_string(), from: None, ..first }];
    }
    Ok(Enrolled {
        number,
        targets,
        outbox: Arc::new(OddOutbox::new(habits.clone())),
        bookmarks: Arc::new(OddBookmarks::new(&habits)),
        collector: Arc::new(AtOnce::new(number, scenario, habits.lie, tally.clone())),
        habits,
    })
}

impl Enrolled {
    /// Lives until `stop`; an agent that churns dies and is born again with what its disk has.
    pub(crate) async fn run(self, tally: &Tally, stop: CancellationToken) -> Outcome {
        let mut life = 0;
        while !stop.is_cancelled() {
            life += 1;
            let death = stop.child_token();
            let living = agent::run(self.parts(life), death.clone());
            let ended = match self.habits.lives {
                None => living.await,
                Some(lives) => {
                    let mut living = std::pin::pin!(living);
                    tokio::select! {
                        ended = living.as_mut() => ended,
                        () = tokio::time::sleep(lives) => {
                            tally.deaths.fetch_add(1, Ordering::Relaxed);
                            death.cancel();
                            living.await
                        }
                    }
                }
            };
            ended.map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
            if self.habits.lives.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn parts(&self, life: u64) -> AgentParts {
        AgentParts {
            targets: self.targets.clone(),
            facts: facts(self.number),
            outbox: self.outbox.clone(),
            bookmarks: self.bookmarks.clone(),
            collector: self.collector.clone(),
            clock: Arc::new(SkewedClock(self.habits.skew_micros)),
            entropy: Box::new(SeededEntropy::new((u64::from(self.number) << 20) | life)),
            labels: Labels::default(),
            tools: None,
            settings: Settings::default(),
        }
    }
}

/// What an agent says of itself.
pub(crate) fn facts(number: u32) -> Facts {
    Facts {
        hostname: format!("swarm-{number}"),
        fqdn: format!("swarm-{number}.example.org"),
        os: "linux".into(),
        platform: "swarm".into(),
        architecture: std::env::consts::ARCH.into(),
        agent_version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// Answers every query with one row, every flow with some rows for each source.
struct AtOnce {
    answer: String,
    row: String,
    rows: u32,
    tally: Arc<Tally>,
}

impl AtOnce {
    fn new(number: u32, scenario: &Scenario, lie: Option<Lie>, tally: Arc<Tally>) -> Self {
        let forged = match lie {
            Some(Lie::Forged) => r#","client":{"client_id":"C.0"},"rows":[]"#,
            Some(Lie::Totals | Lie::Cursor) | None => "",
        };
        let fqdn = format!("swarm-{number}.example.org");
        let answer = format!(
            r#"{{"OS":"linux","Architecture":"amd64","Fqdn":"{fqdn}","Platform":"swarm","Labels":[]{forged}}}"#
        );
        let plain = format!(r#"{{"User":"u{number}","Fqdn":"{fqdn}","Note":""}}"#);
        let note = "x".repeat(scenario.row_bytes.saturating_sub(plain.len()));
        let row = format!(r#"{{"User":"u{number}","Fqdn":"{fqdn}","Note":"{note}"}}"#);
        Self { answer, row, rows: scenario.rows, tally }
    }
}

impl Collector for AtOnce {
    fn collect(&self, order: Order, evidence: Arc<dyn Evidence>) -> Result<(), String> {
        for source in order.collections.iter().flat_map(|collection| &collection.sources) {
            for _ in 0..self.rows {
                // Stopped is a way to end, too.
                if evidence.row(&source.name, self.row.clone()).is_err() {
                    return Ok(());
                }
            }
            evidence.source_done(&source.name);
        }
        Ok(())
    }

    fn ask(&self, _question: Question) -> Result<Vec<String>, String> {
        self.tally.asked.lock().push(SystemClock.now().as_micros());
        Ok(vec![self.answer.clone()])
    }
}
