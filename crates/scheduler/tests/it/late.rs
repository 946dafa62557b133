//! Rows that come late, jobs, pauses, changes of rules.

use std::time::Duration;

use loghunt::ports::{
    ControlStore, Job, JobState, LedgerStore, Pause, PauseMode, SliceQuery, TellHow,
};
use model::log::{Lane, TenantName};
use model::org::Actor;
use model::store::Paging;
use scheduler::steering::Wish;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Virtual, pass};
use crate::stage::{Stage, at, definitions, rule};

async fn windows(stage: &Stage) -> Vec<String> {
    let query = SliceQuery { paging: Paging::ALL, ..SliceQuery::default() };
    let slices = stage.store.slices(&query).await.expect("memory").items;
    let line = |slice: &model::log::Slice| {
        let window = slice.window.show(slice.domain).replace("2026-01-01T", "");
        format!("{} {window} {}", slice.key.lane.word(), slice.state.word())
    };
    slices.iter().map(line).collect()
}

fn wish(stage: &Stage) -> Wish {
    use base::Clock;
    Wish { actor: Actor::System, reason: "test".into(), at: stage.clock.now() }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_comes_late_is_found_by_a_repair() {
    let stage = Stage::new();
    stage.logs.add("2026-01-01T11:55:00Z", "in time");
    let time = std::sync::Arc::new(Virtual::new(stage.clock.clone()));
    let scheduler = stage.scheduler_with(definitions(&["acme"], vec![rule()]), time);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });
    pass(Duration::from_secs(300)).await;
    assert_eq!(stage.findings().await.len(), 1);
    stage.logs.add("2026-01-01T11:56:00Z", "late");
    pass(Duration::from_secs(2 * 3600)).await;
    stop.cancel();
    running.await.expect("it ends");
    let found = stage.findings().await;
    let late: Vec<bool> = found.iter().map(|finding| finding.late).collect();
    assert_eq!(late, [true, false], "newest first; each once");
    let lanes = windows(&stage).await;
    assert!(lanes.contains(&"repair.1 [11:49:00Z, 11:59:00Z) committed".to_owned()), "{lanes:?}");
    assert_eq!(lanes.iter().filter(|line| line.starts_with("repair")).count(), 1, "{lanes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_reads_the_past_in_a_lane_of_its_own() {
    let stage = Stage::new();
    stage.logs.add("2026-01-01T03:00:00Z", "long ago");
    let time = std::sync::Arc::new(Virtual::new(stage.clock.clone()));
    let scheduler = stage.scheduler_with(definitions(&["acme"], vec![rule()]), time);
    let job = Job {
        name: "past".into(),
        rule: rule().name,
        tenants: vec![TenantName::new("acme").expect("a name")],
        from: at("2026-01-01T00:00:00Z"),
        to: at("2026-01-01T11:00:00Z"),
        tell: TellHow::Nothing,
        bytes_max: None,
        at: at("2026-01-01T12:00:00Z"),
        actor: Actor::System,
        reason: "test".into(),
        state: JobState::Running,
    };
    stage.store.put_job(&job).await.expect("memory");
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });
    pass(Duration::from_secs(120)).await;
    stop.cancel();
    running.await.expect("it ends");
    assert_eq!(stage.findings().await.len(), 1);
    let jobs = stage.store.jobs(Paging::ALL).await.expect("memory").items;
    assert_eq!(jobs[0].state, JobState::Done);
    assert_eq!(
        windows(&stage).await,
        [
            "backfill.past [00:00:00Z, 06:00:00Z) committed",
            "backfill.past [06:00:00Z, 11:00:00Z) committed",
            "live [11:49:00Z, 11:59:00Z) committed",
        ]
    );
}

#[tokio::test]
async fn a_pause_is_held_or_becomes_an_explicit_gap() {
    for (mode, expected) in [(PauseMode::Hold, "committed"), (PauseMode::Skip, "waived")] {
        let stage = Stage::new();
        let scheduler = stage.scheduler(definitions(&["acme"], vec![rule()]));
        scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
        let acme = TenantName::new("acme").expect("a name");
        let (actor, reason) = (Actor::System, "test".to_owned());
        let since = at("2026-01-01T12:05:00Z");
        let pause = Pause { tenant: acme.clone(), mode, since, actor, reason };
        stage.store.pause(&pause).await.expect("memory");
        let held = scheduler.tick_at(at("2026-01-01T12:10:00Z")).await;
        assert_eq!(held[0].outcome.word(), "paused");
        stage.clock.set(at("2026-01-01T12:20:00Z"));
        scheduler.resume(&acme, &wish(&stage)).await.expect("it is paused");
        scheduler.tick_at(at("2026-01-01T12:20:00Z")).await;
        assert_eq!(
            windows(&stage).await,
            [
                "live [11:49:00Z, 11:59:00Z) committed".to_owned(),
                format!("live [11:59:00Z, 12:19:00Z) {expected}"),
            ]
        );
    }
}

#[tokio::test]
async fn a_changed_rule_goes_on_is_replayed_or_begins_anew() {
    let day = Duration::from_secs(86_400);
    for on_change in
        [log_rules::OnChange::Forward, log_rules::OnChange::Replay(day), log_rules::OnChange::Reset]
    {
        let stage = Stage::new();
        let mut changing = rule();
        changing.on_change = on_change;
        let scheduler = stage.scheduler(definitions(&["acme"], vec![changing.clone()]));
        scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
        changing.logic_hash = "another".into();
        scheduler.reload(definitions(&["acme"], vec![changing]).into()).await;
        let ran = scheduler.tick_at(at("2026-01-01T12:10:00Z")).await;
        let jobs = stage.store.jobs(Paging::ALL).await.expect("memory").items;
        let notes = stage.store.notes(Paging::ALL).await.expect("memory").items;
        assert!(notes.iter().any(|note| note.action == "revision"), "{notes:?}");
        let reset = on_change == log_rules::OnChange::Reset;
        assert_eq!(ran[0].key.epoch, u32::from(reset));
        assert_eq!(ran[0].key.lane, Lane::Live);
        let replays = matches!(on_change, log_rules::OnChange::Replay(_));
        assert_eq!(jobs.len(), usize::from(replays));
    }
}

#[tokio::test]
async fn a_tenant_that_comes_back_goes_on_where_it_was_left() {
    let stage = Stage::new();
    let scheduler = stage.scheduler(definitions(&["acme"], vec![rule()]));
    scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
    scheduler.reload(definitions(&[], vec![rule()]).into()).await;
    assert!(scheduler.tick_at(at("2026-01-01T12:10:00Z")).await.is_empty());
    scheduler.reload(definitions(&["acme"], vec![rule()]).into()).await;
    let ran = scheduler.tick_at(at("2026-01-01T12:20:00Z")).await;
    assert_eq!(ran[0].key.epoch, 1);
    let window = ran[0].slice.as_ref().expect("a window").window.show(ran[0].domain);
    assert_eq!(window, "[2026-01-01T11:59:00Z, 2026-01-01T12:19:00Z)");
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_it_is_kept_is_forgotten() {
    let stage = Stage::new();
    stage.logs.add("2026-01-01T11:55:00Z", "old");
    stage.logs.add("2026-01-04T11:55:00Z", "new");
    let time = std::sync::Arc::new(Virtual::new(stage.clock.clone()));
    let settings = scheduler::Settings {
        keep_runs: Some(Duration::from_secs(86_400)),
        keep_findings: Some(Duration::from_secs(2 * 86_400)),
        ..scheduler::Settings::default()
    };
    let scheduler = stage.scheduler_as(settings, definitions(&["acme"], vec![rule()]), time);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });
    pass(Duration::from_secs(3 * 86_400 + 600)).await;
    stop.cancel();
    running.await.expect("it ends");
    let hosts: Vec<String> = stage
        .findings()
        .await
        .iter()
        .filter_map(|finding| finding.row.get("host").map(|host| host.to_text().to_string()))
        .collect();
    assert_eq!(hosts, ["new"]);
    let windows = windows(&stage).await;
    assert!((144..160).contains(&windows.len()), "a day of windows, not three: {}", windows.len());
}

#[tokio::test]
async fn what_waits_and_what_is_held_is_counted_as_it_changes() {
    let stage = Stage::new();
    let scheduler = stage.scheduler(definitions(&["acme", "other"], vec![rule()]));
    let mut moved = scheduler.moved();
    let queues = scheduler.queues();
    assert_eq!(queues.len(), 2, "one for each tenant and engine, whatever waits");
    let why = loghunt::engine::EngineError::permanent("no such column");
    *stage.logs.failing.lock() = Some(why);
    scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
    assert!(moved.has_changed().expect("it runs"), "it failed, and whoever looks is told");
    moved.borrow_and_update();
    let failures: Vec<_> = scheduler.queues().into_iter().map(|queue| queue.failure).collect();
    assert_eq!(failures, [Some("no such column".to_owned()), Some("no such column".to_owned())]);
    scheduler.reload(definitions(&["acme"], vec![]).into()).await;
    assert_eq!(scheduler.queues(), []);
}
