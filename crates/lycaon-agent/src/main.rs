//! The agent program: reads its configuration, picks hands, runs `agent`.
//!
//! Exit codes: 0 when it was asked to end, 1 when it could not go on, 2 when its command line or its
//! configuration is wrong.

mod assemble;
mod machine_facts;
mod os;
mod settings;
mod world;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use agent::Farewell;
use agent::config::AgentConfig;
use clap::Parser;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads left after the end may take so long.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

/// Lycaon's agent: takes part in hunts and collects evidence on this machine.
#[derive(Parser)]
#[command(name = "lycaon-agent", version, after_help = settings::help())]
struct Arguments {
    /// The configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only say whether the configuration is right
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match settings::load(&arguments.config) {
        Ok(config) => config,
        Err(wrong) => return complain(&wrong, 2),
    };
    if arguments.check {
        return ExitCode::SUCCESS;
    }
    start_log(&config);
    match run(&config) {
        Ok(Farewell::Stopped) => ExitCode::SUCCESS,
        Ok(Farewell::TurnedAway { reason }) => {
            complain(&[format!("the server does not want this client any more: {reason}")], 1)
        }
        Err(error) => complain(&[format!("{error:#}")], 1),
    }
}

#[expect(clippy::print_stderr, reason = "a program tells its user what is wrong")]
fn complain(lines: &[String], code: u8) -> ExitCode {
    for line in lines {
        eprintln!("lycaon-agent: {line}");
    }
    ExitCode::from(code)
}

fn start_log(config: &AgentConfig) {
    let level = config.log_level.parse().unwrap_or(tracing::Level::INFO);
    let for_people = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(for_people)
        .with_writer(std::io::stderr);
    if config.log_format == "json" {
        log.json().init();
    } else {
        log.with_target(false).init();
    }
}

fn run(config: &AgentConfig) -> anyhow::Result<Farewell> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("lycaon-agent")
        .enable_all()
        .build()?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let farewell = runtime.block_on(async {
        tokio::spawn(async move {
            if let Err(error) = os::asked_to_end().await {
                tracing::warn!(%error, "signals cannot be heard; the agent runs until it is killed");
                return;
            }
            tracing::info!("asked to end");
            stopping.cancel();
        });
        assemble::run(config, stop).await
    });
    runtime.shutdown_timeout(FAREWELL_TIME);
    farewell
}
