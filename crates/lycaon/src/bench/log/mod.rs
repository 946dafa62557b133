//! `lycaon bench log`: what log hunts cost on this machine.
//!
//! `matcher`: many rules over generated events. `scheduler`: ticks on an engine that answers nothing.
//! `outage`: a day to catch up on. `policy`: which events which policy of windows finds. One JSON object
//! a line.

mod generate;
mod load;
mod matcher;
mod outage;
mod policy;
mod probe;
mod source;
mod stepped;

use std::path::Path;
use std::sync::Arc;

use base::{Chain, Clock};
use clap::Subcommand;
use log_rules::Definitions;
use loghunt::ports::{ControlStore, FindingStore, LedgerStore, OutboxStore};

use crate::complaint::{Complaint, Outcome};

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
    /// What the scheduler itself costs: all streams are due at once, their engine answers nothing
    ///
    /// Every run is committed to the ledger. One JSON object for each load: runs per minute, how long after its tick
    /// a query starts, the share of a core on the schedule's own interval; also with one tenant 100 times slower.
    #[command(
        after_help = "Example:\n  lycaon bench log scheduler --ticks 10\n  lycaon bench log scheduler --load 40x40 --postgres postgresql://postgres@127.0.0.1/bench"
    )]
    Scheduler(load::LoadArgs),
    /// A day on which no scheduler ran: how long catching up takes, and how late live windows are meanwhile
    #[command(after_help = "Example:\n  lycaon bench log outage")]
    Outage(StoreArgs),
    /// Which events which policy of windows finds, when some come late, some runs fail, and nothing runs for two hours
    #[command(after_help = "Example:\n  lycaon bench log policy --events 100000")]
    Policy(policy::PolicyArgs),
}

/// Where the records are kept, and how much there is of everything.
#[derive(clap::Args, Debug)]
struct StoreArgs {
    /// Keep the records in this PostgreSQL database instead of a SQLite file; it should be empty
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// How many percent of the usual tenants and rules there are
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    size: u32,
}

impl StoreArgs {
    fn store(&self) -> &'static str {
        if self.postgres.is_some() { "postgresql" } else { "sqlite" }
    }

    /// So many of these, at least one.
    fn part(&self, whole: u32) -> u32 {
        (whole * self.size / 100).max(1)
    }

    /// Fresh records, judged by this clock.
    async fn records(&self, file: &Path, clock: Arc<dyn Clock>) -> Outcome<Arc<dyn Records>> {
        let Some(url) = &self.postgres else {
            let store = store_sqlite::LogStore::open(file, clock)
                .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
            return Ok(Arc::new(store));
        };
        let settings =
            store_postgres::Settings { clock: Some(clock), ..store_postgres::Settings::default() };
        let store = store_postgres::PostgresLog::connect(url, settings)
            .await
            .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
        Ok(Arc::new(store))
    }
}

pub(crate) fn run(args: LogArgs) -> Outcome {
    match args.command {
        LogCommand::Matcher(args) => matcher::run(args),
        LogCommand::Scheduler(args) => load::run(&args),
        LogCommand::Outage(args) => outage::run(&args),
        LogCommand::Policy(args) => policy::run(&args),
    }
}

fn folder() -> Outcome<tempfile::TempDir> {
    tempfile::tempdir()
        .map_err(|error| Complaint::failed(format!("cannot make a folder for records: {error}")))
}

/// All records of log hunts.
trait Records: LedgerStore + FindingStore + OutboxStore + ControlStore {}
impl<T: LedgerStore + FindingStore + OutboxStore + ControlStore> Records for T {}

/// Definitions out of a text.
fn definitions(text: String) -> Outcome<Arc<Definitions>> {
    let (definitions, problems) = log_rules::read(&[("bench.yaml".to_owned(), text)]);
    let is_error =
        |one: &&log_rules::Problem| matches!(one.severity, log_rules::ProblemSeverity::Error);
    match problems.iter().find(is_error) {
        Some(error) => Err(Complaint::failed(format!("the benchmark's rules: {}", error.message))),
        None => Ok(Arc::new(definitions)),
    }
}

/// So many tenants with one dataset each, and so many rules over it. Tenants begin with the name of the
/// load, so that loads in one database do not meet.
fn fleet(load: &str, tenants: u32, rules: u32, every: &str) -> String {
    let mut text = "engine: nothing\nkind: none\nconcurrency: 32\n".to_owned();
    for tenant in 0..tenants {
        text += &format!(
            "---\ntenant: {load}-t{tenant}\ndatasets: {{ logs: {{ engine: nothing, table: logs, time: {{ event: at, ingest: taken }} }} }}\n"
        );
    }
    for rule in 0..rules {
        text += &format!(
            "---\nrule: r{rule}\ntitle: rule {rule}\nseverity: low\ndatasets: [logs]\nschedule: {{ every: {every}, log_buffer: 60s }}\nkind: per_event\nquery: SELECT * FROM {{table}} WHERE n = {rule}\n"
        );
    }
    text
}
