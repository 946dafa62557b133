//! Ticks played one by one.

use loghunt::engine::EngineError;
use scheduler::Outcome;

use crate::stage::{Stage, at, definitions, rule};

#[tokio::test]
async fn the_four_runs_of_the_first_story() {
    let stage = Stage::new();
    stage.logs.add("2026-01-01T11:58:59.999999Z", "before");
    stage.logs.add("2026-01-01T11:59:00Z", "on the bound");
    stage.logs.add("2026-01-01T12:10:00Z", "in the failed run");
    let mut told = Vec::new();
    for (moment, fails) in [("12:00", false), ("12:10", true), ("12:20", false), ("12:30", false)] {
        let moment = at(&format!("2026-01-01T{moment}:00Z"));
        stage.clock.set(moment);
        *stage.logs.failing.lock() = fails.then(|| EngineError::transient("no"));
        // Each is another process.
        let scheduler = stage.scheduler(definitions(&["acme"], vec![rule()]));
        for ran in scheduler.tick_at(moment).await {
            let window = ran.slice.expect("a window was due").window.show(ran.domain);
            told.push(format!(
                "{window} {} {}",
                ran.outcome.word(),
                ran.checkpoint.unwrap().moment()
            ));
        }
    }
    expect_test::expect![[r#"
        [2026-01-01T11:49:00Z, 2026-01-01T11:59:00Z) committed 2026-01-01T11:59:00Z
        [2026-01-01T11:59:00Z, 2026-01-01T12:09:00Z) failed 2026-01-01T11:59:00Z
        [2026-01-01T11:59:00Z, 2026-01-01T12:19:00Z) committed 2026-01-01T12:19:00Z
        [2026-01-01T12:19:00Z, 2026-01-01T12:29:00Z) committed 2026-01-01T12:29:00Z"#]]
    .assert_eq(&told.join("\n"));
    assert_eq!(stage.findings().await.len(), 3, "each event once");
}

#[tokio::test]
async fn a_source_that_was_replaced_stops_the_stream() {
    let stage = Stage::new();
    let scheduler = stage.scheduler(definitions(&["acme"], vec![rule()]));
    let first = scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
    assert!(matches!(first[0].outcome, Outcome::Committed { .. }), "{first:?}");
    *stage.logs.identity.lock() = "second".into();
    let second = scheduler.tick_at(at("2026-01-01T12:10:00Z")).await;
    assert_eq!(second[0].outcome.word(), "held");
    let detail = second[0].outcome.detail();
    assert!(detail.contains("it was `first` and is `second` now"), "{detail}");
    let again = stage.scheduler(definitions(&["acme"], vec![rule()]));
    let third = again.tick_at(at("2026-01-01T12:20:00Z")).await;
    assert_eq!(third[0].outcome.word(), "held", "another process does not forget it");
    assert_eq!(
        stage.checkpoints().await,
        ["acme/processes/whoami 2026-01-01T11:59:00Z"],
        "never no new data"
    );
}

#[tokio::test]
async fn the_future_and_the_undated_are_looked_at_with_the_newest_window() {
    let stage = Stage::new();
    stage.logs.add("2031-01-01T00:00:00Z", "from the future");
    let scheduler = stage.scheduler(definitions(&["acme"], vec![rule()]));
    scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
    scheduler.tick_at(at("2026-01-01T12:10:00Z")).await;
    let found = stage.findings().await;
    assert_eq!(found.len(), 1, "once, although it was seen twice");
    assert_eq!(found[0].instant, at("2031-01-01T00:00:00Z"));
}
