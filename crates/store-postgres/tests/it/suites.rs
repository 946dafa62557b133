//! The suites, and what only this store can be asked.

use std::sync::Arc;
use std::time::Duration;

use loghunt::command::Refusal;
use loghunt::ports::{LedgerStore, Step};
use store_postgres::{PostgresLog, Settings};
use testkit::control_suite::control_suite;
use testkit::finding_suite::finding_suite;
use testkit::ledger_suite::ledger_suite;
use testkit::log_stores::{LogStores, clock, commit, each, finding, key, plan};
use testkit::outbox_suite::outbox_suite;
use testkit::postgres::Cluster;

/// Two clients of a new database.
async fn fresh(cluster: &Cluster) -> LogStores {
    stores(&cluster.fresh_database()).await
}

async fn stores(url: &str) -> LogStores {
    let clock = clock();
    let client = async || {
        let settings = Settings { clock: Some(clock.clone()), ..Settings::default() };
        Arc::new(PostgresLog::connect(url, settings).await.unwrap())
    };
    LogStores::of(client().await, client().await, clock.clone())
}

#[tokio::test]
async fn postgres_keeps_ledgers() {
    let Some(cluster) = Cluster::or_say() else { return };
    ledger_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn postgres_keeps_findings() {
    let Some(cluster) = Cluster::or_say() else { return };
    finding_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn postgres_keeps_deliveries_and_decisions() {
    let Some(cluster) = Cluster::or_say() else { return };
    outbox_suite(async || fresh(cluster).await).await;
    control_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn committed_windows_that_meet_are_refused_by_a_constraint() {
    let Some(cluster) = Cluster::or_say() else { return };
    let url = cluster.fresh_database();
    let stores = stores(&url).await;
    let key = key("acme", "whoami");
    let first = stores.leased(&key).await;
    stores.does(&key, vec![commit(&first)]).await;
    stores.does(&key, vec![plan(1_200, 600)]).await;
    let second = stores.claim(&key, "a").await.unwrap();
    // No command leads here: the window that is held reaches back into the committed one.
    let database = url.rsplit('/').next().unwrap();
    let reach_back = "UPDATE log_slices SET from_pos = 599000000 WHERE state = 'leased'";
    cluster.sql(database, reach_back);
    let step = Step {
        findings: vec![finding(&key, 1)],
        tell: each(),
        ..Step::of(key.clone(), vec![commit(&second)])
    };
    assert_eq!(stores.tries(&step).await, Err(Refusal::Overlap));
    assert_eq!(stores.windows(&key).await, [(0, 600, "committed"), (599, 1_200, "leased")]);
    assert_eq!(stores.count(&Default::default()).await, 0);
    cluster.sql(database, "UPDATE log_slices SET from_pos = 600000000 WHERE state = 'leased'");
    stores.tries(&step).await.expect("windows that touch do not meet");
}

#[tokio::test]
async fn streams_do_not_meet_one_another() {
    let Some(cluster) = Cluster::or_say() else { return };
    let stores = fresh(cluster).await;
    for tenant in ["acme", "other", "third"] {
        let key = key(tenant, "whoami");
        let slice = stores.leased(&key).await;
        stores.does(&key, vec![commit(&slice)]).await;
    }
}

#[tokio::test]
async fn a_step_that_is_dropped_in_the_middle_leaves_nothing_and_no_lock() {
    let Some(cluster) = Cluster::or_say() else { return };
    let stores = fresh(cluster).await;
    let key = key("acme", "whoami");
    let slice = stores.leased(&key).await;
    let step = Step {
        findings: vec![finding(&key, 1)],
        tell: each(),
        ..Step::of(key.clone(), vec![commit(&slice)])
    };
    // Each time a little later in the step.
    for polls in 1..40 {
        let mut future = stores.ledger.step(&step);
        let mut left = polls;
        let done = std::future::poll_fn(|context| {
            left -= 1;
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(outcome) => std::task::Poll::Ready(Some(outcome)),
                std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                std::task::Poll::Pending => std::task::Poll::Pending,
            }
        })
        .await;
        drop(future);
        let state = async || stores.slice(slice.id).await.unwrap().state.word();
        let before = state().await;
        let findings = stores.count(&Default::default()).await;
        match (before, state().await) {
            ("leased", "leased") => assert_eq!(findings, 0, "after {polls} polls"),
            // The server was still busy with what it had been sent.
            ("leased", "committed") => {}
            ("committed", "committed") => {
                assert_eq!(findings, 1, "after {polls} polls");
                // An earlier one that was dropped may have been it.
                let fenced = Err(Refusal::Fenced { token: 1 });
                let fine = |done: Result<_, _>| done.is_ok() || done == fenced;
                return assert!(done.is_none_or(|outcome| fine(outcome.unwrap())));
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the step never came to its end");
}

#[tokio::test]
async fn leases_follow_the_servers_clock() {
    let Some(cluster) = Cluster::or_say() else { return };
    let url = cluster.fresh_database();
    let store = PostgresLog::connect(&url, Settings::default()).await.unwrap();
    let (before, key) = (store.now().await.unwrap(), key("acme", "whoami"));
    let commands = vec![testkit::log_stores::open(0), plan(600, 600)];
    store.step(&Step::of(key.clone(), commands)).await.unwrap().unwrap();
    let claim = Step::of(key, vec![testkit::log_stores::claim("a")]);
    let slice = store.step(&claim).await.unwrap().unwrap().claimed.unwrap();
    let after = store.now().await.unwrap();
    let until = slice.state.lease().unwrap().until.minus(Duration::from_secs(60));
    assert!(before <= until && until <= after, "{before} {until} {after}");
}
