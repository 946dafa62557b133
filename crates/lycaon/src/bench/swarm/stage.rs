//! Servers on a fresh installation, and processes of agents.

use std::path::Path;
use std::time::{Duration, Instant};

use api::{ClientsQuery, LoginRequest, TokenRequest};
use api_client::Client;
use base::Clock;

use super::crew::{Crew, CrewOrder, CrewPlan, CrewReport};
use super::light::Door;
use super::scenario::Scenario;
use super::servers::Servers;
use crate::complaint::{Complaint, Outcome};
use crate::demo::free_port;
use crate::init;
use crate::machine::SystemClock;

/// How long the swarm may take to connect.
const PATIENCE: Duration = Duration::from_secs(900);

/// A process has at most so many agents: each needs a socket.
const CREW_MAX: u32 = 9_000;

/// What is set up.
pub(crate) struct Setting<'a> {
    pub(crate) agents: u32,
    pub(crate) poll_secs: u32,
    /// Servers: one over SQLite, or several over PostgreSQL.
    pub(crate) nodes: u32,
    pub(crate) scenario: &'a Scenario,
}

/// Everything that takes part.
pub(crate) struct Stage {
    pub(crate) servers: Servers,
    /// Of the first server.
    pub(crate) client: Client,
    /// Of each server.
    clients: Vec<Client>,
    pub(crate) door: Door,
    crews: Vec<Crew>,
}

impl Stage {
    /// Sets it up in `folder`: the server runs, processes of agents wait for their orders.
    pub(crate) async fn set_up(folder: &Path, setting: &Setting<'_>) -> Outcome<Self> {
        let swarm = init::Swarm { agents: setting.agents, poll_secs: setting.poll_secs };
        let about_agents = swarm.about_agents();
        let plan = init::Plan {
            folder: folder.join("house"),
            agents_port: free_port(None)?,
            http_port: free_port(None)?,
            loopback: true,
            addresses: vec!["127.0.0.1".into()],
            swarm: Some(swarm),
        };
        let made = init::make(&plan).await?;
        let servers = match setting.nodes {
            ..=1 => Servers::single(&plan, &made, folder.join("server.log")).await?,
            nodes => Servers::several(&plan, nodes, &about_agents).await?,
        };
        let clients = sign_in(servers.people()?, &made).await?;
        let client = clients[0].clone();
        let request = TokenRequest {
            labels: vec!["swarm".into()],
            expires_after: "1h".into(),
            uses_max: setting.agents,
        };
        let token = client.create_token(&request).await?.token;
        let door = Door {
            addresses: servers.doors.clone(),
            authority_pem: made.authority_pem.clone(),
            token: token.ok_or_else(|| Complaint::failed("the server made no token"))?,
        };
        let crew_plan = CrewPlan { door: door.clone(), scenario: setting.scenario.clone() };
        let crews = (0..setting.agents.div_ceil(CREW_MAX))
            .map(|number| Crew::start(&crew_plan, folder, number))
            .collect::<Outcome<_>>()?;
        Ok(Self { servers, client, clients, door, crews })
    }

    /// Starts the agents with these numbers, and waits until `agents` are connected. The last number is
    /// how many have to be: those that churn or are cut off are away at times.
    pub(crate) async fn gather(&mut self, first: u32, last: u32, connected: u64) -> Outcome<u64> {
        let shares = u32::try_from(self.crews.len()).unwrap_or(1);
        let each = (last + 1 - first).div_ceil(shares);
        for (crew, start) in self.crews.iter_mut().zip((first..=last).step_by(each as usize)) {
            let last = (start + each - 1).min(last);
            crew.tell(&CrewOrder::Gather { first: start, last })?;
        }
        self.until_connected(connected).await
    }

    /// Waits until so many agents are connected.
    pub(crate) async fn until_connected(&mut self, agents: u64) -> Outcome<u64> {
        let give_up = Instant::now() + PATIENCE;
        let query = ClientsQuery { online: Some(true), limit: Some(1), ..Default::default() };
        loop {
            self.servers.check()?;
            self.reports()?;
            let connected = self.client.clients(&query).await?.total;
            if connected >= agents {
                return Ok(connected);
            }
            if Instant::now() > give_up {
                return Err(Complaint::failed(format!(
                    "{connected} of {agents} agents connected in {PATIENCE:?}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// How all agents stand.
    pub(crate) fn reports(&mut self) -> Outcome<Vec<CrewReport>> {
        self.crews.iter_mut().map(|crew| crew.tell(&CrewOrder::Report)).collect()
    }

    /// Seconds until the last agent was told of the newest hunt, by the servers' own account.
    pub(crate) async fn notice_secs(&self) -> Outcome<f64> {
        let mut longest: f64 = 0.0;
        for client in &self.clients {
            let figures = client.metrics().await?;
            let mut lines = figures.lines();
            let value = lines.find_map(|line| line.strip_prefix("lycaon_hunt_notice_seconds "));
            let value = value.and_then(|value| value.parse().ok());
            longest = longest.max(value.ok_or_else(|| Complaint::failed("no figure of notices"))?);
        }
        Ok(longest)
    }

    /// When client queries were evaluated since [`forget_asked`](Self::forget_asked).
    pub(crate) fn asked(&mut self) -> Outcome<Vec<i64>> {
        Ok(self.reports()?.into_iter().flat_map(|report| report.asked).collect())
    }

    pub(crate) fn forget_asked(&mut self) -> Outcome {
        self.crews.iter_mut().try_for_each(|crew| crew.tell(&CrewOrder::Forget).map(|_| ()))
    }

    /// The time by the same clock as in [`asked`](Self::asked).
    pub(crate) fn now_micros(&self) -> i64 {
        SystemClock.now().as_micros()
    }
}

/// Signs in at the first; its token is good for all.
async fn sign_in(people: Vec<Client>, made: &init::Made) -> Outcome<Vec<Client>> {
    let first = people.first().ok_or_else(|| Complaint::failed("there is no server"))?;
    let request =
        LoginRequest { user: made.user.clone(), password: made.password.clone(), token: true };
    let token = first.login(&request).await?.token;
    Ok(people.into_iter().map(|client| client.with_token(token.clone())).collect())
}
