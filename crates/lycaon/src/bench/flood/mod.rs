//! `lycaon bench flood`: how long honest agents' messages take while others attack the server.

mod attack;
mod probe;

use std::time::{Duration, Instant};

use serde::Serialize;

use self::attack::{Attack, AttackPlan, Attackers};
use self::probe::{Answered, Probes};
use super::swarm::{Scenario, Setting, Stage};
use crate::complaint::Outcome;
use crate::login::note;

pub(crate) use self::attack::{AttackArgs, run as run_attack};

#[derive(clap::Args, Debug)]
pub(crate) struct FloodArgs {
    /// Honest agents that are connected and idle
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..), value_name = "N")]
    agents: u32,
    /// Honest sessions whose messages are timed
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    probes: u32,
    /// Seconds of each phase
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..), value_name = "SECONDS")]
    secs: u64,
    /// Connections that never finish TLS
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    silent: u32,
    /// Connections that send garbage
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    garbage: u32,
    /// Connections that attackers open in a second, at most
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    per_second: u32,
}

/// All that is printed.
#[derive(Debug, Serialize)]
struct Figures {
    profile: &'static str,
    /// What keeps the attackers from taking the processors instead of the server's time.
    attackers_quota: String,
    phases: Vec<Phase>,
}

/// One phase: nobody attacks, or somebody does.
#[derive(Debug, Serialize)]
struct Phase {
    attack: &'static str,
    secs: f64,
    #[serde(flatten)]
    answered: Answered,
    /// By how much more than without an attack.
    times_normal_50: f64,
    times_normal_99: f64,
    /// Of one processor.
    server_cpu_percent: f64,
    server_memory_bytes: u64,
    /// Connections that attackers held at the end, and those that were cut or refused.
    attackers_connected: u64,
    attackers_cut: u64,
    attackers_messages: u64,
}

/// After an attack began or ended, so much passes before anything is measured.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn run(args: FloodArgs) -> Outcome {
    super::with_a_server("flood", async |folder| measure(&args, folder).await)
}

async fn measure(args: &FloodArgs, folder: &std::path::Path) -> Outcome<Figures> {
    let scenario = Scenario::plain();
    // One more enrols: the attacker that is an agent.
    let agents = args.agents + args.probes + 1;
    let setting = Setting { agents, poll_secs: 60, nodes: 1, scenario: &scenario };
    let mut stage = Stage::set_up(folder, &setting).await?;
    stage.gather(1, args.agents, u64::from(args.agents)).await?;
    let probes = Probes::connect(&stage.door, args.probes).await?;
    let mut phases: Vec<Phase> = Vec::new();
    let mut plan = AttackPlan {
        door: stage.door.clone(),
        attack: Attack::Fast,
        connections: 1,
        per_second: args.per_second,
    };
    let attacks = [
        (None, 0),
        (Some(Attack::Silent), args.silent),
        (Some(Attack::Garbage), args.garbage),
        (Some(Attack::Fast), 1),
        (None, 0),
    ];
    for (attack, connections) in attacks {
        let name = attack.map_or("nobody", Attack::name);
        note(&format!("{name} attacks for {} s", args.secs));
        let mut attackers = match attack {
            Some(attack) => {
                plan = AttackPlan { attack, connections, ..plan };
                Some(Attackers::start(&plan, folder)?)
            }
            None => None,
        };
        tokio::time::sleep(SETTLE).await;
        let (before, began) = (stage.servers.usage()?, Instant::now());
        let answered = probes.measure(Duration::from_secs(args.secs)).await?;
        let (after, secs) = (stage.servers.usage()?, began.elapsed().as_secs_f64());
        stage.servers.check()?;
        let report = attackers.as_mut().map(Attackers::report).transpose()?.unwrap_or_default();
        let normal = phases.first().map_or(answered, |phase| phase.answered);
        phases.push(Phase {
            attack: name,
            secs,
            answered,
            times_normal_50: answered.millis_50 / normal.millis_50.max(0.001),
            times_normal_99: answered.millis_99 / normal.millis_99.max(0.001),
            server_cpu_percent: 100.0 * after.cpu.saturating_sub(before.cpu).as_secs_f64() / secs,
            server_memory_bytes: after.resident,
            attackers_connected: report.connected,
            attackers_cut: report.cut,
            attackers_messages: report.messages,
        });
    }
    Ok(Figures {
        profile: if cfg!(debug_assertions) { "debug" } else { "optimised" },
        attackers_quota: format!(
            "nice 19, one thread, at most {} connections a second",
            args.per_second
        ),
        phases,
    })
}
