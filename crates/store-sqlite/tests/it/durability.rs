//! What was acknowledged is there after the file is opened again from what is on the disk at that
//! moment: the state a killed process leaves behind.

use std::path::Path;
use std::sync::Arc;

use base::FlowId;
use model::results::ResultScope;
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use testkit::stores::{Stores, at, batch, decision, direct_flow, first, rows, spec};

/// Copies the files as they are, without closing the store that writes them.
fn as_on_disk(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            name
        };
        if Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

#[tokio::test]
async fn everything_acknowledged_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("live.db");
    let stores = Stores::of(Arc::new(SqliteStore::open(&path).unwrap()));
    let client = stores.enrol(1).await;
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    for step in 0..6u32 {
        match step {
            0 => {
                let decisions = [decision(hunt.id, client, Ok(()))];
                stores.members.decide(&decisions, at(1)).await.unwrap();
            }
            1 => stores.flows.create(&direct_flow(9, client)).await.unwrap(),
            2 => assert_eq!(stores.admit(hunt.id, 1, at(2)).await.len(), 1),
            3 => {
                let batch = batch(first(FlowId::from_bits(9)), 0, &["{}"]);
                stores.results.append(client, &batch, at(3)).await.unwrap();
            }
            4 => assert!(stores.end(first(FlowId::from_bits(9)), Ok(rows(1)), false, at(4)).await),
            _ => drop(stores.clients.ask_again(client).await.unwrap()),
        }
        let copy = folder.path().join(format!("after-{step}.db"));
        as_on_disk(&path, &copy);
        let found = Stores::of(Arc::new(SqliteStore::open(&copy).unwrap()));
        let counts = found.members.counts(hunt.id, 1).await.unwrap();
        assert_eq!(counts, stores.members.counts(hunt.id, 1).await.unwrap(), "after step {step}");
        found.assert_counters_hold(hunt.id).await;
        let live = stores.flows.live(client).await.unwrap();
        assert_eq!(found.flows.live(client).await.unwrap(), live);
        let scope = ResultScope::Flow(FlowId::from_bits(9));
        let summary = stores.results.sources(scope).await.unwrap();
        assert_eq!(found.results.sources(scope).await.unwrap(), summary);
        let record = stores.clients.get(client).await.unwrap();
        assert_eq!(found.clients.get(client).await.unwrap(), record);
    }
}

#[tokio::test]
async fn calls_that_fail_disturb_none_that_share_their_transaction() {
    let folder = TempDir::new().unwrap();
    let stores = Stores::of(Arc::new(SqliteStore::open(&folder.path().join("a.db")).unwrap()));
    let client = stores.enrol(1).await;
    let mut calls = Vec::new();
    for number in 0..200u128 {
        let stores = stores.clone();
        // Every third one clashes with an earlier flow of another content.
        let id = if number % 3 == 2 { number - 2 } else { number };
        let mut flow = direct_flow(id, client);
        flow.limits.rows_max = u64::try_from(number).unwrap();
        calls.push(tokio::spawn(async move { stores.flows.create(&flow).await.is_ok() }));
    }
    let mut made = 0;
    for call in calls {
        made += u64::from(call.await.unwrap());
    }
    let query = flows::ports::FlowList::of(model::org::OrgId::default());
    assert_eq!(made, stores.flows.list(&query).await.unwrap().total);
    assert_eq!(made, 200 - 66);
}
