//! The invariants of endpoint hunts under faults, over many seeds.

use std::sync::Arc;
use std::time::Duration;

use sim::{Outcome, Plan, run};
use store_sqlite::SqliteStore;
use testkit::stores::Stores;

mod estate;
mod log_hunts;
mod log_model;
mod seeds;

use seeds::{failed, seeds};

fn run_now(test: &str, plan: Plan, stores: Stores) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let done = runtime.block_on(run(plan, stores));
    done.unwrap_or_else(|what| failed(&what, test, plan.seed))
}

fn sum(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    outcomes.fold(Outcome::default(), |sum, one| Outcome {
        server_kills: sum.server_kills + one.server_kills,
        agent_kills: sum.agent_kills + one.agent_kills,
        admissions: sum.admissions + one.admissions,
        rows: sum.rows + one.rows,
    })
}

#[test]
fn hunts_hold_their_promises_under_faults() {
    let seeds = seeds(200);
    let count = seeds.end - seeds.start;
    let all = sum(seeds.map(|seed| {
        run_now("hunts_hold_their_promises_under_faults", Plan::new(seed), Stores::in_memory())
    }));
    // A simulation in which nothing happens proves nothing.
    if count >= 100 {
        assert!(all.server_kills > 5 * count, "{all:?}");
        assert!(all.agent_kills > 5 * count, "{all:?}");
        assert!(all.admissions > 5 * count && all.rows > 10 * count, "{all:?}");
    }
}

#[test]
fn hunts_hold_their_promises_under_faults_on_sqlite() {
    let folder = tempfile::TempDir::new().unwrap();
    for seed in seeds(6) {
        let path = folder.path().join(format!("{seed}.db"));
        let stores = Stores::of(Arc::new(SqliteStore::open(&path).unwrap()));
        let plan = Plan { trouble: Duration::from_secs(300), ..Plan::new(seed) };
        run_now("hunts_hold_their_promises_under_faults_on_sqlite", plan, stores);
    }
}

#[test]
fn a_seed_repeats_itself() {
    let once =
        || format!("{:?}", run_now("a_seed_repeats_itself", Plan::new(7), Stores::in_memory()));
    assert_eq!(once(), once());
}

#[test]
fn twenty_a_minute_are_never_more_across_restarts() {
    for seed in seeds(3) {
        let plan =
            Plan { agents: 100, killed_per_mille: 15, only_hunt_rate: Some(20), ..Plan::new(seed) };
        let outcome =
            run_now("twenty_a_minute_are_never_more_across_restarts", plan, Stores::in_memory());
        assert!(outcome.admissions >= 100 && outcome.server_kills > 5, "{outcome:?}");
    }
}
