//! Starts the server's listeners and tasks, and stops them in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::Chain;
use fleet::nodes::Node;
use model::store::StoreError;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::agents::gate::{Gate, GateLimits};
use crate::agents::handshakes::{HandshakeLimits, Handshakes};
use crate::agents::hush::Hush;
use crate::agents::listen::AgentListener;
use crate::agents::routes::AgentRoutes;
use crate::config::ServerConfig;
use crate::core::Core;
use crate::event::TaskFellBehind;
use crate::health::trouble::Place;
use crate::health::{Health, recovery};
use crate::nodes::{duties, hearing, herald, pulse};
use crate::people::assets::Assets;
use crate::people::metrics::Counted;
use crate::people::throttle::Throttle;
use crate::people::{People, listen, routes};
use crate::pki::PkiError;
use crate::tasks::{eraser, janitor, log_news, manager};
use crate::tls::{self, TlsError};

/// How long connections may take to finish what is under way.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken or not allowed.
    #[error("cannot listen on {address} for {whom}: {}", .source.kind())]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// `agents` or `people`.
        whom: &'static str,
        /// The field of the configuration that names it.
        field: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error("the data directory {directory} cannot be written to")]
    DataDir {
        /// Which one.
        directory: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server's certificate could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The records could not be read.
    #[error("cannot read the hunts")]
    Store(#[from] StoreError),
}

impl StartError {
    /// How to mend it.
    pub fn hint(&self) -> String {
        match self {
            Self::Listen { field, source, .. } => match source.kind() {
                std::io::ErrorKind::AddrInUse => {
                    format!("another program has this port; stop it, or set {field} to another one")
                }
                std::io::ErrorKind::PermissionDenied => {
                    format!("ports below 1024 need privileges; set {field} to a higher one")
                }
                _ => format!("set {field} to an address of this machine"),
            },
            Self::DataDir { .. } => {
                "choose another data_dir, or give this user the right to write there".to_owned()
            }
            Self::Tls(_) | Self::Pki(_) | Self::Store(_) => String::new(),
        }
    }
}

/// Checks that files can be made in the data directory; makes the directory when it is missing.
pub fn check_data_dir(directory: &Path) -> Result<(), StartError> {
    let bad = |source| StartError::DataDir { directory: directory.display().to_string(), source };
    std::fs::create_dir_all(directory).map_err(bad)?;
    let probe = directory.join(".write-probe");
    std::fs::write(&probe, b"").map_err(bad)?;
    std::fs::remove_file(&probe).map_err(bad)
}

/// A server that runs.
pub struct Server {
    /// Where agents connect to.
    pub agents: SocketAddr,
    /// Where people connect to.
    pub people: SocketAddr,
    core: Arc<Core>,
    routes: Arc<AgentRoutes>,
    /// First the listeners and tasks end, then the sessions.
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What a server is started with, besides its core.
pub struct Start<'a> {
    /// Its configuration, checked.
    pub config: &'a ServerConfig,
    /// The web interface.
    pub assets: Arc<dyn Assets>,
    /// Who knows what is wrong.
    pub health: Arc<Health>,
    /// Figures of the process for `/metrics`, besides the server's own.
    pub counted: Option<Counted>,
}

async fn listen_on(
    address: SocketAddr,
    (whom, field): (&'static str, &'static str),
) -> Result<(TcpListener, SocketAddr), StartError> {
    let bad = |source| StartError::Listen { address, whom, field, source };
    let listener = TcpListener::bind(address).await.map_err(bad)?;
    let bound = listener.local_addr().map_err(bad)?;
    Ok((listener, bound))
}

/// The tasks that need little but what all share.
fn by_themselves(
    core: &Arc<Core>,
    health: Arc<Health>,
    stop: &CancellationToken,
) -> [JoinHandle<()>; 7] {
    let (core, stop) = (|| Arc::clone(core), || stop.clone());
    [
        tokio::spawn(manager::run(core(), stop())),
        tokio::spawn(janitor::run(core(), stop())),
        tokio::spawn(duties::run(core(), stop())),
        tokio::spawn(herald::run(core(), stop())),
        tokio::spawn(log_news::run(core(), stop())),
        tokio::spawn(eraser::run(core(), stop())),
        tokio::spawn(look(core(), health, stop())),
    ]
}

/// The tasks that know this node.
fn as_node(
    core: &Arc<Core>,
    node: Node,
    config: &ServerConfig,
    stop: &CancellationToken,
) -> [JoinHandle<()>; 2] {
    let (core, stop) = (|| Arc::clone(core), || stop.clone());
    let data = config.data_dir.clone();
    [
        tokio::spawn(recovery::run(core(), node.clone(), data, stop())),
        tokio::spawn(pulse::run(core(), node, stop())),
    ]
}

/// How often somebody looks, so that a problem's beginning is known although nobody asks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

async fn look(core: Arc<Core>, health: Arc<Health>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        health.troubles(core.clock.now());
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What works while records cannot be stored.
const STORE_WORKS: &str = "Nothing that was accepted is lost. Agents keep what they collect and send it \
    when it can be stored again; hunts then go on by themselves. Pages show what can be read.";

/// What works while uploaded files cannot be stored.
const FILES_WORKS: &str = "Hunts, rows and pages. Agents keep files that they are to send, and send them \
    when they can be stored again.";

/// What works while too many agents are connected.
const CROWD_WORKS: &str = "Agents that are connected work as ever; others try again by themselves.";

/// What the server itself can see going wrong.
fn watch(health: &Health, core: &Arc<Core>, gate: &Arc<Gate>, connections_max: usize) {
    let core = Arc::downgrade(core);
    for (place, works) in [(Place::Records, STORE_WORKS), (Place::Files, FILES_WORKS)] {
        let core = core.clone();
        health.watch_beside(works, Box::new(move || core.upgrade()?.troubles.told(place)));
    }
    let gate = Arc::clone(gate);
    let crowded = Box::new(move || {
        let open = gate.total();
        (open >= connections_max.saturating_sub(connections_max / 20)).then(|| {
            format!(
                "{open} of {connections_max} connections of agents are taken; raise \
                 agents.connections_max"
            )
        })
    });
    health.watch_beside(CROWD_WORKS, crowded);
}

impl Server {
    /// Binds both ports, reads the active hunts, and starts everything.
    pub async fn start(core: Arc<Core>, start: Start<'_>) -> Result<Self, StartError> {
        let Start { config, assets, health, counted } = start;
        let (agents_socket, agents) =
            listen_on(config.agents.listen, ("agents", "agents.listen")).await?;
        let (people_socket, people_address) =
            listen_on(config.http.listen, ("people", "http.listen")).await?;
        let identity = {
            let mut entropy = core.entropy.lock();
            let now = core.clock.now();
            core.authority.server_identity(&config.agents.names, now, &mut **entropy)?
        };
        let agents_tls = tls::for_agents(&core.authority, identity)?;
        let people_tls = match (&config.http.tls_certificate_file, &config.http.tls_key_file) {
            (Some(certificates), Some(key)) => Some(tls::for_people(certificates, key)?),
            (Some(_) | None, Some(_) | None) => None,
        };
        // Listens before it reads: nothing can change between the two.
        let ear = core.nodes.parts.announcements.listen();
        core.reload_hunts().await?;
        core.reload_tools().await?;
        let node = Node {
            id: core.nodes.id,
            name: core.nodes.parts.name.clone(),
            version: crate::VERSION.to_owned(),
            agents: agents.to_string(),
            people: people_address.to_string(),
            started: core.clock.now(),
        };
        pulse::beat(&core, &node).await?;
        core.nodes.duties.renew().await?;
        let stop = CancellationToken::new();
        let routes = Arc::new(AgentRoutes::new(Arc::clone(&core), &config.agents, stop.clone()));
        let gate = Gate::new(GateLimits {
            connections_max: config.agents.connections_max,
            per_address_max: config.agents.connections_per_address_max,
        });
        watch(&health, &core, &gate, config.agents.connections_max);
        let listener = AgentListener {
            listener: agents_socket,
            tls: TlsAcceptor::from(agents_tls),
            gate,
            handshakes: Handshakes::new(HandshakeLimits {
                max: config.agents.handshakes_max,
                per_address_max: config.agents.handshakes_per_address_max,
            }),
            handshake_timeout: Duration::from_secs(config.agents.handshake_timeout_secs),
            routes: Arc::clone(&routes),
            hush: Hush::default(),
        };
        let people = Arc::new(People {
            core: Arc::clone(&core),
            hosts: config.http.hosts.clone(),
            secure_cookies: people_tls.is_some(),
            throttle: Throttle::new(core.settings.wrong_passwords_max),
            health: Arc::clone(&health),
            assets,
            counted,
            stop: stop.clone(),
        });
        let router = routes::router(people);
        let people_tls = people_tls.map(TlsAcceptor::from);
        let mut tasks = vec![
            tokio::spawn(Arc::new(listener).run(stop.clone())),
            tokio::spawn(listen::run(people_socket, people_tls, router, stop.clone())),
            tokio::spawn(hearing::run(Arc::clone(&core), ear, stop.clone())),
        ];
        tasks.extend(by_themselves(&core, health, &stop));
        tasks.extend(as_node(&core, node, config, &stop));
        Ok(Self { agents, people: people_address, core, routes, stop, tasks })
    }

    /// What the server's parts share.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Stops: nobody new is let in, agents are told to come back later, requests under way finish,
    /// as far as ten seconds allow.
    pub async fn stop(self) {
        self.stop.cancel();
        self.routes.sessions.close();
        let ended = async {
            self.routes.sessions.wait().await;
            for task in self.tasks {
                if let Err(error) = task.await {
                    let error = Chain(&error);
                    tracing::error!(name: "task_broke", %error, "a task broke");
                }
            }
        };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            tracing::warn!(name: "stop_forced", "some connections were closed before their end");
        }
        if let Err(error) = herald::farewell(&self.core).await {
            TaskFellBehind { task: "farewell", error: &error }.emit();
        }
    }
}
