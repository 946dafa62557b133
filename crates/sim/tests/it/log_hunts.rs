//! The promises of log hunts under faults, over many seeds.

use std::sync::Arc;

use base::Clock;
use sim::log::{Outcome, Plan, Records, run};

const TICKS: u64 = 100_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run_in_memory(plan: Plan) -> Outcome {
    run_over(plan, |clock| Arc::new(loghunt::memory::MemoryLog::new(clock)))
}

fn run_over(plan: Plan, records: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Records>) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(run(plan, records)).unwrap_or_else(|what| {
        panic!("{what}\nrepeat it with SIM_SEED={} cargo test -p sim log_hunts", plan.seed)
    })
}

/// So many seeds, one that is named, or as many as make a hundred thousand ticks.
#[test]
fn log_hunts_hold_their_promises_under_faults() {
    if let Some(seed) = number("SIM_SEED") {
        run_in_memory(Plan::new(seed));
        return;
    }
    let wanted = number("SIM_SEEDS");
    let mut all = Outcome::default();
    let mut seeds = 0;
    while wanted.map_or(all.ticks < TICKS, |wanted| seeds < wanted) {
        all = all.and(run_in_memory(Plan::new(seeds)));
        seeds += 1;
    }
    // A simulation in which nothing happens proves nothing.
    if wanted.is_none() {
        assert!(all.commits > TICKS / 2 && all.findings > 10 * seeds, "{all:?}");
        assert!(all.kills > 5 * seeds && all.stops > 3 * seeds && all.refused > seeds, "{all:?}");
        assert!(all.epochs > 10 && all.late > seeds && all.waived > seeds, "{all:?}");
    }
}

#[test]
fn log_hunts_hold_their_promises_under_faults_on_sqlite() {
    let folder = tempfile::TempDir::new().unwrap();
    for seed in 0..number("SIM_SEEDS").unwrap_or(3) {
        let path = folder.path().join(format!("{seed}.db"));
        let plan = Plan { store_is_real: true, tenants: 2, ..Plan::new(seed) };
        let open = |clock| store_sqlite::LogStore::open(&path, clock).unwrap();
        let outcome = run_over(plan, |clock| Arc::new(open(clock)));
        assert!(outcome.commits > 100 && outcome.kills > 2, "{outcome:?}");
    }
}
