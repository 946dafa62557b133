//! The world: two nodes, their records, agents, people, and bad luck.

use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, Clock, SeededEntropy, Timestamp};
use fleet::nodes::{MemAnnouncements, MemNodes};
use model::hunt::OfferSeq;
use model::results::ResultScope;
use parking_lot::Mutex;
use testkit::stores::{Stores, at, pick};

use super::agent::{Body, Connect, Known, Process};
use super::line::{Line, Weather, Wire};
use super::luck::Trouble;
use super::node::{Node, Outside};
use super::people::People;
use super::shared::Shared;
use crate::invariants::{self, Witness, check_always, check_ended, check_rates};
use crate::log::time::{TrueTime, pass};
use crate::watch::{Planted, Watch};

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Agents.
    pub agents: u8,
    /// How long things go wrong, in virtual time.
    pub trouble: Duration,
    /// A promise that is broken on purpose.
    pub planted: Option<Planted>,
}

impl Plan {
    /// Seven agents and fifteen minutes of trouble.
    pub fn new(seed: u64) -> Self {
        Self { seed, agents: 7, trouble: Duration::from_secs(900), planted: None }
    }
}

/// What happened; so that a test can see that something did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Times a node was killed or died.
    pub node_kills: u64,
    /// Times a node stood still for a while.
    pub node_stops: u64,
    /// Times an agent was killed or died.
    pub agent_kills: u64,
    /// Members that were admitted, attempts counted.
    pub admissions: u64,
    /// Rows of all hunts at the end.
    pub rows: u64,
    /// Changes of the records that were looked at.
    pub steps: u64,
    /// All that happened, in order, in one number: equal where two runs did the same.
    pub trace: u64,
}

impl Outcome {
    /// What happened in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            node_kills: self.node_kills + other.node_kills,
            node_stops: self.node_stops + other.node_stops,
            agent_kills: self.agent_kills + other.agent_kills,
            admissions: self.admissions + other.admissions,
            rows: self.rows + other.rows,
            steps: self.steps + other.steps,
            trace: self.trace.rotate_left(1) ^ other.trace,
        }
    }
}

type Nodes = Arc<Mutex<[Option<Arc<Node>>; 2]>>;

/// How agents find a node: whichever answers.
struct Directory {
    nodes: Nodes,
    entropy: Mutex<SeededEntropy>,
    watch: Arc<Watch>,
}

impl Connect for Directory {
    fn connect(&self, client: ClientId) -> Option<Line> {
        let which = pick(&mut *self.entropy.lock(), 2) as usize;
        let nodes = self.nodes.lock().clone();
        [which, 1 - which].into_iter().find_map(|which| nodes[which].as_ref()?.connect(client))
    }

    fn blame(&self, what: String) {
        self.watch.blame(what);
    }
}

/// The records' own clock, which is right.
struct StoreTime(TrueTime);

impl Clock for StoreTime {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct World {
    plan: Plan,
    entropy: SeededEntropy,
    outside: Outside,
    nodes: Nodes,
    connect: Arc<Directory>,
    agents: Vec<(Arc<Body>, Option<Process>)>,
    people: People,
    memory: invariants::Memory,
    born: u64,
    outcome: Outcome,
}

/// Runs a plan over these stores, on a runtime whose clock is paused. The error names the invariant that
/// does not hold.
pub async fn run(plan: Plan, stores: Stores) -> Result<Outcome, String> {
    let mut world = World::new(plan, stores).await;
    world.live().await?;
    world.heal().await?;
    world.finish().await
}

impl World {
    async fn new(plan: Plan, stores: Stores) -> Self {
        let time = TrueTime::starting(at(0));
        let watch = Arc::new(Watch::new(stores.clone()));
        let wire = Wire {
            weather: Arc::new(Mutex::new(Weather::USUAL)),
            entropy: Arc::new(Mutex::new(SeededEntropy::new(plan.seed ^ 0x3173))),
            watch: watch.clone(),
        };
        let outside = Outside {
            time,
            stores: stores.clone(),
            shared: Shared {
                nodes: Arc::new(MemNodes::new(Arc::new(StoreTime(time)))),
                news: Arc::new(MemAnnouncements::new()),
            },
            watch: watch.clone(),
            trouble: Arc::new(Mutex::new(Trouble::USUAL)),
            wire,
            planted: plan.planted,
        };
        let nodes = Nodes::default();
        let entropy = Mutex::new(SeededEntropy::new(plan.seed ^ 0xd14e));
        let connect = Arc::new(Directory { nodes: nodes.clone(), entropy, watch });
        let mut agents = Vec::new();
        for number in 1..=plan.agents {
            let client = stores.enrol(number).await;
            let body = Arc::new(Body::new(client, u64::from(number), plan.seed));
            let process = Process::start(&body, connect.clone());
            agents.push((body, Some(process)));
        }
        let mut world = Self {
            plan,
            entropy: SeededEntropy::new(plan.seed),
            outside,
            nodes,
            connect,
            agents,
            people: People::new(plan.seed),
            memory: invariants::Memory::default(),
            born: 0,
            outcome: Outcome::default(),
        };
        world.start(0);
        world.start(1);
        world
    }

    fn some(&mut self, end: u64) -> u64 {
        pick(&mut self.entropy, end)
    }

    fn secs(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least * 1000 + self.some((most - least) * 1000))
    }

    fn start(&mut self, which: usize) {
        self.born += 1;
        let seed = self.plan.seed.wrapping_mul(1_000).wrapping_add(self.born);
        // Clocks of two machines are seldom the same.
        let off = i64::try_from(self.some(3)).unwrap_or(0) - 1;
        self.nodes.lock()[which] = Some(Node::start(&self.outside, seed, off));
    }

    fn kill(&mut self, which: usize) {
        let node = self.nodes.lock()[which].take();
        if let Some(node) = node {
            node.kill();
            self.outcome.node_kills += 1;
        }
    }

    fn node(&self, which: usize) -> Option<Arc<Node>> {
        self.nodes.lock()[which].clone()
    }

    /// A node that people can reach.
    fn somebody(&mut self) -> Option<Arc<Node>> {
        let which = self.some(2) as usize;
        let ready = |which| self.node(which).filter(|node| node.is_ready());
        ready(which).or_else(|| ready(1 - which))
    }

    /// Things go wrong until the trouble is over.
    async fn live(&mut self) -> Result<(), String> {
        let end = at(0).plus(self.plan.trouble);
        let mut looked = at(0);
        while self.outside.time.now() < end {
            let wait = self.secs(1, 12);
            pass(wait).await;
            self.something_happens().await;
            self.blamed()?;
            if self.outside.time.now().since(looked) > Duration::from_secs(30) {
                looked = self.outside.time.now();
                self.check().await?;
            }
        }
        Ok(())
    }

    async fn something_happens(&mut self) {
        for which in 0..2 {
            let dead = self.node(which).is_none_or(|node| node.is_dead());
            if dead && self.some(3) == 0 {
                self.kill(which);
                self.start(which);
            }
        }
        self.agents_die_and_wake();
        let which = self.some(2) as usize;
        match self.some(24) {
            0 => self.kill(which),
            1 => self.stands_still(which).await,
            2 => self.clock_steps(which),
            3 if self.some(3) == 0 => self.records_are_full().await,
            4 => self.outside.wire.weather.lock().storms += 1,
            5..=13 => {
                let clients: Vec<ClientId> =
                    self.agents.iter().map(|(body, _)| body.client).collect();
                if let Some(node) = self.somebody() {
                    self.people.act(&node, &clients).await;
                }
            }
            _ => {}
        }
    }

    fn agents_die_and_wake(&mut self) {
        for at in 0..self.agents.len() {
            let over = self.agents[at].1.as_ref().is_some_and(Process::is_over);
            if over || self.some(90) == 0 {
                self.agent_dies(at);
            } else if self.agents[at].1.is_none() && self.some(6) == 0 {
                self.agent_wakes(at);
            }
        }
    }

    fn agent_dies(&mut self, at: usize) {
        let (body, process) = &mut self.agents[at];
        if let Some(process) = process.take() {
            process.kill(body);
            self.outcome.agent_kills += 1;
        }
    }

    fn agent_wakes(&mut self, at: usize) {
        let (body, process) = &mut self.agents[at];
        if process.is_none() {
            *process = Some(Process::start(body, self.connect.clone()));
        }
    }

    /// Long enough for whatever it holds to be taken from it.
    async fn stands_still(&mut self, which: usize) {
        let Some(node) = self.node(which) else { return };
        node.gate.stop();
        self.outcome.node_stops += 1;
        let wait = self.secs(1, 100);
        pass(wait).await;
        node.gate.go_on();
    }

    fn clock_steps(&mut self, which: usize) {
        let off = match self.some(4) {
            0 => 3_600,
            1 => -3_600,
            2 => 45,
            _ => -45,
        };
        if let Some(node) = self.node(which) {
            node.clock.set_off(off);
        }
    }

    async fn records_are_full(&mut self) {
        self.outside.trouble.lock().full = true;
        let wait = self.secs(5, 120);
        pass(wait).await;
        self.outside.trouble.lock().full = false;
    }

    fn blamed(&self) -> Result<(), String> {
        let now = self.outside.time.now();
        self.outside.watch.blamed().map_or(Ok(()), |what| Err(format!("at {now}: {what}")))
    }

    async fn check(&mut self) -> Result<(), String> {
        self.blamed()?;
        let now = self.outside.time.now();
        let known: Vec<Known> =
            self.agents.iter().map(|(body, _)| body.known.lock().clone()).collect();
        let witness = |((body, _), known): (&(Arc<Body>, Option<Process>), _)| {
            let known: &Known = known;
            let (client, number) = (body.client, body.number);
            let cursor = OfferSeq(body.cursor());
            let (finished, acknowledged) = (&known.finished, &known.acknowledged);
            Witness { client, number, cursor, finished, acknowledged }
        };
        let agents: Vec<Witness<'_>> = self.agents.iter().zip(&known).map(witness).collect();
        let World { outside, people, memory, plan, .. } = self;
        // Clocks of nodes are off: a hunt may be over for one of them a little earlier.
        let slack = Duration::from_secs(if plan.seed.is_multiple_of(2) { 0 } else { 3_602 });
        check_always(&outside.stores, &people.hunts, &agents, memory, now.plus(slack))
            .await
            .map_err(|what| format!("at {now}: {what}"))
    }

    /// Nothing goes wrong any more, and one node is left.
    async fn heal(&mut self) -> Result<(), String> {
        *self.outside.trouble.lock() = Trouble::default();
        let storms = self.outside.wire.weather.lock().storms + 1;
        *self.outside.wire.weather.lock() = Weather { storms, ..Weather::default() };
        let survivor = self.some(2) as usize;
        self.kill(1 - survivor);
        let lives = self.node(survivor).is_some_and(|node| !node.is_dead());
        if !lives {
            self.kill(survivor);
            self.start(survivor);
        }
        if let Some(node) = self.node(survivor) {
            node.gate.go_on();
            node.clock.set_off(0);
        }
        for at in 0..self.agents.len() {
            let over = self.agents[at].1.as_ref().is_some_and(Process::is_over);
            if over {
                self.agent_dies(at);
            }
            self.agent_wakes(at);
        }
        let end = self.outside.time.now().plus(Duration::from_secs(3 * 3_600));
        loop {
            pass(Duration::from_secs(60)).await;
            for at in 0..self.agents.len() {
                if self.agents[at].1.as_ref().is_some_and(Process::is_over) {
                    self.agent_dies(at);
                    self.agent_wakes(at);
                }
            }
            if self.node(survivor).is_none_or(|node| node.is_dead()) {
                // It was still starting when things went wrong for the last time.
                self.kill(survivor);
                self.start(survivor);
            }
            if let Some(node) = self.node(survivor).filter(|node| node.is_ready()) {
                self.people.end_all(&node, &self.outside.stores).await;
            }
            self.check().await?;
            let quiet = self.agents.iter().find(|(body, _)| !body.is_quiet());
            let ended = check_ended(&self.outside.stores, &self.people.hunts).await;
            match (quiet, ended) {
                (None, Ok(())) => return Ok(()),
                (_, ended) if self.outside.time.now() < end => drop(ended),
                (_, Err(what)) => return Err(what),
                (Some((body, _)), Ok(())) => {
                    return Err(format!("agent {} finds no rest", body.number));
                }
            }
        }
    }

    async fn finish(mut self) -> Result<Outcome, String> {
        self.check().await?;
        check_rates(&self.outside.stores, &self.outside.watch.made()).await?;
        for which in 0..2 {
            if let Some(node) = self.nodes.lock()[which].take() {
                node.kill();
            }
        }
        for (body, process) in &mut self.agents {
            if let Some(process) = process.take() {
                process.kill(body);
            }
        }
        self.outcome.admissions = self.outside.watch.admitted();
        self.outcome.steps = self.outside.watch.steps();
        self.outcome.trace = self.outside.watch.trace();
        for hunt in &self.people.hunts {
            let scope = ResultScope::Hunt { hunt: *hunt, round: 1 };
            let recount = self.outside.stores.results.recount(scope).await;
            self.outcome.rows += recount.map_err(|error| error.to_string())?.counted;
        }
        Ok(self.outcome)
    }
}
