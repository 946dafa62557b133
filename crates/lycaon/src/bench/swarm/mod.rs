//! `lycaon bench swarm`: sets up servers and processes of light agents, measures, prints.

mod crew;
mod disk;
mod hunts;
mod idle;
mod light;
mod relay;
mod scenario;
mod servers;
mod stage;

use std::time::Instant;

use serde::Serialize;

use self::hunts::HuntFigures;
use self::idle::{IdleFigures, Idling};
use crate::complaint::Outcome;
use crate::login::note;

pub(crate) use self::crew::{CrewArgs, run as run_crew};
pub(crate) use self::light::{Door, facts};
pub(crate) use self::scenario::Scenario;
pub(crate) use self::stage::{Setting, Stage};

#[derive(clap::Args, Debug)]
pub(crate) struct SwarmArgs {
    /// How many agents
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..), value_name = "N")]
    agents: u32,
    /// How many hunts, one after the other; every agent takes part in each
    #[arg(long, default_value_t = 2, value_name = "N")]
    hunts: u32,
    /// Seconds between two polls of an agent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..), value_name = "SECONDS")]
    poll_secs: u32,
    /// How long idling is measured
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS")]
    idle_secs: u64,
    /// Idle again with so many hunts active that want nobody, one number after the other
    #[arg(long, value_delimiter = ',', value_name = "N,N")]
    active_hunts: Vec<u32>,
    /// At the end kill the server, start it again, and measure until all agents are back
    #[arg(long)]
    restart: bool,
    /// Servers: one over SQLite, or several over a PostgreSQL of this machine
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9), value_name = "N")]
    nodes: u32,
    #[command(flatten)]
    scenario: Scenario,
}

/// All that is printed.
#[derive(Debug, Serialize)]
struct Figures {
    scenario: Scenario,
    nodes: u32,
    agents_connected: u64,
    connect_secs: f64,
    enrolments_per_sec: f64,
    server_cpu_millis_per_enrolment: f64,
    profile: &'static str,
    /// What the second half of the agents added, for each of them. What an empty server has is no measure,
    /// because signing in needs much memory for a moment.
    server_memory_per_idle_agent_bytes: u64,
    idle: Vec<IdleFigures>,
    hunts: Vec<HuntFigures>,
    restart: Option<RestartFigures>,
    server_memory_peak_bytes: u64,
    server_memory_at_end_bytes: u64,
    agent_deaths: u64,
    broken_connections: u64,
}

/// What it costs when all agents come back at once.
#[derive(Debug, Serialize)]
struct RestartFigures {
    agents: u64,
    secs: f64,
    server_cpu_secs: f64,
    server_cpu_millis_per_agent: f64,
}

/// So many of those that churn or lose their network may be away when agents are counted.
const AWAY_SHARE: f64 = 0.5;

pub(crate) fn run(args: SwarmArgs) -> Outcome {
    super::with_a_server("swarm", async |folder| measure(&args, folder).await)
}

impl SwarmArgs {
    /// Of so many agents at least so many are connected at any time.
    fn connected(&self, agents: u32) -> u64 {
        let away = (self.scenario.churn + self.scenario.loss).min(1.0) * AWAY_SHARE;
        (f64::from(agents) * (1.0 - away)) as u64
    }
}

async fn measure(args: &SwarmArgs, folder: &std::path::Path) -> Outcome<Figures> {
    let SwarmArgs { agents, poll_secs, ref scenario, .. } = *args;
    let setting = Setting { agents, poll_secs, nodes: args.nodes, scenario };
    let mut stage = Stage::set_up(folder, &setting).await?;
    let half = agents / 2;
    let (before, began) = (stage.servers.usage()?, Instant::now());
    stage.gather(1, half, args.connected(half)).await?;
    let (first_secs, first) = (began.elapsed(), stage.servers.usage()?);
    let with_half = idle::settled(&stage.servers).await?;
    let again = Instant::now();
    let connected = stage.gather(half + 1, agents, args.connected(agents)).await?;
    let connect_secs = (first_secs + again.elapsed()).as_secs_f64();
    let all = stage.servers.usage()?;
    let enrolling = (first.cpu - before.cpu) + all.cpu.saturating_sub(with_half.cpu);
    note(&format!("{connected} agents connected in {connect_secs:.1} s"));
    let mut idle = Vec::new();
    let mut active = 0;
    for active_hunts in [0].iter().chain(&args.active_hunts).copied() {
        let wanted = active_hunts.max(active);
        hunts::start_idle(&mut stage, active..wanted, u64::from(agents)).await?;
        active = wanted;
        note(&format!("idling for {} s with {active} hunts", args.idle_secs));
        let (secs, agents) = (args.idle_secs, connected);
        let idling = Idling { secs, agents, poll_secs, active_hunts: active };
        idle.push(idle::measure(&stage.servers, idling).await?);
    }
    let added = idle[0].server_memory_bytes.saturating_sub(with_half.resident);
    let mut figures = Vec::new();
    for number in 1..=args.hunts {
        note(&format!("hunt {number} of {}", args.hunts));
        let idle_percent = idle.last().map_or(0.0, |idle| idle.server_cpu_percent);
        figures.push(hunts::measure(&mut stage, number, agents.into(), idle_percent).await?);
    }
    let peak = stage.servers.usage()?;
    let restart = match args.restart {
        true => Some(restart(&mut stage, args.connected(agents)).await?),
        false => None,
    };
    let reports = stage.reports()?;
    Ok(Figures {
        scenario: scenario.clone(),
        nodes: args.nodes,
        agents_connected: connected,
        connect_secs,
        enrolments_per_sec: f64::from(agents) / connect_secs.max(0.001),
        server_cpu_millis_per_enrolment: 1e3 * enrolling.as_secs_f64() / f64::from(agents),
        profile: if cfg!(debug_assertions) { "debug" } else { "optimised" },
        server_memory_per_idle_agent_bytes: added / u64::from(agents - half),
        idle,
        hunts: figures,
        restart,
        server_memory_peak_bytes: peak.peak,
        server_memory_at_end_bytes: peak.resident,
        agent_deaths: reports.iter().map(|report| report.deaths).sum(),
        broken_connections: reports.iter().map(|report| report.cuts).sum(),
    })
}

async fn restart(stage: &mut Stage, agents: u64) -> Outcome<RestartFigures> {
    note("the server is killed and started again");
    stage.servers.restart().await?;
    let (before, began) = (stage.servers.usage()?, Instant::now());
    let back = stage.until_connected(agents).await?;
    let secs = began.elapsed().as_secs_f64();
    let cpu = stage.servers.usage()?.cpu.saturating_sub(before.cpu).as_secs_f64();
    Ok(RestartFigures {
        agents: back,
        secs,
        server_cpu_secs: cpu,
        server_cpu_millis_per_agent: 1e3 * cpu / back.max(1) as f64,
    })
}
