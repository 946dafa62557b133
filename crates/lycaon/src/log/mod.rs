//! `lycaon log`: rules on a schedule over many tenants' logs.

mod channels;
mod check;
mod config;
mod desk;
mod engines;
mod findings;
mod look;
mod plugins;
mod post;
mod run;
mod secrets;
mod state;
mod steer;
mod tick;
mod watch;

pub(crate) use desk::LogHunts;
pub(crate) use secrets::resolve as resolve_secret;

use clap::Subcommand;

use crate::complaint::Outcome;

/// Run rules on a schedule over logs, with checkpoints that can be trusted
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log check rules/\n  lycaon log tick --config rules/ --at 2026-01-01T12:00:00Z\n  lycaon log run --config rules/\n  lycaon log status --config rules/"
)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand, Debug)]
enum LogCommand {
    Check(check::CheckArgs),
    Tick(tick::TickArgs),
    Run(run::RunArgs),
    Status(look::StatusArgs),
    Ledger(look::LedgerArgs),
    Explain(look::ExplainArgs),
    Backfill(steer::BackfillArgs),
    Pause(steer::PauseArgs),
    Resume(steer::ResumeArgs),
    Waive(steer::WaiveArgs),
    Reopen(steer::ReopenArgs),
    Findings(findings::FindingsArgs),
}

pub(crate) fn run(args: LogArgs) -> Outcome {
    match args.command {
        LogCommand::Check(args) => check::run(&args),
        LogCommand::Tick(args) => tick::run(&args),
        LogCommand::Run(args) => run::run(&args),
        LogCommand::Status(args) => look::status(&args),
        LogCommand::Ledger(args) => look::ledger(&args),
        LogCommand::Explain(args) => look::explain(&args),
        LogCommand::Backfill(args) => steer::backfill(&args),
        LogCommand::Pause(args) => steer::pause(&args),
        LogCommand::Resume(args) => steer::resume(&args),
        LogCommand::Waive(args) => steer::waive(&args),
        LogCommand::Reopen(args) => steer::reopen(&args),
        LogCommand::Findings(args) => findings::run(&args),
    }
}
