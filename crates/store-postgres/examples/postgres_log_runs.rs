//! Measures how many runs of log hunts a server takes: `postgres_log_runs [RUNS] [WORKERS] [URL]`; without a URL
//! a throw-away server that waits for the disk.

use std::io::Write;
use std::sync::Arc;

use store_postgres::{PostgresLog, Settings};
use testkit::log_load::{Load, measure};
use testkit::postgres::Cluster;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u32>().ok());
    let rounds = number().unwrap_or(10_000).div_ceil(2_000);
    let most = number().unwrap_or(32);
    let given = arguments.next();
    let cluster = match &given {
        Some(_) => None,
        None => Some(Cluster::start(&["fsync=on", "full_page_writes=on"]).expect("a server")),
    };
    for workers in [1, 8, most] {
        let fresh = cluster.as_ref().map(Cluster::fresh_database);
        let url = given.clone().or(fresh).expect("a database");
        let settings = Settings { connections: workers.min(16) as usize, ..Settings::default() };
        let store = PostgresLog::connect(&url, settings).await.expect("the server answers");
        let rounds = if workers == 1 { 1 } else { rounds };
        let load = Load { streams: 2_000, workers, rounds, finding_each: 10 };
        let measured = measure(Arc::new(store), load).await;
        let written = writeln!(
            std::io::stdout(),
            "{workers} at once: {} runs in {:?}, {:.0} runs/s of two steps",
            measured.runs,
            measured.took,
            measured.runs_per_second()
        );
        written.expect("somebody reads it");
    }
}
