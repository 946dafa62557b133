//! `lycaon log run`: the daemon.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scheduler::Scheduler;
use tokio_util::sync::CancellationToken;

use super::config;
use super::engines::OpenEngines;
use super::state::StateArgs;
use super::tick::{kept_for, runtime, settings};
use super::watch::Watched;
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::machine::SystemClock;
use crate::{figures, os};

/// Run rules on their schedules, until asked to end
///
/// Changed definitions are taken up within seconds; with an error in them the old ones stay. Ctrl-C lets
/// what runs finish; a second one ends at once, which loses nothing.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log run --config rules/ --listen 127.0.0.1:9464\n  lycaon log run --config rules/ --postgres postgres://lycaon@db.example/lycaon"
)]
pub(super) struct RunArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Serve Prometheus metrics there, at any path
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// How many pieces of work run at once
    #[arg(long, value_name = "N", default_value_t = 32)]
    slots: u32,
    /// For how many seconds a window stays with a scheduler that gives no sign of life
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..=3600))]
    lease: u64,
    /// For how many days settled windows and attempts are kept; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    keep_runs: u32,
    /// For how many days findings are kept; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    keep_findings: u32,
}

pub(super) fn run(args: &RunArgs) -> Outcome {
    crate::serve::start_log(false);
    let (watched, read) = Watched::new(&args.state.config);
    let definitions = config::usable(&args.state.config, read)?;
    os::raise_open_files();
    runtime()?.block_on(async {
        if let Some(address) = args.listen {
            serve_metrics(address).await.map_err(|error| {
                Complaint::failed(format!("cannot serve metrics on {address}: {error}"))
            })?;
        }
        let records = args.state.open(None).await?;
        let engines = OpenEngines::new(&args.state.folder());
        let ports = records.ports(engines, Arc::new(SystemClock));
        let settings = scheduler::Settings {
            slots: args.slots.max(1),
            keep_runs: kept_for(args.keep_runs),
            keep_findings: kept_for(args.keep_findings),
            ..leased(args.lease)
        };
        let scheduler = Scheduler::new(ports, settings, definitions);
        told(&scheduler);
        let stop = CancellationToken::new();
        let watching = watch(&scheduler, watched);
        let ending = async {
            os::asked_to_end().await;
            note("ending; what runs is let finish");
            stop.cancel();
            os::asked_to_end().await;
        };
        let running = scheduler.run(stop.clone());
        tokio::select! {
            () = running => {}
            () = ending => note("ended at once"),
            () = watching => {}
        }
        Ok(())
    })
}

/// It stops working on a window shortly before others may take it.
fn leased(secs: u64) -> scheduler::Settings {
    let usual = settings("run");
    let lease = Duration::from_secs(secs);
    let lease_margin = usual.lease_margin.min(lease / 6);
    scheduler::Settings { lease, lease_margin, ..usual }
}

/// Prometheus metrics at every path of an address.
async fn serve_metrics(address: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    let metrics = figures::install()?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    let page = axum::Router::new().fallback(move || std::future::ready(metrics.render()));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, page).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok(())
}

fn told(scheduler: &Scheduler) {
    let roster = scheduler.roster();
    for problem in &roster.problems {
        note(problem);
    }
    note(&format!("{} streams", roster.by_name.len()));
}

/// Takes up changed definitions.
async fn watch(scheduler: &Scheduler, mut watched: Watched) {
    let mut bad = String::new();
    loop {
        let read = watched.changed().await;
        let errors = read.errors();
        if !errors.is_empty() {
            if bad != errors {
                note(&format!("the old definitions stay: {errors}"));
            }
        } else if read.definitions.revision != scheduler.roster().definitions.revision {
            note("the definitions have changed");
            scheduler.reload(read.definitions).await;
            told(scheduler);
        }
        bad = errors;
    }
}
