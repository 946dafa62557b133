//! The promises of log hunts under faults, over many seeds.

use std::sync::Arc;

use base::Clock;
use sim::log::{Outcome, Plan, Records, busy, run};

use crate::seeds::{self, seeds};

const TICKS: u64 = 100_000;

fn run_in_memory(test: &str, plan: Plan) -> Outcome {
    run_over(test, plan, |clock| Arc::new(loghunt::memory::MemoryLog::new(clock)))
}

fn run_over(
    test: &str,
    plan: Plan,
    records: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Records>,
) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let done = runtime.block_on(run(plan, records));
    done.unwrap_or_else(|what| seeds::failed(&what, &format!("log_hunts::{test}"), plan.seed))
}

/// So many seeds, one that is named, or as many as make a hundred thousand ticks.
#[test]
fn log_hunts_hold_their_promises_under_faults() {
    let run = |seed| run_in_memory("log_hunts_hold_their_promises_under_faults", Plan::new(seed));
    if let Some(seed) = seeds::named() {
        run(seed);
        return;
    }
    let wanted = seeds::count();
    let mut all = Outcome::default();
    let mut seeds = 0;
    while wanted.map_or(all.ticks < TICKS, |wanted| seeds < wanted) {
        all = all.and(run(seeds));
        seeds += 1;
    }
    // A simulation in which nothing happens proves nothing.
    if wanted.is_none() {
        assert!(all.commits > TICKS / 2 && all.findings > 10 * seeds, "{all:?}");
        assert!(all.kills > 5 * seeds && all.stops > 3 * seeds && all.refused > seeds, "{all:?}");
        assert!(all.epochs > 10 && all.late > seeds && all.waived > seeds, "{all:?}");
        assert!(all.late_rows > 10 * seeds && all.over_budget > seeds / 2, "{all:?}");
    }
}

#[test]
fn a_seed_of_log_hunts_repeats_itself() {
    let short = |seed| {
        let trouble = std::time::Duration::from_secs(7_200);
        run_in_memory("a_seed_of_log_hunts_repeats_itself", Plan { trouble, ..Plan::new(seed) })
    };
    for seed in seeds(3) {
        let (once, again) = (short(seed), short(seed));
        assert_eq!(once, again, "seed {seed}");
        assert_ne!(once.trace, short(seed + 1_000).trace, "seed {seed}");
    }
}

#[test]
fn log_hunts_hold_their_promises_under_faults_on_sqlite() {
    let folder = tempfile::TempDir::new().unwrap();
    let test = "log_hunts_hold_their_promises_under_faults_on_sqlite";
    for seed in seeds(3) {
        let path = folder.path().join(format!("{seed}.db"));
        let plan = Plan { store_is_real: true, tenants: 2, ..Plan::new(seed) };
        let open = |clock| store_sqlite::LogStore::open(&path, clock).unwrap();
        let outcome = run_over(test, plan, |clock| Arc::new(open(clock)));
        assert!(outcome.commits > 100 && outcome.kills > 2, "{outcome:?}");
    }
}

/// Dozens of windows of jobs wait all the time, and an engine takes seconds for each call.
#[test]
fn jobs_keep_to_their_budgets_and_leave_room_for_what_is_on_schedule() {
    for seed in seeds(3) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        let trouble = std::time::Duration::from_secs(12 * 3_600);
        let plan = Plan { tenants: 6, trouble, ..Plan::new(seed) };
        let done = runtime
            .block_on(busy(plan, |clock| Arc::new(loghunt::memory::MemoryLog::new(clock))))
            .unwrap_or_else(|what| {
                let test =
                    "log_hunts::jobs_keep_to_their_budgets_and_leave_room_for_what_is_on_schedule";
                seeds::failed(&what, test, seed)
            });
        assert!(done.done >= 6 && done.over_budget > 0, "seed {seed}: {done:?}");
    }
}
