//! The world: one clock, one seed, a queue of things to happen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use base::{Chain, ClientId, SeededEntropy, Timestamp};
use model::store::StoreError;
use testkit::stores::{Stores, at, pick};

use crate::agent::Agent;
use crate::faults::Faulty;
use crate::invariants::{self, check_always, check_ended, check_rates};
use crate::messages::{ToAgent, ToServer};
use crate::operator::{Operator, SECRET};
use crate::server::{Outgoing, Server};

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Agents.
    pub agents: u8,
    /// How long things go wrong, in virtual time.
    pub trouble: Duration,
    /// Out of a hundred messages, lost.
    pub lost_percent: u64,
    /// Out of a hundred messages, doubled.
    pub doubled_percent: u64,
    /// Out of a thousand changes of a store, those at which the server dies.
    pub killed_per_mille: u64,
    /// Instead of many hunts that people meddle with: one that is left alone, at this rate a minute.
    pub only_hunt_rate: Option<u32>,
}

impl Plan {
    /// A bad network and a server that dies often.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            agents: 7,
            trouble: Duration::from_secs(900),
            lost_percent: 10,
            doubled_percent: 5,
            killed_per_mille: 8,
            only_hunt_rate: None,
        }
    }
}

/// What happened; so that a test can see that something did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Times the server was killed.
    pub server_kills: u64,
    /// Times an agent was killed.
    pub agent_kills: u64,
    /// Members that were admitted, attempts counted.
    pub admissions: u64,
    /// Rows of all hunts at the end.
    pub rows: u64,
}

enum Event {
    ToServer { client: usize, session: u64, message: ToServer },
    ToAgent { client: usize, session: u64, message: ToAgent },
    AgentTick(usize),
    AgentDies(usize),
    AgentWakes(usize),
    ServerDies,
    ServerWakes,
    Manage,
    Operate,
    Check,
}

struct World {
    plan: Plan,
    now: Timestamp,
    entropy: SeededEntropy,
    queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    events: std::collections::BTreeMap<u64, Event>,
    last_event: u64,
    last_session: u64,
    stores: Stores,
    faulty: Arc<Faulty>,
    server: Option<Server>,
    agents: Vec<Agent>,
    operator: Operator,
    memory: invariants::Memory,
    healed: bool,
    outcome: Outcome,
}

/// Runs a plan over these stores. The error names the invariant that does not hold.
pub async fn run(plan: Plan, stores: Stores) -> Result<Outcome, String> {
    let mut world = World::new(plan, stores).await?;
    world.live(at(0).plus(plan.trouble)).await?;
    world.heal().await?;
    world.settle().await?;
    world.finish().await
}

impl World {
    async fn new(plan: Plan, stores: Stores) -> Result<Self, String> {
        let now = at(0);
        let mut agents = Vec::new();
        for number in 1..=plan.agents {
            let client = stores.enrol(number).await;
            agents.push(Agent::new(client, u64::from(number), plan.seed));
        }
        let faulty = Faulty::new(stores.clone(), plan.seed ^ 0xdead, plan.killed_per_mille);
        let server = Server::start(stores.clone(), faulty.clone(), now);
        let server = Some(server.await.map_err(|error| error.to_string())?);
        let mut world = Self {
            plan,
            now,
            entropy: SeededEntropy::new(plan.seed),
            queue: BinaryHeap::new(),
            events: Default::default(),
            last_event: 0,
            last_session: 0,
            stores,
            faulty,
            server,
            agents,
            operator: Operator::new(plan.seed, plan.only_hunt_rate),
            memory: invariants::Memory::default(),
            healed: false,
            outcome: Outcome::default(),
        };
        for agent in 0..world.agents.len() {
            world.after_millis(
                pick(&mut SeededEntropy::new(agent as u64), 4_000),
                Event::AgentTick(agent),
            );
        }
        world.after_millis(1, Event::Operate);
        world.after_millis(500, Event::Manage);
        world.after_millis(60_000, Event::ServerDies);
        world.after_millis(5_000, Event::Check);
        Ok(world)
    }

    fn after_millis(&mut self, millis: u64, event: Event) {
        self.last_event += 1;
        self.events.insert(self.last_event, event);
        let when = self.now.plus(Duration::from_millis(millis));
        self.queue.push(Reverse((when, self.last_event)));
    }

    fn some(&mut self, end: u64) -> u64 {
        pick(&mut self.entropy, end)
    }

    /// Lets everything happen until `end`.
    async fn live(&mut self, end: Timestamp) -> Result<(), String> {
        while let Some(Reverse((when, id))) = self.queue.pop() {
            if when > end {
                self.queue.push(Reverse((when, id)));
                break;
            }
            self.now = when;
            let Some(event) = self.events.remove(&id) else { continue };
            self.happen(event).await?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    async fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::ToServer { client, session, message } => {
                self.server_takes(client, session, message).await
            }
            Event::ToAgent { client, session, message } => {
                let agent = &mut self.agents[client];
                let current = agent.memory.as_ref().and_then(|memory| memory.session);
                if current == Some(session) {
                    let said = agent.take(message);
                    self.send_to_server(client, said);
                }
                Ok(())
            }
            Event::AgentTick(client) => {
                self.agent_ticks(client);
                Ok(())
            }
            Event::AgentDies(client) => {
                self.agents[client].die();
                self.outcome.agent_kills += 1;
                let asleep = 1_000 + self.some(120_000);
                self.after_millis(asleep, Event::AgentWakes(client));
                Ok(())
            }
            Event::AgentWakes(client) => {
                self.agents[client].wake();
                Ok(())
            }
            Event::ServerDies => {
                if !self.healed {
                    self.kill_server();
                    let next = 20_000 + self.some(200_000);
                    self.after_millis(next, Event::ServerDies);
                }
                Ok(())
            }
            Event::ServerWakes => self.start_server().await,
            Event::Manage => self.manage().await,
            Event::Operate => self.operate().await,
            Event::Check => {
                self.after_millis(30_000, Event::Check);
                self.check().await
            }
        }
    }

    fn agent_ticks(&mut self, client: usize) {
        self.after_millis(4_000, Event::AgentTick(client));
        if !self.healed && self.some(60) == 0 {
            self.after_millis(0, Event::AgentDies(client));
        }
        if !self.healed && self.some(40) == 0 {
            self.agents[client].disconnect();
        }
        let id = self.agents[client].client;
        if let (Some(memory), Some(server)) = (&mut self.agents[client].memory, &mut self.server)
            && memory.session.is_none()
        {
            self.last_session += 1;
            memory.session = Some(self.last_session);
            server.connect(id, self.last_session);
        }
        let said = self.agents[client].tick();
        self.send_to_server(client, said);
    }

    /// How often a message arrives, and after how long each time.
    fn fate(&mut self) -> Vec<u64> {
        if self.healed {
            return vec![1 + self.some(50)];
        }
        let fate = self.some(100);
        let copies = if fate < self.plan.lost_percent {
            0
        } else if fate < self.plan.lost_percent + self.plan.doubled_percent {
            2
        } else {
            1
        };
        (0..copies).map(|_| 1 + self.some(3_000)).collect()
    }

    fn send_to_server(&mut self, client: usize, said: Vec<ToServer>) {
        let session = self.agents[client].memory.as_ref().and_then(|memory| memory.session);
        let Some(session) = session else { return };
        for message in said {
            for delay in self.fate() {
                let message = message.clone();
                self.after_millis(delay, Event::ToServer { client, session, message });
            }
        }
    }

    fn send_to_agents(&mut self, out: Outgoing) -> Result<(), String> {
        for (id, message) in out {
            if format!("{message:?}").contains(SECRET) {
                return Err(format!("E5: a client is sent {message:?}"));
            }
            let session = self.server.as_ref().and_then(|server| server.session(id));
            let client = self.agents.iter().position(|agent| agent.client == id);
            let (Some(session), Some(client)) = (session, client) else { continue };
            for delay in self.fate() {
                let message = message.clone();
                self.after_millis(delay, Event::ToAgent { client, session, message });
            }
        }
        Ok(())
    }

    /// What the server said, or its death.
    fn said_or_died(&mut self, said: Result<Outgoing, StoreError>) -> Result<(), String> {
        match said {
            Ok(out) => {
                self.manage_soon();
                self.send_to_agents(out)
            }
            Err(error) if Chain(&error).to_string().contains("the process was killed") => {
                self.kill_server();
                Ok(())
            }
            Err(error) => Err(format!("the server failed: {}", Chain(&error))),
        }
    }

    async fn server_takes(
        &mut self,
        client: usize,
        session: u64,
        message: ToServer,
    ) -> Result<(), String> {
        let id: ClientId = self.agents[client].client;
        let Some(server) = &mut self.server else { return Ok(()) };
        if server.session(id) != Some(session) {
            return Ok(());
        }
        let said = server.take(id, message, self.now).await;
        self.said_or_died(said)
    }

    fn manage_soon(&mut self) {
        let due = self.server.as_ref().and_then(|server| server.wake);
        if due.is_some_and(|wake| wake <= self.now) {
            self.after_millis(0, Event::Manage);
        }
    }

    async fn manage(&mut self) -> Result<(), String> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let said = server.manage(&mut self.entropy, self.now).await;
        let wake = server.wake;
        match said {
            Ok(out) => self.send_to_agents(out)?,
            Err(error) => return self.said_or_died(Err(error)),
        }
        if let Some(wake) = wake {
            let micros = u64::try_from(wake.since(self.now).as_micros()).unwrap_or(u64::MAX);
            self.after_millis(micros.div_ceil(1_000).min(3_600_000), Event::Manage);
        }
        Ok(())
    }

    async fn operate(&mut self) -> Result<(), String> {
        if self.healed {
            return Ok(());
        }
        let next = 10_000 + self.some(60_000);
        self.after_millis(next, Event::Operate);
        let clients: Vec<ClientId> = self.agents.iter().map(|agent| agent.client).collect();
        let Some(server) = &mut self.server else { return Ok(()) };
        let said = self.operator.act(&self.stores, server, &clients, self.now).await;
        self.said_or_died(said)
    }

    fn kill_server(&mut self) {
        if self.server.take().is_none() {
            return;
        }
        self.outcome.server_kills += 1;
        for agent in &mut self.agents {
            agent.disconnect();
        }
        let down = 500 + self.some(20_000);
        self.after_millis(down, Event::ServerWakes);
    }

    async fn start_server(&mut self) -> Result<(), String> {
        if self.server.is_none() {
            let started = Server::start(self.stores.clone(), self.faulty.clone(), self.now).await;
            self.server = Some(started.map_err(|error| error.to_string())?);
            self.after_millis(0, Event::Manage);
        }
        self.check().await
    }

    async fn check(&mut self) -> Result<(), String> {
        let Self { stores, operator, agents, memory, now, faulty, .. } = self;
        if let Some(what) = faulty.watch().blamed() {
            return Err(format!("at {now}: {what}"));
        }
        let agents: Vec<_> = agents.iter().map(Agent::witness).collect();
        check_always(stores, &operator.hunts, &agents, memory, *now)
            .await
            .map_err(|what| format!("at {now}: {what}"))
    }

    /// Nothing goes wrong any more; all hunts end.
    async fn heal(&mut self) -> Result<(), String> {
        self.healed = true;
        self.faulty.heal();
        for agent in &mut self.agents {
            agent.wake();
            // Here single messages of a connection are lost, which a real one does not do: only a
            // new connection brings both sides' beliefs together.
            agent.disconnect();
        }
        self.start_server().await?;
        let ended = self.operator.end_all(&self.stores, self.now).await;
        ended.map_err(|error| error.to_string())?;
        let Some(server) = &mut self.server else { return Ok(()) };
        let said = server.reload(self.now).await;
        self.said_or_died(said)
    }

    /// Waits until everybody is quiet and all hunts are over; two virtual hours at most.
    async fn settle(&mut self) -> Result<(), String> {
        let end = self.now.plus(Duration::from_secs(7_200));
        while self.now < end {
            let next = self.now.plus(Duration::from_secs(30));
            self.live(next).await?;
            let quiet = self.agents.iter().all(Agent::is_quiet);
            if quiet && check_ended(&self.stores, &self.operator.hunts).await.is_ok() {
                break;
            }
        }
        check_ended(&self.stores, &self.operator.hunts).await?;
        let restless = self.agents.iter().find(|agent| !agent.is_quiet());
        match restless {
            None => Ok(()),
            Some(agent) => Err(format!("agent {} finds no rest", agent.number)),
        }
    }

    async fn finish(mut self) -> Result<Outcome, String> {
        self.check().await?;
        let made = self.faulty.watch().made();
        check_rates(&self.stores, &made).await?;
        self.outcome.admissions = made.iter().map(|some| some.count).sum();
        for hunt in &self.operator.hunts {
            let scope = model::results::ResultScope::Hunt { hunt: *hunt, round: 1 };
            let recount = self.stores.results.recount(scope).await;
            self.outcome.rows += recount.map_err(|error| error.to_string())?.counted;
        }
        Ok(self.outcome)
    }
}
