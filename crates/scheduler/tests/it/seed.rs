//! Ticks played one by one.

use loghunt::engine::EngineError;
use model::log::{Domain, Position};
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
async fn a_source_that_grew_under_another_scheduler_was_not_truncated() {
    let stage = Stage::new();
    let cursors = || {
        let mut definitions = definitions(&["acme"], vec![rule()]);
        let dataset = &mut definitions.tenants[0].datasets[0];
        (dataset.domain, dataset.cursor) = (Domain::Cursor, Some("seq".into()));
        definitions
    };
    let (slow, quick) = (stage.scheduler(cursors()), stage.scheduler(cursors()));
    *stage.logs.stable.lock() = Some(Position(100));
    quick.tick_at(at("2026-01-01T12:00:00Z")).await;
    let logs = stage.logs.clone();
    *stage.logs.meanwhile.lock() = Some(Box::pin(async move {
        *logs.stable.lock() = Some(Position(200));
        let ran = quick.tick_at(at("2026-01-01T12:10:00Z")).await;
        assert_eq!(ran[0].checkpoint, Some(Position(200)), "{ran:?}");
    }));
    // It has just begun, has seen the source end at 100, and finds on the ledger that it was read up to 200.
    let ran = slow.tick_at(at("2026-01-01T12:10:00Z")).await;
    assert!(ran.iter().all(|ran| ran.outcome.word() != "held"), "{ran:?}");
    *stage.logs.stable.lock() = Some(Position(150));
    let ran = slow.tick_at(at("2026-01-01T12:20:00Z")).await;
    let detail = ran[0].outcome.detail();
    assert!(detail.contains("it ends at 150 and was read up to 200"), "{detail}");
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
