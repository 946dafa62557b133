//! Servers and agents as real processes with an installation of their own, that can be killed and started
//! again at any moment.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use api::{HuntRequest, HuntView, LoginRequest, TokenRequest};
use api_client::{Client, Connection};

use crate::program::{lycaon, run};

/// An installation in a temporary folder: one server over SQLite, or several over PostgreSQL.
pub(crate) struct Fleet {
    folder: tempfile::TempDir,
    password: String,
    /// The only server, or the nodes.
    nodes: Vec<Node>,
    agents: Vec<Member>,
    /// What servers find in their environment besides that of the tests.
    pub(crate) server_env: Vec<(OsString, OsString)>,
    /// The same for agents.
    pub(crate) agent_env: Vec<(OsString, OsString)>,
}

struct Node {
    name: String,
    config: PathBuf,
    agents_port: u16,
    http_port: u16,
    process: Option<Child>,
}

struct Member {
    name: String,
    process: Option<Child>,
}

/// A state that does not come within this time does not come.
const PATIENCE: Duration = Duration::from_secs(120);

impl Fleet {
    /// Makes an installation with a running server.
    pub(crate) async fn new() -> Self {
        let mut fleet = Self::unstarted();
        fleet.start_server();
        fleet.until_server_answers().await;
        fleet
    }

    /// Makes an installation whose server does not run yet.
    pub(crate) fn unstarted() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().join("house");
        let (agents_port, http_port) = (free_port(), free_port());
        let said = run(&[
            "init",
            &home.display().to_string(),
            "--loopback",
            "--agents-port",
            &agents_port.to_string(),
            "--http-port",
            &http_port.to_string(),
        ]);
        assert_eq!(said.status, 0, "{}", said.err);
        let password = said.out.lines().find_map(|line| line.strip_prefix("password"));
        let password = password.expect("init tells the password").trim().to_owned();
        let (name, config) = ("server".to_owned(), home.join("server.yaml"));
        let node = Node { name, config, agents_port, http_port, process: None };
        let (server_env, agent_env) = (vec![], vec![]);
        Self { folder, password, nodes: vec![node], agents: vec![], server_env, agent_env }
    }

    /// Makes an installation of several nodes over this database, all of which run. `objects` is the
    /// configuration of the store of files; without it that is a folder they share. `more` are lines for
    /// the configuration of each.
    pub(crate) async fn of_nodes_with(
        count: usize,
        database: &str,
        (objects, more): (Option<&str>, &str),
    ) -> Self {
        let mut fleet = Self::unstarted();
        fleet.move_to_nodes(count, database, (objects, more)).await;
        fleet
    }

    /// Moves an installation whose server and agents do not run to several nodes, and starts these.
    pub(crate) async fn move_to_nodes(
        &mut self,
        count: usize,
        database: &str,
        (objects, more): (Option<&str>, &str),
    ) {
        let fleet = self;
        let quoted = |path: PathBuf| serde_json::Value::from(path.display().to_string());
        let shared = format!("{{ folder: {} }}", quoted(fleet.folder.path().join("objects")));
        fleet.nodes = (1..=count).map(|number| fleet.make_node(number)).collect();
        for node in &fleet.nodes {
            let text = format!(
                "node: {{ name: {} }}\n\
                 data_dir: {}\n\
                 authority: {{ folder: {} }}\n\
                 store: {{ postgres: {{ url: \"{database}\" }} }}\n\
                 objects: {}\n\
                 agents: {{ listen: \"127.0.0.1:{}\" }}\n\
                 http: {{ listen: \"127.0.0.1:{}\" }}\n\
                 {more}\n",
                node.name,
                quoted(fleet.folder.path().join(&node.name).join("data")),
                quoted(fleet.home().join("data")),
                objects.unwrap_or(&shared),
                node.agents_port,
                node.http_port,
            );
            std::fs::write(&node.config, text).expect("the folder is ours");
        }
        let (from, to) = (fleet.home().join("data"), fleet.nodes[0].config.clone());
        let (from, to) = (from.display().to_string(), to.display().to_string());
        let said = run(&["migrate", "--from", &from, "--to", &to]);
        assert_eq!(said.status, 0, "{}", said.err);
        for (index, agent) in fleet.agents.iter().enumerate() {
            let path = fleet.folder.path().join(format!("{}.yaml", agent.name));
            let text = std::fs::read_to_string(&path).expect("it was written");
            let servers = format!("servers: {:?}", fleet.servers_of(index));
            let lines = text.lines();
            let line = |line: &str| match line.starts_with("servers:") {
                true => servers.clone(),
                false => line.to_owned(),
            };
            let text: Vec<String> = lines.map(line).collect();
            std::fs::write(path, text.join("\n") + "\n").expect("the folder is ours");
        }
        for index in 0..count {
            fleet.start_node(index);
            fleet.until_node_answers(index).await;
        }
    }

    fn make_node(&self, number: usize) -> Node {
        let name = format!("node-{number}");
        let folder = self.folder.path().join(&name);
        std::fs::create_dir(&folder).expect("the folder is ours");
        let config = folder.join("server.yaml");
        Node { name, config, agents_port: free_port(), http_port: free_port(), process: None }
    }

    /// The folder of the installation.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("house")
    }

    /// The server's configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.nodes[0].config.clone()
    }

    /// Adds lines to the configuration of each server. They count when it is started.
    pub(crate) fn configure(&self, lines: &str) {
        for node in &self.nodes {
            let text = std::fs::read_to_string(&node.config).expect("it is ours");
            std::fs::write(&node.config, format!("{text}\n{lines}\n")).expect("it is ours");
        }
    }

    /// The administrator's password.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Where an agent logs.
    pub(crate) fn agent_log(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("{}.log", self.agents[index].name))
    }

    /// What the path of every agent's state begins with.
    pub(crate) fn agents_prefix(&self) -> PathBuf {
        self.folder.path().join("agent-")
    }

    /// Where a node logs.
    pub(crate) fn node_log(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("{}.log", self.nodes[index].name))
    }

    /// The server's address for people.
    pub(crate) fn address(&self) -> String {
        self.node_address(0)
    }

    fn node_address(&self, index: usize) -> String {
        format!("http://127.0.0.1:{}", self.nodes[index].http_port)
    }

    /// Starts the server, which must not be running.
    pub(crate) fn start_server(&mut self) {
        self.start_node(0);
    }

    /// Kills the server as by `kill -9`.
    pub(crate) fn kill_server(&mut self) {
        self.kill_node(0);
    }

    /// Waits until the server answers.
    pub(crate) async fn until_server_answers(&mut self) {
        self.until_node_answers(0).await;
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Starts a node, which must not be running.
    pub(crate) fn start_node(&mut self, index: usize) {
        let log = self.node_log(index);
        let node = &mut self.nodes[index];
        let mut command = lycaon(&["server", "--config", &node.config.display().to_string()]);
        command.envs(self.server_env.iter().cloned());
        node.process = Some(spawn(&mut command, &log));
    }

    /// Kills a node as by `kill -9`.
    pub(crate) fn kill_node(&mut self, index: usize) {
        kill(&mut self.nodes[index].process);
    }

    /// Waits until a node answers.
    pub(crate) async fn until_node_answers(&self, index: usize) {
        let client = self.anybody(index);
        let answers = async || client.health().await.is_ok();
        until("the server answers", &self.node_log(index), answers).await;
    }

    /// A client of a node's API that is not signed in.
    pub(crate) fn anybody(&self, node: usize) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connection = Connection { server: self.node_address(node), ..Connection::default() };
        Client::new(&connection).expect("the address is good")
    }

    /// A client of the API that is signed in as administrator.
    pub(crate) async fn admin(&self) -> Client {
        self.admin_of(0).await
    }

    /// The same at a certain node.
    pub(crate) async fn admin_of(&self, node: usize) -> Client {
        self.anybody(node).with_token(self.token_of(node).await)
    }

    /// A token of the administrator, good at every node.
    pub(crate) async fn token_of(&self, node: usize) -> String {
        let request =
            LoginRequest { user: "admin".into(), password: self.password.clone(), token: true };
        let reply = self.anybody(node).login(&request).await;
        reply.expect("the password of init is good").token
    }

    /// Enrols so many agents with these labels, and waits until all are connected.
    pub(crate) async fn enrol(&mut self, client: &Client, agents: usize, labels: &[&str]) {
        let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
        let request = TokenRequest {
            labels: labels.clone(),
            expires_after: "1h".into(),
            uses_max: u32::try_from(agents).expect("few agents"),
        };
        let token =
            client.create_token(&request).await.expect("a token").token.expect("shown once");
        for _ in 0..agents {
            self.add_agent(&token, &labels);
        }
        let wanted = self.agents.len() as u64;
        let log = self.folder.path().join("agent-1.log");
        let query = api::ClientsQuery { online: Some(true), ..Default::default() };
        until("all agents are connected", &log, async || {
            client.clients(&query).await.is_ok_and(|page| page.total >= wanted)
        })
        .await;
    }

    /// Starts one more agent with this token, and does not wait for it.
    pub(crate) fn add_agent(&mut self, token: &str, labels: &[String]) {
        let name = format!("agent-{}", self.agents.len() + 1);
        self.write_agent(&name, token, labels);
        self.agents.push(Member { name, process: None });
        self.start_agent(self.agents.len() - 1);
    }

    /// The configuration that init made, with another token, state and labels.
    fn write_agent(&self, name: &str, token: &str, labels: &[String]) {
        let text = std::fs::read_to_string(self.home().join("agent.yaml")).expect("made by init");
        let state = self.folder.path().join(name);
        let line = |line: &str| match line.split_once(':').map(|(key, _)| key) {
            Some("servers") => format!("servers: {:?}", self.servers_of(self.agents.len())),
            Some("state_dir") => format!("state_dir: '{}'", state.display()),
            Some("enrolment_token") => format!("enrolment_token: '{token}'"),
            Some("labels") => format!("labels: {labels:?}"),
            _ => line.to_owned(),
        };
        let text: Vec<String> = text.lines().map(line).collect();
        let path = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(path, text.join("\n") + "\n").expect("the folder is ours");
    }

    /// All nodes, in turn another one first.
    fn servers_of(&self, agent: usize) -> Vec<String> {
        let mut all: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.agents_port)).collect();
        let first = agent % all.len();
        all.rotate_left(first);
        all
    }

    /// How many agents there are.
    pub(crate) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// Starts an agent, which must not be running.
    pub(crate) fn start_agent(&mut self, index: usize) {
        let name = &self.agents[index].name;
        let config = self.folder.path().join(format!("{name}.yaml"));
        let mut command = Command::new(agent_program());
        command.arg("--config").arg(config).stdin(Stdio::null());
        command.envs(self.agent_env.iter().cloned());
        let log = self.folder.path().join(format!("{name}.log"));
        self.agents[index].process = Some(spawn(&mut command, &log));
    }

    /// Kills an agent as by `kill -9`.
    pub(crate) fn kill_agent(&mut self, index: usize) {
        kill(&mut self.agents[index].process);
    }

    /// Waits for a state of the server.
    pub(crate) async fn until(&self, what: &str, reached: impl AsyncFn() -> bool) {
        until(what, &self.node_log(0), reached).await;
    }

    /// Makes and starts a hunt.
    pub(crate) async fn hunt(&self, client: &Client, request: &HuntRequest) -> HuntView {
        let mut request = request.clone();
        request.start = true;
        client.create_hunt(&request).await.expect("the hunt is good")
    }

    /// Waits until a hunt has decided about all agents and nobody waits or runs.
    pub(crate) async fn until_quiet(&self, client: &Client, hunt: &str) -> HuntView {
        let everybody = self.agents.len() as u64;
        until(&format!("{hunt} is quiet"), &self.node_log(0), async || {
            client.hunt(hunt).await.is_ok_and(|hunt| {
                let counts = hunt.counts;
                let ended = counts.refused + counts.completed + counts.results + counts.failed;
                ended >= everybody && counts.asked + counts.pending + counts.running == 0
            })
        })
        .await;
        client.hunt(hunt).await.expect("it was there a moment ago")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            kill(&mut node.process);
        }
        for agent in &mut self.agents {
            kill(&mut agent.process);
        }
        if std::thread::panicking() {
            let nodes = self.nodes.iter().map(|node| format!("{}.log", node.name));
            for name in nodes.chain(["agent-1.log".to_owned()]) {
                let text =
                    std::fs::read_to_string(self.folder.path().join(&name)).unwrap_or_default();
                let from = text.len().saturating_sub(4_000);
                eprintln!("--- the end of {name}\n{}", text.get(from..).unwrap_or(&text));
            }
        }
    }
}

fn spawn(command: &mut Command, log: &Path) -> Child {
    let file = File::options().create(true).append(true).open(log).expect("the folder is ours");
    let mut also = file.try_clone().expect("a second handle");
    let _ = writeln!(also, "--- started");
    command.stdout(file).stderr(also).spawn().expect("the program is built")
}

fn kill(process: &mut Option<Child>) {
    if let Some(mut child) = process.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A port of the loopback that nobody uses.
pub(crate) fn free_port() -> u16 {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// The agent beside the program under test. `cargo test --workspace` builds it, because it has tests
/// of its own; when only this package is tested, it is built here, once.
pub(crate) fn agent_program() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let own = Path::new(env!("CARGO_BIN_EXE_lycaon"));
    let agent = own.with_file_name(format!("lycaon-agent{}", std::env::consts::EXE_SUFFIX));
    if agent.is_file() {
        return agent;
    }
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = own.ancestors().nth(2).expect("a binary lies in target/profile");
        // Both together have the same third-party code as the whole workspace.
        let built = Command::new(cargo)
            .args(["build", "--quiet", "-p", "lycaon-agent", "-p", "lycaon", "--manifest-path"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
            .arg("--target-dir")
            .arg(target)
            .status();
        assert!(built.is_ok_and(|status| status.success()), "lycaon-agent builds");
    });
    agent
}

/// Waits for a state: asks until it is there.
pub(crate) async fn until(what: &str, log: &Path, reached: impl AsyncFn() -> bool) {
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    let give_up = Instant::now() + PATIENCE;
    while !reached().await {
        assert!(Instant::now() < give_up, "{what}: not within {PATIENCE:?}; see {}", log.display());
        pause.tick().await;
    }
}
