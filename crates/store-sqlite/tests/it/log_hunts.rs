//! The records of log hunts: the suites, what only this store can be asked, several processes.

use std::path::Path;
use std::sync::Arc;

use loghunt::command::Refusal;
use loghunt::ports::{LedgerStore, Step};
use rusqlite::Connection;
use store_sqlite::LogStore;
use tempfile::TempDir;
use testkit::control_suite::control_suite;
use testkit::finding_suite::finding_suite;
use testkit::ledger_suite::ledger_suite;
use testkit::log_stores::{LogStores, claim, clock, commit, each, finding, key, open, plan};
use testkit::outbox_suite::outbox_suite;

/// Makes stores in one folder that lives as long as this.
struct Files(TempDir, std::cell::Cell<u32>);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap(), std::cell::Cell::new(0))
    }

    fn fresh(&self) -> LogStores {
        self.1.set(self.1.get() + 1);
        stores(&self.0.path().join(format!("{}.db", self.1.get())))
    }
}

/// Two clients of one file.
fn stores(path: &Path) -> LogStores {
    let clock = clock();
    let client = || Arc::new(LogStore::open(path, clock.clone()).unwrap());
    LogStores::of(client(), client(), clock.clone())
}

#[tokio::test]
async fn sqlite_keeps_ledgers() {
    let files = Files::new();
    ledger_suite(async || files.fresh()).await;
}

#[tokio::test]
async fn sqlite_keeps_findings() {
    let files = Files::new();
    finding_suite(async || files.fresh()).await;
}

#[tokio::test]
async fn sqlite_keeps_deliveries_and_decisions() {
    let files = Files::new();
    outbox_suite(async || files.fresh()).await;
    control_suite(async || files.fresh()).await;
}

#[tokio::test]
async fn a_commit_that_meets_a_committed_window_is_refused_by_the_records() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.db");
    let stores = stores(&path);
    let key = key("acme", "whoami");
    let first = stores.leased(&key).await;
    stores.does(&key, vec![commit(&first)]).await;
    stores.does(&key, vec![plan(1_200, 600)]).await;
    let second = stores.claim(&key, "a").await.unwrap();
    // No command leads here: the window that is held reaches back into the committed one.
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE log_slices SET from_pos = 599000000 WHERE state = 'leased'", [])
        .unwrap();
    let step = Step {
        findings: vec![finding(&key, 1)],
        tell: each(),
        ..Step::of(key.clone(), vec![commit(&second)])
    };
    assert_eq!(stores.tries(&step).await, Err(Refusal::Overlap));
    assert_eq!(stores.windows(&key).await, [(0, 600, "committed"), (599, 1_200, "leased")]);
    assert_eq!(stores.count(&Default::default()).await, 0);
}

#[tokio::test]
async fn what_was_acknowledged_is_on_the_disk() {
    let folder = TempDir::new().unwrap();
    let live = folder.path().join("log.db");
    let stores_live = stores(&live);
    let key = key("acme", "whoami");
    stores_live.finds(&key, vec![finding(&key, 1)], each()).await;
    let copy = folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(&live), name(&copy)).unwrap();
    }
    let found = stores(&copy);
    assert_eq!(found.windows(&key).await, [(0, 600, "committed")]);
    assert_eq!(found.count(&Default::default()).await, 1);
    assert_eq!(found.outbox.waiting(Default::default()).await.unwrap().total, 1);
    let stream = stores_live.ledger.stream(&key).await.unwrap();
    assert_eq!(found.ledger.stream(&key).await.unwrap(), stream);
}

#[test]
fn a_file_may_be_made_by_many_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.db");
    let run = |number: u32| {
        let store = LogStore::open(&path, clock()).unwrap();
        let key = key("acme", &format!("rule-{number}"));
        let step = Step::of(key, vec![open(0), plan(600, 600), claim("a")]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.step(&step)).unwrap().unwrap().claimed.unwrap();
    };
    let run = &run;
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || run(number));
        }
    });
    let store = LogStore::open(&path, clock()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let streams = runtime.block_on(store.streams(&Default::default())).unwrap();
    assert_eq!(streams.total, 8);
}

#[test]
fn another_kind_of_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    drop(store_sqlite::SqliteStore::open(&path).unwrap());
    let said = LogStore::open(&path, clock()).err().expect("it is refused").to_string();
    assert!(said.contains("is not a store of this program"), "{said}");
}
