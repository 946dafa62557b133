//! The servers that are measured: one over SQLite, or several over one PostgreSQL.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api_client::{Client, Connection};

use crate::complaint::{Complaint, Outcome};
use crate::demo::{Actor, Cluster, Common, Node, free_port};
use crate::init::{Made, Plan, Swarm};
use crate::os::{self, Usage};
use crate::{migrate, serve};

/// One server process.
struct Server {
    actor: Actor,
    config: PathBuf,
    log: PathBuf,
    people: String,
}

/// All of them, and their database where they need one.
pub(crate) struct Servers {
    all: Vec<Server>,
    /// Where agents connect.
    pub(crate) doors: Vec<String>,
    cluster: Option<Cluster>,
}

const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Servers {
    /// One server over SQLite on the installation that was made.
    pub(crate) async fn single(plan: &Plan, made: &Made, log: PathBuf) -> Outcome<Self> {
        let config = made.server_config.clone();
        let actor = start(&config, &log)?;
        let people = format!("http://127.0.0.1:{}", plan.http_port);
        let doors = vec![format!("127.0.0.1:{}", plan.agents_port)];
        let all = vec![Server { actor, config, log, people }];
        let mut servers = Self { all, doors, cluster: None };
        servers.until_they_answer().await?;
        Ok(servers)
    }

    /// Several over a PostgreSQL that is started for them, with what is in the installation.
    pub(crate) async fn several(plan: &Plan, nodes: u32, about_agents: &str) -> Outcome<Self> {
        let port = free_port(None)?;
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(port))
            .await
            .map_err(|error| Complaint::failed(error.to_string()))??;
        let database = cluster.url();
        let more = Swarm::ABOUT_HUNTS;
        let common = Common { folder: &plan.folder, database: &database, about_agents, more };
        let mut servers = Self { all: vec![], doors: vec![], cluster: Some(cluster) };
        for number in 1..=nodes {
            let node = Node::new(number)?;
            let config = node.write_config(common)?;
            if number == 1 {
                let to = serve::read_config(&config)?;
                migrate::migrate(&plan.folder.join("data"), &to).await?;
            }
            let log = node.log(common);
            let actor = start(&config, &log)?;
            servers.all.push(Server { actor, config, log, people: node.address() });
            servers.doors.push(node.agents.to_string());
            // One after the other: the first makes the tables.
            servers.until_they_answer().await?;
        }
        Ok(servers)
    }

    /// Where people reach each of them.
    pub(crate) fn people(&self) -> Outcome<Vec<Client>> {
        let client = |server: &Server| {
            let server = server.people.clone();
            Ok(Client::new(&Connection { server, ..Connection::default() })?)
        };
        self.all.iter().map(client).collect()
    }

    /// A complaint when one has ended.
    pub(crate) fn check(&mut self) -> Outcome {
        self.all.iter_mut().try_for_each(|server| server.actor.check())
    }

    /// What they have used so far, together.
    pub(crate) fn usage(&self) -> Outcome<Usage> {
        let gone = || Complaint::failed("a server has ended");
        let each = self.all.iter().map(|server| os::usage(server.actor.pid()).ok_or_else(gone));
        each.sum()
    }

    /// What their database has used so far; nothing when they have none of their own.
    pub(crate) fn database_usage(&self) -> Usage {
        self.cluster.as_ref().map(|cluster| os::usage_of_tree(cluster.pid())).unwrap_or_default()
    }

    /// Transactions that the store of a single server has committed, each with an `fsync`, and the steps in
    /// them. It says so in its log.
    pub(crate) fn commits(&self) -> Outcome<(u64, u64)> {
        let (mut commits, mut steps) = (0, 0);
        for server in &self.all {
            let file =
                File::open(&server.log).map_err(|e| Complaint::io("read", &server.log, &e))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|e| Complaint::io("read", &server.log, &e))?;
                if let Some((_, count)) = line.rsplit_once("committed steps=") {
                    commits += 1;
                    steps += count.trim().parse::<u64>().unwrap_or(0);
                }
            }
        }
        Ok((commits, steps))
    }

    /// Kills all and starts them again; returns when they answer.
    pub(crate) async fn restart(&mut self) -> Outcome {
        for server in &mut self.all {
            server.actor.kill();
        }
        for server in &mut self.all {
            server.actor = start(&server.config, &server.log)?;
        }
        self.until_they_answer().await
    }

    async fn until_they_answer(&mut self) -> Outcome {
        for server in &mut self.all {
            let connection = Connection { server: server.people.clone(), ..Connection::default() };
            let client = Client::new(&connection)?;
            while client.health().await.is_err() {
                server.actor.check()?;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }
}

fn start(config: &Path, log: &Path) -> Outcome<Actor> {
    Actor::server("server", config, log, Some("info,store_sqlite=trace"))
}
