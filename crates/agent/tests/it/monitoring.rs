//! Monitoring: rows of endless sources arrive, over restarts and without a server; what ends is
//! started again; what is not wanted any more stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agent::collector::{Evidence, Order};
use agent::{Settings, TransportChoice};
use link::{Bookmarks as _, Outbox};
use model::results::AttemptId;
use wire::{Collection, Monitored, Monitoring, ServerSays, Source};

use crate::stage::{Actor, HeardFlow, Memory, Record, Script, Scripted, Stage};

/// What is to be monitored: these sources, each in a scope of its own.
fn wanted(id: u64, sources: &[&str]) -> Monitoring {
    let source = |name: &&str| Source { name: (*name).into(), ..Source::default() };
    let collection = Collection {
        artifact: "E".into(),
        sources: sources.iter().map(source).collect(),
        parallel: true,
        ..Collection::default()
    };
    let collection = Some(collection);
    let monitored = Monitored { collection, batch_wait_millis: 20, ..Monitored::default() };
    let wanted = if sources.is_empty() { vec![] } else { vec![monitored] };
    Monitoring { id, wanted }
}

fn name(order: &Order) -> String {
    order.collections[0].sources[0].name.clone()
}

/// Gives numbered rows until it is stopped.
fn endless(order: &Order, evidence: &Arc<dyn Evidence>) -> Result<(), String> {
    let source = name(order);
    for n in 0.. {
        if evidence.row(&source, format!("{{\"source\":\"{source}\",\"n\":{n}}}")).is_err() {
            break;
        }
    }
    Ok(())
}

/// Runs whose first batch of rows came, with their rows.
fn runs(record: &Record) -> BTreeMap<AttemptId, HeardFlow> {
    let with_rows = |flow: &&HeardFlow| !flow.events(false).is_empty();
    let found = record.flows.iter().filter(|(_, flow)| with_rows(flow));
    found.map(|(run, flow)| (*run, flow.clone())).collect()
}

/// The rows of a run are those from 0 on without a gap.
fn check_run(flow: &HeardFlow) {
    for (n, row) in flow.events(false).into_iter().enumerate() {
        assert!(row.ends_with(&format!("\"n\":{n}}}")), "row {n} is {row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_arrive_in_order_and_a_new_process_goes_on_without_being_told() {
    for transport in [TransportChoice::WebSocket, TransportChoice::Http] {
        let monitoring = Some(wanted(7, &["E/a", "E/b"]));
        let stage = Stage::new(Script { monitoring, ..Script::default() }).await;
        let identity = stage.identity().await;
        let memory = Memory::of_size(1 << 20);
        let collector = || Scripted::collecting(|order, evidence| endless(&order, &evidence));
        let settings = || Settings { transport, ..Settings::default() };
        let actor = Actor::start(&stage, &identity, &memory, collector(), settings());
        stage.until("rows of both sources", |r| (runs(r).len() >= 2).then_some(())).await;
        actor.stop.cancel();
        actor.farewell().await;
        assert_eq!(memory.bookmarks.monitoring().id, 7);
        // Nobody says again what to monitor.
        stage.script.lock().unwrap().monitoring = None;
        let actor = Actor::start(&stage, &identity, &memory, collector(), settings());
        // A source may be started again between two looks.
        let all =
            stage.until("rows of new runs", |r| Some(runs(r)).filter(|runs| runs.len() >= 4)).await;
        all.values().for_each(check_run);
        let hellos = stage.record.lock().unwrap().hellos.clone();
        assert_eq!(hellos.first().unwrap().monitoring, Some(0));
        assert_eq!(hellos.last().unwrap().monitoring, Some(7));
        actor.stop.cancel();
        actor.farewell().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_without_a_server_arrives_later_and_leaves_room() {
    let monitoring = Some(wanted(7, &["E"]));
    let stage = Stage::new(Script { monitoring, hold_acks: true, ..Script::default() }).await;
    let identity = stage.identity().await;
    let memory = Memory::of_size(400_000);
    let collector = Scripted::collecting(|order, evidence| endless(&order, &evidence));
    let actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    let outbox = Arc::clone(&memory.outbox);
    let enough = |_: &Record| (outbox.census().bytes > 150_000).then_some(());
    stage.until("half of the spool is full", enough).await;
    assert!(memory.outbox.census().bytes <= 200_000, "the other half is for flows");
    // The server acknowledges again from the next connection on.
    stage.script.lock().unwrap().hold_acks = false;
    stage.say(ServerSays::Bye(wire::Bye { retry_secs: 1, ..wire::Bye::default() }));
    let grown = |r: &Record| runs(r).into_values().find(|run| run.events(false).len() > 40_000);
    check_run(&stage.until("many more rows", grown).await);
    actor.stop.cancel();
    actor.farewell().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_ends_or_fails_is_started_again_and_its_log_says_why() {
    let monitoring = Some(wanted(7, &["E"]));
    let stage = Stage::new(Script { monitoring, ..Script::default() }).await;
    let identity = stage.identity().await;
    let starts = AtomicU32::new(0);
    let collector =
        Scripted::collecting(move |order, evidence| match starts.fetch_add(1, Ordering::SeqCst) {
            0 => Err("no such file".to_owned()),
            1 => panic!("a fault in the evaluator"),
            2 => {
                evidence.log("WARN", "one last row", false);
                evidence.row("E", "{\"n\":0}".to_owned()).map_err(|halt| halt.to_string())
            }
            _ => endless(&order, &evidence),
        });
    let memory = Memory::new();
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    let flows = |r: &Record| Some(r.flows.clone()).filter(|_| runs(r).len() == 2);
    let flows = stage.until("rows of the last run", flows).await;
    let log: Vec<String> =
        flows.values().flat_map(|run| run.events(true)).map(str::to_owned).collect();
    let said = |part: &str| assert!(log.iter().any(|line| line.contains(part)), "{part}: {log:?}");
    said("no such file; it runs again in 1s");
    said("the evaluation broke down; it runs again in 2s");
    said("one last row");
    said("the query has ended; it runs again in 4s");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_list_stops_what_it_does_not_have_and_leaves_the_rest_alone() {
    let monitoring = Some(wanted(7, &["E/a", "E/b"]));
    let stage = Stage::new(Script { monitoring, ..Script::default() }).await;
    let identity = stage.identity().await;
    let collector = Scripted::collecting(|order, evidence| endless(&order, &evidence));
    let memory = Memory::new();
    let _actor = Actor::start(&stage, &identity, &memory, collector, Settings::default());
    stage.until("rows of both sources", |r| (runs(r).len() == 2).then_some(())).await;
    let of = |record: &Record, source: &str| {
        let mark = format!("\"source\":\"{source}\"");
        let found = record
            .flows
            .iter()
            .find(|(_, run)| run.events(false).first().is_some_and(|row| row.contains(&mark)));
        found.map(|(run, flow)| (*run, flow.clone()))
    };
    // E/b runs as before, so its run goes on; of E/a the log says that it ends.
    stage.say(ServerSays::Monitoring(wanted(8, &["E/b"])));
    let ended = |r: &Record| {
        of(r, "E/a").filter(|(_, run)| run.events(true).iter().any(|line| line.contains("ends")))
    };
    let (_, ended) = stage.until("the end of E/a", ended).await;
    check_run(&ended);
    let before = of(&stage.record.lock().unwrap(), "E/b").unwrap();
    let more =
        |r: &Record| of(r, "E/b").filter(|(_, run)| run.events.len() > before.1.events.len() + 3);
    let (run, flow) = stage.until("more of E/b", more).await;
    assert_eq!(run, before.0, "the same run");
    check_run(&flow);
    assert_eq!(memory.bookmarks.monitoring().id, 8);
    stage.say(ServerSays::Monitoring(wanted(0, &[])));
    stage
        .until("the end of E/b", |r| {
            of(r, "E/b")
                .filter(|(_, run)| run.events(true).iter().any(|line| line.contains("ends")))
        })
        .await;
}
