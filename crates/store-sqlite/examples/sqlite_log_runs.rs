//! Measures how many runs of log hunts the file takes: `sqlite_log_runs [RUNS] [WORKERS]`.

use std::io::Write;
use std::sync::Arc;

use base::{Clock, Timestamp};
use store_sqlite::LogStore;
use testkit::log_load::{Load, measure};

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::EPOCH.plus(since)
    }
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u32>().ok());
    let rounds: u32 = numbers.next().unwrap_or(20_000).div_ceil(2_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store =
        Arc::new(LogStore::open(&folder.path().join("log.db"), Arc::new(Now)).expect("a new file"));
    let most = numbers.next().unwrap_or(64);
    for workers in [1, 8, most] {
        let load = Load { streams: 2_000, workers, rounds, finding_each: 10 };
        let store = if workers == most {
            store.clone()
        } else {
            let path = folder.path().join(format!("{workers}.db"));
            Arc::new(LogStore::open(&path, Arc::new(Now)).expect("a new file"))
        };
        let rounds = if workers == 1 { 1 } else { rounds };
        let measured = measure(store, Load { rounds, ..load }).await;
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
