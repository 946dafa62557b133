//! One process of the real server over shared records: its sessions, its hunt manager, its janitor.
//! Sockets and TLS are missing, and the evaluator of server conditions is a model.

use std::sync::{Arc, OnceLock};

use artifacts::ArtifactSet;
use base::{ClientId, Clock, Entropy, Rate, SeededEntropy, SessionId, Timestamp};
use flows::memory::MemBlobs;
use parking_lot::Mutex;
use server::collect::Collector;
use server::config::ServerConfig;
use server::core::{Core, Parts};
use server::direct::{Frames, converse, start_tasks};
use server::nodes::NodeParts;
use server::vql::Vql;
use server::{Ports, pki};
use sha2::Digest;
use tempfile::TempDir;
use testkit::stores::Stores;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::line::{Line, Wire};
use super::luck::{NodeLuck, Trouble};
use super::shared::{Reached, Shared};
use crate::faults::Faulty;
use crate::log::gate::Gate;
use crate::log::time::{TrueTime, WrongClock};
use crate::server::WordJudge;
use crate::watch::{Planted, Watch};

/// How fast a whole server admits.
pub(crate) const CEILING: Rate = crate::server::CEILING;

const ARTIFACT: &str = "
name: Linux.Sys.Crontab
parameters:
  - name: cronTabGlob
    default: /etc/crontab
sources:
  - query: SELECT cronTabGlob FROM scope()
";

/// What all nodes share.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) time: TrueTime,
    pub(crate) stores: Stores,
    pub(crate) shared: Shared,
    pub(crate) watch: Arc<Watch>,
    pub(crate) trouble: Arc<Mutex<Trouble>>,
    pub(crate) wire: Wire,
    pub(crate) planted: Option<Planted>,
}

/// A process that runs.
pub(crate) struct Node {
    pub(crate) gate: Arc<Gate>,
    pub(crate) clock: Arc<WrongClock>,
    pub(crate) core: Arc<Core>,
    wire: Wire,
    sessions: Mutex<SeededEntropy>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
    ready: Arc<Mutex<bool>>,
}

impl Node {
    /// Starts one; everything about it follows from the seed.
    pub(crate) fn start(outside: &Outside, seed: u64, off_secs: i64) -> Arc<Self> {
        let gate = Arc::new(Gate::new());
        let clock = Arc::new(WrongClock::new(outside.time, off_secs));
        let luck = NodeLuck {
            gate: gate.clone(),
            trouble: outside.trouble.clone(),
            entropy: Arc::new(Mutex::new(SeededEntropy::new(seed ^ 0x10ce))),
            records_clock: outside.time,
        };
        let reached = Arc::new(Reached { shared: outside.shared.clone(), luck: luck.clone() });
        let faulty =
            Faulty::of_node(outside.stores.clone(), luck, outside.watch.clone(), outside.planted);
        let nodes = NodeParts {
            id: None,
            leases: reached.clone(),
            nodes: reached.clone(),
            announcements: reached,
            several: true,
            name: format!("node-{seed}"),
        };
        let mut core = core(outside, faulty, nodes, (clock.clone(), seed));
        core.judge = Arc::new(WordJudge);
        let node = Self {
            gate,
            clock,
            core: Arc::new(core),
            wire: outside.wire.clone(),
            sessions: Mutex::new(SeededEntropy::new(seed ^ 0x5e55)),
            tasks: Arc::default(),
            ready: Arc::default(),
        };
        let node = Arc::new(node);
        let (core, ready, gate) = (node.core.clone(), node.ready.clone(), node.gate.clone());
        let tasks = Arc::downgrade(&node.tasks);
        let boot = tokio::spawn(async move {
            let Ok(running) = start_tasks(&core, &CancellationToken::new()).await else {
                // A server that cannot read its hunts does not start.
                gate.die();
                return;
            };
            if let Some(tasks) = tasks.upgrade() {
                tasks.lock().extend(running.iter().map(tokio::task::JoinHandle::abort_handle));
                *ready.lock() = true;
            }
        });
        node.tasks.lock().push(boot.abort_handle());
        node
    }

    /// A new connection of a client; nothing when nobody listens.
    pub(crate) fn connect(&self, client: ClientId) -> Option<Line> {
        if !*self.ready.lock() || !self.gate.lives() {
            return None;
        }
        let session = SessionId::mint(self.core.clock.now(), &mut *self.sessions.lock());
        let (to_server, from_agent) = unbounded_channel();
        let (to_agent, from_server) = unbounded_channel();
        let frames =
            Frames { from_agent: self.wire.up(from_agent), to_agent: self.wire.down(to_agent) };
        let talk = tokio::spawn(converse(self.core.clone(), client, session, frames));
        self.tasks.lock().push(talk.abort_handle());
        Some(Line { to_server, from_server })
    }

    /// It is gone, whatever it was doing, and nothing of it reaches the records again.
    pub(crate) fn kill(&self) {
        self.gate.die();
        self.tasks.lock().drain(..).for_each(|task| task.abort());
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.gate.is_dead()
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.lock() && self.gate.lives()
    }
}

fn core(
    outside: &Outside,
    faulty: Arc<Faulty>,
    nodes: NodeParts,
    (clock, seed): (Arc<WrongClock>, u64),
) -> Core {
    let stores = &outside.stores;
    let ports = Ports {
        clients: stores.clients.clone(),
        tokens: stores.tokens.clone(),
        accounts: stores.accounts.clone(),
        settings: stores.settings.clone(),
        audit: stores.audit.clone(),
        flows: faulty.clone(),
        results: faulty.clone(),
        reports: faulty.clone(),
        uploads: stores.uploads.clone(),
        monitoring: stores.monitoring.clone(),
        tools: stores.tools.clone(),
        blobs: Arc::new(MemBlobs::new(|bytes| sha2::Sha256::digest(bytes).into())),
        hunts: faulty.clone(),
        members: faulty.clone(),
        admissions: faulty,
        roster: stores.roster.clone(),
        erasure: stores.erasure.clone(),
    };
    let mut config = ServerConfig::default();
    config.agents.poll_secs = 60;
    let mut settings: server::core::Settings = (&config).into();
    settings.admission_ceiling = CEILING;
    Core::new(Parts {
        ports,
        clock,
        nodes,
        entropy: Box::new(SeededEntropy::new(seed ^ 0xc0fe)) as Box<dyn Entropy>,
        authority: pki::load(authority()).expect("it was just made"),
        vql: vql(),
        collector: collector(),
        settings,
    })
}

/// Nobody is enrolled here; a server needs one all the same.
fn authority() -> &'static std::path::Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        let now = Timestamp::from_secs(1_767_225_600);
        pki::create(folder.path(), now, &mut SeededEntropy::new(7)).expect("keys can be made");
        folder
    });
    made.path()
}

/// Stands still; hosts of queries ask it, and no query is evaluated.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

fn vql() -> Arc<Vql> {
    static MADE: OnceLock<Arc<Vql>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let entropy = Box::new(SeededEntropy::new(1));
        let host = vql_plugin::Host::builder(Arc::new(NoClock), entropy).build();
        let catalog = vql_eval::language().and(vql_std::catalog());
        Arc::new(Vql::new(host, catalog.clone(), catalog, 1))
    });
    made.clone()
}

fn collector() -> Collector {
    let mut set = ArtifactSet::new();
    set.add("Linux.Sys.Crontab.yaml", ARTIFACT).expect("the artifact is right");
    let set = Arc::new(set);
    Collector::new(set.clone(), set)
}
