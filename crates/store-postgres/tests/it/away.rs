//! A database that dies in the middle, stays away for a while, and comes back.
//!
//! Connections are watched by other threads, as in a server: a test waits for the database to die and would
//! keep a single one from seeing it.

use std::sync::Arc;

use base::FlowId;
use model::results::ResultScope;
use model::store::StoreError;
use testkit::postgres::Cluster;
use testkit::stores::{Stores, at, batch, decision, direct_flow, first, rows, spec};

use crate::records::store;

fn own_cluster() -> Option<Cluster> {
    // Says what is missing.
    Cluster::or_say()?;
    Some(Cluster::start(&["fsync=on", "full_page_writes=on"]).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_outlives_a_server_that_is_killed() {
    let Some(mut cluster) = own_cluster() else { return };
    let url = cluster.fresh_database();
    let records = store(&url).await;
    let stores = Stores::of(records.clone());
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
        let live = stores.flows.live(client).await.unwrap();
        let counts = stores.members.counts(hunt.id, 1).await.unwrap();
        let scope = ResultScope::Flow(FlowId::from_bits(9));
        let summary = stores.results.sources(scope).await.unwrap();
        let record = stores.clients.get(client).await.unwrap();
        cluster.stop();
        let away = stores.clients.get(client).await.unwrap_err();
        assert!(matches!(away, StoreError::Away { .. }), "{}", base::Chain(&away));
        let decisions = [decision(hunt.id, client, Ok(()))];
        let away = stores.members.decide(&decisions, at(1)).await.unwrap_err();
        assert_eq!(away.fault(), base::Fault::Busy, "{}", base::Chain(&away));
        cluster.go_on();
        // The same store makes new connections by itself.
        assert_eq!(stores.members.counts(hunt.id, 1).await.unwrap(), counts, "after step {step}");
        stores.assert_counters_hold(hunt.id).await;
        assert_eq!(stores.flows.live(client).await.unwrap(), live);
        assert_eq!(stores.results.sources(scope).await.unwrap(), summary);
        assert_eq!(stores.clients.get(client).await.unwrap(), record);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_when_the_server_died_is_whole_or_not_there() {
    let Some(mut cluster) = own_cluster() else { return };
    let url = cluster.fresh_database();
    let stores = Stores::of(Arc::new((*store(&url).await).clone()));
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    for round in 0..3u128 {
        let calls: Vec<_> = (0..40u128)
            .map(|number| {
                let client = base::ClientId::from_bits(round * 1_000 + number);
                let stores = stores.clone();
                tokio::spawn(async move {
                    let decisions = [decision(hunt, client, Ok(()))];
                    let decided = stores.members.decide(&decisions, at(1)).await;
                    decided.is_ok().then_some(client)
                })
            })
            .collect();
        // Some of them are through, others in the middle.
        while stores.members.counts(hunt, 1).await.is_ok_and(|c| c.pending < 5 + 40 * round as u64)
        {
            tokio::task::yield_now().await;
        }
        cluster.stop();
        let mut acknowledged = Vec::new();
        for call in calls {
            acknowledged.extend(call.await.unwrap());
        }
        cluster.go_on();
        stores.assert_counters_hold(hunt).await;
        for client in acknowledged {
            let key = hunts::ports::MemberKey { hunt, round: 1, client };
            assert!(
                stores.members.member(key).await.unwrap().is_some(),
                "{client} was acknowledged"
            );
        }
        // Whoever was not acknowledged asks again.
        let all: Vec<_> = (0..40u128)
            .map(|number| base::ClientId::from_bits(round * 1_000 + number))
            .map(|client| decision(hunt, client, Ok(())))
            .collect();
        stores.members.decide(&all, at(2)).await.unwrap();
        let counts = stores.members.counts(hunt, 1).await.unwrap();
        assert_eq!(counts.pending, 40 * (round as u64 + 1));
    }
}
