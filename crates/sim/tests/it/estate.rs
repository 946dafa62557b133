//! The invariants of endpoint hunts over two processes of the real server, over many seeds.

use sim::Planted;
use sim::estate::{Outcome, Plan, run};
use testkit::stores::Stores;

use crate::seeds::{failed, seeds};

fn try_now(plan: Plan) -> Result<Outcome, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(run(plan, Stores::in_memory()))
}

fn run_now(test: &str, plan: Plan) -> Outcome {
    try_now(plan).unwrap_or_else(|what| failed(&what, &format!("estate::{test}"), plan.seed))
}

#[test]
fn estates_hold_their_promises_under_faults() {
    let seeds = seeds(200);
    let count = seeds.end - seeds.start;
    let mut all = Outcome::default();
    for seed in seeds {
        all = all.and(run_now("estates_hold_their_promises_under_faults", Plan::new(seed)));
    }
    // A simulation in which nothing happens proves nothing.
    if count >= 100 {
        assert!(all.node_kills > 5 * count && all.node_stops > count, "{all:?}");
        assert!(all.agent_kills > 5 * count, "{all:?}");
        assert!(all.admissions > 5 * count && all.rows > 10 * count, "{all:?}");
    }
}

#[test]
fn a_seed_of_an_estate_repeats_itself() {
    for seed in seeds(3) {
        let once = || run_now("a_seed_of_an_estate_repeats_itself", Plan::new(seed));
        let (first, again) = (once(), once());
        assert_eq!(first, again, "seed {seed}");
        let other = Plan::new(seed + 1_000);
        let other = run_now("a_seed_of_an_estate_repeats_itself", other);
        assert_ne!(first.trace, other.trace, "seed {seed}");
    }
}

/// The checks can fail: a store that breaks a promise is caught within a few seeds, by the check of that
/// promise.
#[test]
fn broken_promises_are_noticed() {
    let cases = [
        (Planted::ForgetsDecisions, "E1"),
        (Planted::StoresTwice, "E2"),
        (Planted::ForgetsTimes, "E3"),
        (Planted::LosesRows, "E4"),
        (Planted::TellsTheCondition, "E5"),
        (Planted::NeverEnds, "E6"),
    ];
    for (planted, check) in cases {
        let blamed = |seed| try_now(Plan { planted: Some(planted), ..Plan::new(seed) }).err();
        let blamed: Vec<String> = (0..12).filter_map(blamed).take(1).collect();
        let caught = blamed.first().is_some_and(|what| what.contains(check));
        assert!(caught, "{planted:?} is not seen by {check}: {blamed:?}");
    }
}
