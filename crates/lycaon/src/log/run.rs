//! `lycaon log run`: the daemon.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use scheduler::Scheduler;
use tokio_util::sync::CancellationToken;

use super::config;
use super::engines::OpenEngines;
use super::state::StateArgs;
use super::tick::{runtime, settings};
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::machine::SystemClock;
use crate::os;

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
}

pub(super) fn run(args: &RunArgs) -> Outcome {
    crate::serve::start_log(false);
    let definitions = config::load(&args.state.config)?;
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
        let settings = scheduler::Settings { slots: args.slots.max(1), ..leased(args.lease) };
        let scheduler = Scheduler::new(ports, settings, definitions);
        told(&scheduler);
        let stop = CancellationToken::new();
        let watching = watch(&scheduler, &args.state.config);
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
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
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
async fn watch(scheduler: &Scheduler, folder: &Path) {
    let mut bad = None;
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let home = folder.to_owned();
        let Ok(found) = tokio::task::spawn_blocking(move || config::read_again(&home)).await else {
            continue;
        };
        match found {
            Ok(definitions) if definitions.revision != scheduler.roster().definitions.revision => {
                note("the definitions have changed");
                scheduler.reload(definitions).await;
                told(scheduler);
                bad = None;
            }
            Ok(_) => {}
            Err(why) => {
                if bad.as_ref() != Some(&why) {
                    note(&format!("the old definitions stay: {why}"));
                    bad = Some(why);
                }
            }
        }
    }
}
