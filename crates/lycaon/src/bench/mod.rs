//! `lycaon bench`: load tests that print their figures as JSON.

mod hunts;
mod idle;
mod light;
mod log;
mod results;
mod swarm;
mod vql;

use clap::Subcommand;

use crate::complaint::Outcome;

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
    /// Many light agents in one process against one server process, over real TLS and the real protocol
    ///
    /// The agents are the real agent library with an evaluator that answers at once and a spool in memory, so
    /// that the server is what is measured. Figures: memory per idle agent, idle processor time, server
    /// processor time per client-flow net of idle, polls per second.
    #[command(
        after_help = "Example:\n  lycaon bench swarm --agents 500 --hunts 2\n  lycaon bench swarm --agents 2000 --poll-secs 60 --idle-secs 120"
    )]
    Swarm(swarm::SwarmArgs),
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
        BenchCommand::Vql(args) => vql::run(args),
        BenchCommand::Results(args) => results::run(args),
        BenchCommand::Log(args) => log::run(args),
    }
}
