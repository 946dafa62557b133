//! `lycaon bench log`: what log hunts cost on this machine.

mod generate;
mod matcher;

use clap::Subcommand;

use crate::complaint::Outcome;

#[derive(clap::Args, Debug)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand, Debug)]
enum LogCommand {
    /// Generated process events against generated Sigma rules, in one pass, from NDJSON and from Parquet
    ///
    /// One JSON object for each format and number of rules: events per second of processor time, peak memory,
    /// matches. For comparison, some of the rules are also asked one by one as SQL.
    #[command(
        after_help = "Example:\n  lycaon bench log matcher --events 50000 --rules 40 --rules 400"
    )]
    Matcher(matcher::MatcherArgs),
}

pub(crate) fn run(args: LogArgs) -> Outcome {
    match args.command {
        LogCommand::Matcher(args) => matcher::run(args),
    }
}
