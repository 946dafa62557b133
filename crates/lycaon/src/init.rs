//! `lycaon init`: everything that a new installation needs, in one folder: keys, the certificate authority,
//! the store with its first administrator, and the configuration of server and agents.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{Chain, Clock, Entropy};
use fleet::accounts::{AccountStore, User};
use fleet::ports::TokenStore;
use model::client::EnrolmentToken;
use model::org::{Actor, OrgId};
use store_sqlite::SqliteStore;

use crate::complaint::{Complaint, Outcome};
use crate::machine::{SystemClock, SystemEntropy};
use crate::os;
use crate::remote::block_on;
use crate::storage;

/// Make keys, a certificate authority, and configurations for server and agents
///
/// Prints the first administrator's password, once: it is kept nowhere.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon init /srv/lycaon --address hunt.example.org\n  lycaon server --config /srv/lycaon/server.yaml\n\nThen copy /srv/lycaon/agent.yaml to each machine and run: lycaon-agent --config agent.yaml"
)]
pub(crate) struct InitArgs {
    /// The folder to make; it must be new or empty
    dir: PathBuf,
    /// A name or address under which agents reach this server; may be given several times [default: this
    /// machine's name]
    #[arg(long = "address", value_name = "HOST")]
    addresses: Vec<String>,
    /// The port for agents
    #[arg(long, default_value_t = 8800, value_name = "PORT")]
    agents_port: u16,
    /// The port of the API and the web interface, on the loopback
    #[arg(long, default_value_t = 8889, value_name = "PORT")]
    http_port: u16,
    /// Let agents connect from this machine only
    #[arg(long)]
    loopback: bool,
    /// How often the enrolment token in agent.yaml may be used
    #[arg(long, default_value_t = 1000, value_name = "N")]
    token_uses: u32,
}

/// What is to be made.
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) agents_port: u16,
    pub(crate) http_port: u16,
    /// Agents connect from this machine only.
    pub(crate) loopback: bool,
    /// Under which agents reach the server.
    pub(crate) addresses: Vec<String>,
    /// Set for a load test.
    pub(crate) swarm: Option<Swarm>,
}

/// What a load test changes in the server's configuration.
pub(crate) struct Swarm {
    /// That many agents come from one address.
    pub(crate) agents: u32,
    /// Seconds between two polls.
    pub(crate) poll_secs: u32,
}

impl Swarm {
    /// What is measured is the server, not how fast it is told to admit.
    pub(crate) const ABOUT_HUNTS: &str = "hunts: { admission_ceiling: unlimited }\n";

    /// About agents, a line each.
    fn settings(&self) -> [String; 2] {
        let from_one = u64::from(self.agents) * 2 + 16;
        [
            format!("poll_secs: {}", self.poll_secs),
            format!("connections_per_address_max: {from_one}"),
        ]
    }

    /// The same to be put behind another setting in a flow mapping.
    pub(crate) fn about_agents(&self) -> String {
        self.settings().iter().map(|setting| format!(", {setting}")).collect()
    }
}

/// What was made.
pub(crate) struct Made {
    pub(crate) server_config: PathBuf,
    pub(crate) user: String,
    pub(crate) password: String,
    addresses: Vec<String>,
    agents_port: u16,
    pub(crate) authority_pem: String,
}

const ADMIN: &str = "admin";
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 86_400);

pub(crate) fn run(args: InitArgs) -> Outcome {
    let addresses = match args.addresses.is_empty() {
        false => args.addresses,
        true if args.loopback => vec!["127.0.0.1".into()],
        true => vec![os::host_name()],
    };
    let plan = Plan {
        folder: args.dir,
        agents_port: args.agents_port,
        http_port: args.http_port,
        loopback: args.loopback,
        addresses,
        swarm: None,
    };
    let (made, token) = block_on(async {
        let (made, store) = make_with_store(&plan).await?;
        let token = enrolment_token(&store, args.token_uses).await?;
        Ok((made, token))
    })?;
    let agent = made.write_agent_config(&plan.folder, &token, &[])?;
    use std::io::Write;
    let mut out = std::io::stdout();
    writeln!(out, "server    {}", made.server_config.display())?;
    writeln!(out, "agents    {} (holds an enrolment token: keep it private)", agent.display())?;
    writeln!(out, "user      {}", made.user)?;
    writeln!(out, "password  {}", made.password)?;
    writeln!(out, "\nThe password is kept nowhere. Start with:")?;
    Ok(writeln!(out, "  lycaon server --config {}", made.server_config.display())?)
}

/// Makes a new installation.
pub(crate) async fn make(plan: &Plan) -> Outcome<Made> {
    make_with_store(plan).await.map(|(made, _)| made)
}

async fn make_with_store(plan: &Plan) -> Outcome<(Made, SqliteStore)> {
    let folder = &plan.folder;
    must_be_new(folder)?;
    let data = folder.join("data");
    os::make_private_dir(&data).map_err(|e| Complaint::io("make", &data, &e))?;
    let folder = folder.canonicalize().map_err(|e| Complaint::io("find", folder, &e))?;
    let data = folder.join("data");
    let now = SystemClock.now();
    let authority = server::pki::create(&data, now, &mut SystemEntropy)
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    let store = storage::open_records(&data)?;
    let password = new_password();
    let user = User {
        name: ADMIN.into(),
        org: OrgId::default(),
        password_hash: server::hash_password(&password)
            .map_err(|error| Complaint::failed(format!("cannot hash the password: {error}")))?,
        roles: BTreeSet::from(["admin".to_owned()]),
        disabled: false,
        created: now,
    };
    store.put_user(&user).await.map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    let server_config = folder.join("server.yaml");
    let text = server_yaml(plan, &data);
    os::write_private(&server_config, text.as_bytes())
        .map_err(|e| Complaint::io("write", &server_config, &e))?;
    let made = Made {
        server_config,
        user: ADMIN.into(),
        password,
        addresses: plan.addresses.clone(),
        agents_port: plan.agents_port,
        authority_pem: authority.certificate_pem().to_owned(),
    };
    Ok((made, store))
}

fn must_be_new(folder: &Path) -> Outcome {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Complaint::failed(format!("{} is not empty", folder.display()))
            .hint("name a new folder; an installation is never overwritten")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            os::make_private_dir(folder).map_err(|e| Complaint::io("make", folder, &e))
        }
        Err(error) => Err(Complaint::io("use", folder, &error)),
    }
}

/// 20 letters and digits that are not taken for one another, about 114 bits.
fn new_password() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut entropy = SystemEntropy;
    (0..20)
        .map(|_| char::from(LETTERS[(entropy.next_u64() % LETTERS.len() as u64) as usize]))
        .collect()
}

async fn enrolment_token(store: &SqliteStore, uses_max: u32) -> Outcome<String> {
    let now = SystemClock.now();
    let id = format!("{:016x}", SystemEntropy.next_u64());
    let mut bytes = [0u8; 32];
    SystemEntropy.fill(&mut bytes);
    let secret = hex::encode(bytes);
    let token = EnrolmentToken {
        id: id.clone(),
        secret_hash: server::secret_hash(&secret),
        org: OrgId::default(),
        labels: BTreeSet::new(),
        expires: now.plus(TOKEN_LIFE),
        uses_max,
        uses: 0,
        revoked: false,
    };
    store
        .create_token(&token, &Actor::User(ADMIN.into()), now)
        .await
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    Ok(format!("{id}.{secret}"))
}

/// A text as YAML reads it back, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted_list(items: &[String]) -> String {
    serde_json::Value::from(items.to_vec()).to_string()
}

fn server_yaml(plan: &Plan, data: &Path) -> String {
    let swarm = plan.swarm.as_ref().map_or(String::new(), |swarm| {
        swarm.settings().iter().map(|setting| format!("  {setting}\n")).collect()
    });
    let agents_host = if plan.loopback { "127.0.0.1" } else { "0.0.0.0" };
    format!(
        "# Lycaon's server. What is left out has its default; docs/reference lists everything.\n\
         data_dir: {}\n\
         agents:\n\
         \x20 listen: {agents_host}:{}\n\
         \x20 # Names and addresses under which agents reach this server.\n\
         \x20 names: {}\n{}\
         {}\
         http:\n\
         \x20 # API and web interface. Give tls_certificate_file and tls_key_file to listen elsewhere.\n\
         \x20 listen: 127.0.0.1:{}\n",
        quoted(&data.display().to_string()),
        plan.agents_port,
        quoted_list(&plan.addresses),
        swarm,
        plan.swarm.as_ref().map_or("", |_| Swarm::ABOUT_HUNTS),
        plan.http_port,
    )
}

impl Made {
    /// Writes `agent.yaml` into `folder`, for an agent whose state lies beside it.
    pub(crate) fn write_agent_config(
        &self,
        folder: &Path,
        token: &str,
        labels: &[String],
    ) -> Outcome<PathBuf> {
        os::make_private_dir(folder).map_err(|e| Complaint::io("make", folder, &e))?;
        let path = folder.join("agent.yaml");
        let text = self.agent_yaml(&folder.join("agent-state"), token, labels);
        os::write_private(&path, text.as_bytes()).map_err(|e| Complaint::io("write", &path, &e))?;
        Ok(path)
    }

    fn agent_yaml(&self, state: &Path, token: &str, labels: &[String]) -> String {
        let servers: Vec<String> = self
            .addresses
            .iter()
            .map(|address| match address.contains(':') {
                true => format!("[{address}]:{}", self.agents_port),
                false => format!("{address}:{}", self.agents_port),
            })
            .collect();
        let indented: String =
            self.authority_pem.lines().map(|line| format!("  {line}\n")).collect();
        format!(
            "# Lycaon's agent. It holds an enrolment token: keep it private.\n\
             servers: {}\n\
             state_dir: {}\n\
             labels: {}\n\
             enrolment_token: {}\n\
             # The only authority that this agent accepts.\n\
             ca_pem: |\n{indented}",
            quoted_list(&servers),
            quoted(&state.display().to_string()),
            quoted_list(labels),
            quoted(token),
        )
    }
}

/// The port, when nobody uses it.
pub(crate) fn port_that_is_free(port: u16) -> Outcome<u16> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).map(|_| port).map_err(|error| {
        Complaint::failed(format!("port {port} cannot be used: {error}"))
            .hint("choose another one with --port, or leave it out")
    })
}
