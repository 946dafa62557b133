//! The agent's tasks: connect, take part in hunts, run flows, report.
//!
//! ```text
//! server ⇄ transport ⇄ link::AgentSession ⇄ desk ─┬─ checks ───┐
//!                                                 ├─ runner ───┼─ Collector ─ VQL
//!                                                 ├─ monitor ──┤
//!                                                 └─ Outbox ◀──┘  (rows, log, files)
//! ```
//!
//! [`run`] is the whole agent over ports: an [`link::Outbox`] and [`link::Bookmarks`] for what must
//! survive, a [`Collector`] that evaluates, a clock and chance. The program chooses them; a load test
//! chooses lighter ones and runs many agents in one process. [`VqlCollector`] is the real evaluator.
//!
//! # Invariants
//! - **A1–A9** stand in the modules that keep them.
//! - Operating system calls are in `os` only, so that the agent can be built for another system.
//!
//! # Not here
//!
//! What is said when: `link`. What is on disk: `spool`. What VQL means: `vql-eval`. Which plugins
//! exist and where configuration comes from: the program.

#![warn(missing_docs)]

mod check;
pub mod collector;
pub mod config;
mod connect;
mod desk;
mod enrol;
mod evaluator;
mod event;
mod flow;
mod identity;
mod labels;
mod monitor;
mod os;
mod tls;
mod tools;
mod transport;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Entropy};
use link::{Bookmarks, Outbox, OutboxError};
use monitor::{Monitor, MonitorParts};
use tokio_util::sync::CancellationToken;
use tools::ToolBox;
use wire::Facts;

pub use collector::Collector;
pub use connect::{Farewell, TransportChoice};
pub use enrol::{EnrolError, EnrolmentWish, enrol, enrol_patiently};
pub use evaluator::{HostNeeds, MakeHost, VqlCollector};
pub use flow::Room;
use flow::{Runner, RunnerParts};
pub use identity::{Identity, IdentityError, Key, save_certificate};
pub use labels::Labels;
pub use tls::{TlsError, client_config};
pub use transport::{Target, TransportError};

/// What an agent is made of.
pub struct AgentParts {
    /// The servers, tried in turn; at least one.
    pub targets: Vec<Target>,
    /// Of this machine.
    pub facts: Facts,
    /// Keeps requests and reports.
    pub outbox: Arc<dyn Outbox>,
    /// Keeps the cursor.
    pub bookmarks: Arc<dyn Bookmarks>,
    /// Evaluates.
    pub collector: Arc<dyn Collector>,
    /// Dates log lines.
    pub clock: Arc<dyn Clock>,
    /// For jitter.
    pub entropy: Box<dyn Entropy>,
    /// The labels that queries see.
    pub labels: Labels,
    /// Where files are kept that artifacts need; `None` when this agent keeps none.
    pub tools: Option<PathBuf>,
    /// The rest.
    pub settings: Settings,
}

/// How an agent behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How frames may travel.
    pub transport: TransportChoice,
    /// Time between polls when no push arrives; `None` leaves it to the server.
    pub poll_every: Option<Duration>,
    /// Flows that are evaluated at once.
    pub flows_at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { transport: TransportChoice::Auto, poll_every: None, flows_at_once: 4 }
    }
}

/// Runs an agent until it is stopped or turned away for good. Needs a tokio runtime with threads
/// for blocking work.
pub async fn run(parts: AgentParts, stop: CancellationToken) -> Result<Farewell, OutboxError> {
    let mut parts = parts;
    let room = Arc::new(Room::default());
    let tools = Arc::new(ToolBox {
        folder: parts.tools,
        targets: parts.targets.clone(),
        turn: tokio::sync::Mutex::default(),
    });
    let wanted = parts.bookmarks.monitoring();
    let monitor = Monitor::new(
        MonitorParts {
            outbox: Arc::clone(&parts.outbox),
            room: Arc::clone(&room),
            collector: Arc::clone(&parts.collector),
            clock: Arc::clone(&parts.clock),
            labels: parts.labels.clone(),
            tools: Arc::clone(&tools),
            seed: parts.entropy.next_u64(),
        },
        wanted.id,
    );
    let runner = Runner::new(RunnerParts {
        outbox: Arc::clone(&parts.outbox),
        room: Arc::clone(&room),
        collector: Arc::clone(&parts.collector),
        clock: parts.clock,
        labels: parts.labels.clone(),
        tools,
        flows_at_once: parts.settings.flows_at_once,
    });
    runner.recover().await?;
    let resuming =
        (!wanted.wanted.is_empty()).then(|| tokio::spawn(monitor.clone().resume(wanted)));
    let desk = desk::Desk {
        facts: parts.facts,
        outbox: parts.outbox,
        bookmarks: Arc::clone(&parts.bookmarks),
        runner: runner.clone(),
        monitor: monitor.clone(),
        room,
        checks: check::Checks {
            bookmarks: parts.bookmarks,
            collector: parts.collector,
            labels: parts.labels.clone(),
        },
        labels: parts.labels,
        poll_every: parts.settings.poll_every,
        checking: Arc::default(),
        began: tokio::time::Instant::now(),
    };
    let connector = connect::Connector {
        line: connect::Line { desk: Arc::new(desk), stop },
        targets: parts.targets,
        choice: parts.settings.transport,
        entropy: parts.entropy,
    };
    let farewell = connector.run().await;
    runner.stop();
    if let Some(resuming) = resuming {
        resuming.abort();
    }
    monitor.stop().await;
    Ok(farewell)
}
