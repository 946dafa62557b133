//! `lycaon bench`: load tests that print their figures as JSON.

mod flood;
mod log;
mod results;
mod swarm;
mod vql;

use std::io::Write;
use std::path::Path;

use clap::Subcommand;
use serde::Serialize;

use crate::complaint::{Complaint, Outcome};

/// Load tests; prints figures as JSON
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon bench swarm --agents 500 --hunts 2\n  lycaon bench vql --only regex"
)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    /// Thousands of simulated agents against one server process, over real TLS and the real protocol
    ///
    /// The agents are the real agent library with an evaluator that answers at once and a spool in memory, in
    /// processes of their own, so that the server is what is measured. A scenario makes some of them die and
    /// come back, lie, have slow disks, forget what was acknowledged, lose their network, have wrong clocks.
    /// Figures: enrolments per second, memory per idle agent, idle processor time, how long hunts take, server
    /// processor time and bytes written per client-flow, transactions, what a restart costs.
    #[command(
        after_help = "Example:\n  lycaon bench swarm --agents 2000 --poll-secs 60 --idle-secs 60 --restart\n  lycaon bench swarm --agents 500 --rows 20 --churn 0.1 --liars 0.05 --slow 0.05 --duplicates 0.1 --loss 0.1 --skew-secs 3600\n  lycaon bench swarm --agents 2000 --hunts 0 --active-hunts 20,100"
    )]
    Swarm(swarm::SwarmArgs),
    /// How long honest agents' messages take while others attack: connections that never finish TLS,
    /// connections that send garbage, an agent that sends as fast as it can
    #[command(
        after_help = "Example:\n  lycaon bench flood\n  lycaon bench flood --silent 2000 --garbage 200 --secs 10"
    )]
    Flood(flood::FloodArgs),
    /// Attackers of `flood`; started by it
    #[command(hide = true)]
    Attack(flood::AttackArgs),
    /// Agents of `swarm`; started by it
    #[command(hide = true)]
    Crew(swarm::CrewArgs),
    /// Queries on this machine: rows per second of the language, bytes per second of what reads files
    ///
    /// One JSON object for each benchmark. Evidence is generated in the folder for temporary files, the same
    /// every time, and removed again; at 100 percent the largest benchmark needs 1.1 GB there.
    #[command(
        after_help = "Example:\n  lycaon bench vql\n  lycaon bench vql --only group --rows 100000 --repeat 1"
    )]
    Vql(vql::VqlArgs),
    /// Results of a hunt on this machine: the first page, sorts, filters, counts of values, exports
    #[command(
        after_help = "Example:\n  lycaon bench results --rows 1000000\n  lycaon bench results --rows 10000000 --straight"
    )]
    Results(results::ResultsArgs),
    /// Log hunts on this machine: events per second and processor against thousands of rules
    #[command(
        after_help = "Example:\n  lycaon bench log matcher\n  lycaon bench log matcher --events 50000 --rules 400"
    )]
    Log(log::LogArgs),
}

pub(crate) fn run(args: BenchArgs) -> Outcome {
    match args.command {
        BenchCommand::Swarm(args) => swarm::run(args),
        BenchCommand::Flood(args) => flood::run(args),
        BenchCommand::Attack(args) => flood::run_attack(args),
        BenchCommand::Crew(args) => swarm::run_crew(args),
        BenchCommand::Vql(args) => vql::run(args),
        BenchCommand::Results(args) => results::run(args),
        BenchCommand::Log(args) => log::run(args),
    }
}

/// Prints figures on a line, for benchmarks that print several.
fn print_line(figures: &impl Serialize) -> Outcome {
    print(serde_json::to_string(figures))
}

/// Prints figures over many lines, for benchmarks that print one thing.
fn print_whole(figures: &impl Serialize) -> Outcome {
    print(serde_json::to_string_pretty(figures))
}

fn print(text: serde_json::Result<String>) -> Outcome {
    let text =
        text.map_err(|error| Complaint::failed(format!("cannot print the figures: {error}")))?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Measures a server process whose records are in a folder of its own, and prints the figures.
fn with_a_server<F: Serialize>(
    name: &str,
    measure: impl AsyncFnOnce(&Path) -> Outcome<F>,
) -> Outcome {
    crate::os::raise_open_files();
    let folder = tempfile::Builder::new()
        .prefix(&format!("lycaon-{name}-"))
        .tempdir()
        .map_err(|e| Complaint::failed(format!("cannot make a temporary folder: {e}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))?;
    print_whole(&runtime.block_on(measure(folder.path()))?)
}
