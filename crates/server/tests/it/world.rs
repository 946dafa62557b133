//! One server with everything in memory, on two free ports of the loopback.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use artifacts::ArtifactSet;
use base::{Clock, SeededEntropy, Timestamp};
use fleet::accounts::User;
use fleet::memory::MemFleet;
use flows::memory::{MemBlobs, MemFlows};
use hunts::memory::MemHunts;
use model::flow::{ArtifactCall, Flow, FlowLife, FlowLimits, FlowOrigin};
use model::org::{Actor, OrgId};
use model::retry::RetryPlan;
use server::collect::Collector;
use server::config::ServerConfig;
use server::core::{Core, Parts};
use server::health::Health;
use server::log::LogPorts;
use server::nodes::NodeParts;
use server::pki;
use server::vql::Vql;
use server::{Asset, Assets, Ports, Server, Start};
use sha2::Digest;
use tempfile::TempDir;

use crate::browser::Browser;
use crate::counted::Counted;
use crate::log;

/// The password of the user `admin`.
pub(crate) const PASSWORD: &str = "correct horse";

const TOOL_ARTIFACT: &str = "
name: Test.Tool
tools:
  - name: Shell
    version: 2
    url: https://example.org/shell.sh
    expected_hash: bf664cf84f00f6ed76164c8457fdeaf8e4dee547226e9ffcf8274e2d2246fed9
sources:
  - query: SELECT Tool_Shell_PATH FROM scope()
";

const EVENTS_ARTIFACT: &str = "
name: Test.Events
type: CLIENT_EVENT
parameters:
  - name: Word
    default: hello
resources:
  cpu_limit: 7
sources:
  - name: One
    query: SELECT Word FROM scope()
  - name: Two
    query: SELECT 2 FROM scope()
";

const ROWS_ARTIFACT: &str = "
name: Test.Rows
description: Says something.
parameters:
  - name: Word
    default: hello
  - name: Depth
    type: int
    default: '1'
sources:
  - query: SELECT Word FROM scope()
";

const WINDOW_ARTIFACT: &str = "
name: Test.Window
sources:
  - query: SELECT window_from AS Word FROM scope()
";

/// The operating system's clock: certificates are checked against it.
struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}

/// A running server and what a test needs of it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) authority_pem: String,
    pub(crate) counted: Counted,
    certificates: Arc<TempDir>,
    ports: Ports,
    nodes: Option<NodeParts>,
}

/// What a server shares with another one.
#[derive(Default)]
struct Beside {
    ports: Option<(Ports, Counted)>,
    nodes: Option<NodeParts>,
    log_hunts: Option<LogPorts>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let certificates = Arc::new(TempDir::new().unwrap());
        let mut entropy = SeededEntropy::new(7);
        pki::create(certificates.path(), RealClock.now(), &mut entropy).unwrap();
        Self::over(certificates, change, Beside::default()).await
    }

    /// Another node over the same records. They hear one another in memory.
    pub(crate) async fn node_beside(&self) -> Self {
        let beside = Beside {
            ports: Some((self.ports.clone(), self.counted.clone())),
            nodes: self.nodes.clone(),
            ..Beside::default()
        };
        Self::over(Arc::clone(&self.certificates), |_| {}, beside).await
    }

    /// A flow for a client, of which nobody is told.
    pub(crate) async fn record_flow(&self, client: &str) {
        let now = RealClock.now();
        let flow = Flow {
            id: base::FlowId::from_bits(1),
            org: OrgId::default(),
            client: client.parse().unwrap(),
            origin: FlowOrigin::Direct,
            actor: Actor::System,
            artifacts: vec![ArtifactCall { name: "Test.Rows".into(), parameters: vec![] }],
            limits: FlowLimits::default(),
            retry: RetryPlan::default(),
            window: None,
            life: FlowLife::new(),
            created: now,
            started: None,
            ended: None,
            deliver_until: now.plus(std::time::Duration::from_secs(3_600)),
        };
        self.ports.flows.create(&flow).await.unwrap();
    }

    /// The first of several nodes.
    pub(crate) async fn first_node() -> Self {
        let certificates = Arc::new(TempDir::new().unwrap());
        let mut entropy = SeededEntropy::new(7);
        pki::create(certificates.path(), RealClock.now(), &mut entropy).unwrap();
        let nodes = NodeParts { several: true, ..NodeParts::in_memory(Arc::new(RealClock)) };
        let beside = Beside { nodes: Some(nodes), ..Beside::default() };
        Self::over(certificates, |_| {}, beside).await
    }

    /// A server that hunts through logs.
    pub(crate) async fn hunting_logs(ports: LogPorts) -> Self {
        let certificates = Arc::new(TempDir::new().unwrap());
        let mut entropy = SeededEntropy::new(7);
        pki::create(certificates.path(), RealClock.now(), &mut entropy).unwrap();
        let beside = Beside { log_hunts: Some(ports), ..Beside::default() };
        Self::over(certificates, |_| {}, beside).await
    }

    /// Another server with records of its own and the same certificate authority.
    pub(crate) async fn twin(&self) -> Self {
        Self::over(Arc::clone(&self.certificates), |_| {}, Beside::default()).await
    }

    async fn over(
        certificates: Arc<TempDir>,
        change: impl FnOnce(&mut ServerConfig),
        beside: Beside,
    ) -> Self {
        log::start();
        let mut config = ServerConfig::default();
        config.agents.listen = "127.0.0.1:0".parse().unwrap();
        config.http.listen = "127.0.0.1:0".parse().unwrap();
        change(&mut config);
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let Beside { ports, nodes, log_hunts } = beside;
        let (ports, counted) = ports.unwrap_or_else(|| {
            let counted = Counted::default();
            (memory(&counted), counted)
        });
        let authority = pki::load(certificates.path()).unwrap();
        let authority_pem = authority.certificate_pem().to_owned();
        let admin = User {
            name: "admin".into(),
            org: OrgId::default(),
            password_hash: server::hash_password(PASSWORD).unwrap(),
            roles: ["admin".to_owned()].into(),
            disabled: false,
            created: clock.now(),
        };
        ports.accounts.put_user(&admin).await.unwrap();
        let core = Core::new(Parts {
            ports: ports.clone(),
            nodes: nodes.clone().unwrap_or_else(|| NodeParts::in_memory(Arc::clone(&clock))),
            entropy: Box::new(SeededEntropy::new(clock.now().as_micros() as u64)),
            authority,
            vql: vql(&clock),
            collector: collector(),
            settings: (&config).into(),
            clock,
        })
        .keeping(config.retention());
        let core = match log_hunts {
            Some(ports) => core.with_log(ports),
            None => core,
        };
        let (assets, health) = (Arc::new(OnePage), Arc::new(Health::new()));
        let figures: Option<server::Counted> = Some(Arc::new(|| "process_counts 1\n".to_owned()));
        let start = Start { config: &config, assets, health, counted: figures };
        let server = Server::start(Arc::new(core), start).await.unwrap();
        Self { server, authority_pem, counted, certificates, ports, nodes }
    }

    /// A browser that nobody has signed in with.
    pub(crate) fn stranger(&self) -> Browser {
        Browser::new(self.server.people)
    }

    /// A program of a user with these roles.
    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> Browser {
        let user = User {
            name: name.into(),
            org: OrgId::default(),
            password_hash: server::hash_password(PASSWORD).unwrap(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            disabled: false,
            created: RealClock.now(),
        };
        self.server.core().ports.accounts.put_user(&user).await.unwrap();
        let mut browser = self.stranger();
        browser.sign_in_for_token(name, PASSWORD).await;
        browser
    }

    /// A program with a token.
    pub(crate) async fn admin(&self) -> Browser {
        let mut browser = self.stranger();
        browser.sign_in_for_token("admin", PASSWORD).await;
        browser
    }
}

fn memory(counted: &Counted) -> Ports {
    let fleet = Arc::new(MemFleet::default());
    let flows = Arc::new(MemFlows::new());
    let hunts = Arc::new(MemHunts::new(Arc::clone(&flows)));
    Ports {
        clients: counted.clients(fleet.clone()),
        tokens: fleet.clone(),
        accounts: fleet.clone(),
        settings: fleet.clone(),
        audit: fleet,
        flows: counted.flows(flows.clone()),
        results: flows.clone(),
        reports: counted.reports(flows.clone()),
        uploads: flows.clone(),
        monitoring: flows.clone(),
        tools: flows,
        blobs: Arc::new(MemBlobs::new(|bytes| sha2::Sha256::digest(bytes).into())),
        hunts: counted.hunts(hunts.clone()),
        members: counted.members(hunts.clone()),
        admissions: hunts.clone(),
        roster: hunts.clone(),
        erasure: hunts,
    }
}

fn vql(clock: &Arc<dyn Clock>) -> Arc<Vql> {
    let entropy = Box::new(SeededEntropy::new(1));
    let host = vql_plugin::Host::builder(Arc::clone(clock), entropy).build();
    let catalog = vql_eval::language().and(vql_std::catalog());
    Arc::new(Vql::new(host, catalog.clone(), catalog, 2))
}

fn collector() -> Collector {
    let mut set = ArtifactSet::new();
    set.add("Test.Rows.yaml", ROWS_ARTIFACT).unwrap();
    set.add("Test.Events.yaml", EVENTS_ARTIFACT).unwrap();
    set.add("Test.Window.yaml", WINDOW_ARTIFACT).unwrap();
    set.add("Test.Tool.yaml", TOOL_ARTIFACT).unwrap();
    Collector::new(Arc::new(set), Arc::new(ArtifactSet::new()))
}

/// A web interface of one page and one script.
struct OnePage;

impl Assets for OnePage {
    fn get(&self, path: &str, _: &str) -> Option<Asset> {
        let known = ["index.html", "assets/app-1.js"].contains(&path);
        known.then(|| Asset {
            bytes: path.to_owned().into(),
            media: "text/html".to_owned(),
            etag: path.to_owned(),
            encoding: None,
            immutable: false,
        })
    }
}
