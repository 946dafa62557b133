//! Two nodes over one database, doing the same thing at the same moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{ClientId, FlowId, HuntId, Rate};
use fleet::enrolment::Enrolment;
use flows::ports::FlowStep;
use flows::results::Appended;
use futures_util::future::join_all;
use hunts::ports::{Decided, Decision, Grant, HuntStep, MemberKey};
use model::client::ClientFacts;
use model::flow::FlowEvent;
use model::hunt::{EndReason, HuntEvent, HuntSpec};
use model::member::{MemberQueue, Refusal};
use model::results::ResultScope;
use model::store::Paging;
use testkit::postgres::Cluster;
use testkit::stores::{Stores, ada, at, batch, decision, first, rows, spec, token};

use crate::records::store;

/// Two nodes over a new database.
async fn nodes() -> Option<[Stores; 2]> {
    let url = Cluster::or_say()?.fresh_database();
    Some([Stores::of(store(&url).await), Stores::of(store(&url).await)])
}

fn clients(count: u128) -> Vec<ClientId> {
    (1..=count).map(ClientId::from_bits).collect()
}

/// Clients need not be enrolled to be members.
async fn recruit(stores: &Stores, hunt: HuntId, clients: &[ClientId]) {
    let decisions: Vec<Decision> =
        clients.iter().map(|client| decision(hunt, *client, Ok(()))).collect();
    stores.members.decide(&decisions, at(1)).await.unwrap();
}

fn at_rate(rate: u32) -> HuntSpec {
    HuntSpec { rate: Rate::PerMinute(rate), ..spec() }
}

#[tokio::test]
async fn managers_of_two_nodes_keep_rate_and_ceiling_together() {
    let Some([a, b]) = nodes().await else { return };
    for hunt in [1, 2] {
        let hunt = a.start_hunt(hunt, at_rate(30), at(0)).await.id;
        recruit(&a, hunt, &clients(100)).await;
    }
    let admit = |number: u128| {
        let stores = if number.is_multiple_of(2) { &a } else { &b };
        let grant = Grant {
            hunt: HuntId::from_bits(1 + number % 4 / 2),
            flow_ids: (0..7).map(|id| FlowId::from_bits(number * 100 + id)).collect(),
            ceiling: Rate::PerMinute(50),
            fence: None,
            now: at(10),
        };
        async move { stores.admissions.admit(&grant).await.unwrap() }
    };
    let admitted = join_all((0..24).map(admit)).await;
    let flows: Vec<_> = admitted.into_iter().flatten().collect();
    assert_eq!(flows.len(), 50);
    let members: BTreeSet<_> = flows.iter().map(|flow| (flow.origin_hunt(), flow.client)).collect();
    assert_eq!(members.len(), 50, "nobody was admitted twice");
    let mut running = 0;
    for hunt in [1, 2] {
        let hunt = HuntId::from_bits(hunt);
        a.assert_counters_hold(hunt).await;
        let counts = b.members.counts(hunt, 1).await.unwrap();
        assert!(counts.running <= 30);
        running += counts.running;
    }
    assert_eq!(running, 50);
}

trait OfHunt {
    fn origin_hunt(&self) -> Option<HuntId>;
}

impl OfHunt for model::flow::Flow {
    fn origin_hunt(&self) -> Option<HuntId> {
        match self.origin {
            model::flow::FlowOrigin::Hunt { hunt, .. } => Some(hunt),
            model::flow::FlowOrigin::Direct => None,
        }
    }
}

#[tokio::test]
async fn two_nodes_decide_about_the_same_clients_once() {
    let Some([a, b]) = nodes().await else { return };
    let hunts = [a.start_hunt(1, spec(), at(0)).await.id, a.start_hunt(2, spec(), at(0)).await.id];
    let calls = (0..16u128).map(|call| {
        let stores = if call.is_multiple_of(2) { &a } else { &b };
        // Each in an order of its own, half of them the other way round.
        let mut decisions: Vec<Decision> = clients(20)
            .into_iter()
            .flat_map(|client| hunts.map(|hunt| decision(hunt, client, Ok(()))))
            .collect();
        decisions.rotate_left(call as usize);
        if call >= 8 {
            decisions.reverse();
        }
        async move { stores.members.decide(&decisions, at(1)).await.unwrap() }
    });
    let outcomes: Vec<Decided> = join_all(calls).await.into_iter().flatten().collect();
    let recorded = Decided::Recorded(MemberQueue::Pending);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == recorded).count(), 40);
    assert!(outcomes.iter().all(|outcome| [recorded, Decided::Known].contains(outcome)));
    for hunt in hunts {
        a.assert_counters_hold(hunt).await;
        assert_eq!(b.members.counts(hunt, 1).await.unwrap().pending, 20);
    }
}

#[tokio::test]
async fn the_last_places_of_a_hunt_are_given_once() {
    let Some([a, b]) = nodes().await else { return };
    let mut limited = spec();
    limited.limits.clients_max = 5;
    let hunt = a.start_hunt(1, limited, at(0)).await.id;
    let calls =
        clients(24).into_iter().enumerate().map(|(number, client)| {
            let stores = if number.is_multiple_of(2) { &a } else { &b };
            async move {
                stores.members.decide(&[decision(hunt, client, Ok(()))], at(1)).await.unwrap()[0]
            }
        });
    let outcomes = join_all(calls).await;
    let recruited = Decided::Recorded(MemberQueue::Pending);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == recruited).count(), 5);
    a.assert_counters_hold(hunt).await;
    let member = b.members.counts(hunt, 1).await.unwrap();
    assert_eq!((member.pending, member.refused), (5, 19));
}

#[tokio::test]
async fn the_same_batch_on_two_nodes_is_stored_once() {
    let Some([a, b]) = nodes().await else { return };
    let hunt = a.start_hunt(1, spec(), at(0)).await.id;
    recruit(&a, hunt, &clients(1)).await;
    let flow = a.admit(hunt, 1, at(2)).await.remove(0);
    let batch = batch(first(flow.id), 0, &["{\"a\":1}", "{\"a\":2}"]);
    let calls = (0..10).map(|call: usize| {
        let stores = if call.is_multiple_of(2) { &a } else { &b };
        let (batch, client) = (&batch, flow.client);
        async move { stores.results.append(client, batch, at(3)).await.unwrap() }
    });
    let outcomes = join_all(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Appended::Stored).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Appended::Duplicate).count(), 9);
    // Its end comes on both nodes too.
    let end = |stores: &'static str| {
        let stores = if stores == "a" { &a } else { &b };
        stores.end(first(flow.id), Ok(rows(2)), false, at(4))
    };
    let (one, two) = tokio::join!(end("a"), end("b"));
    assert!(one != two, "one of them moved it");
    let scope = ResultScope::Hunt { hunt, round: 1 };
    let count = b.results.recount(scope).await.unwrap();
    assert_eq!((count.declared, count.kept, count.counted), (2, 2, 2));
    let queue = a.members.results_queue(hunt, 1, Paging::ALL).await.unwrap();
    assert_eq!(queue.total, 1);
    a.assert_counters_hold(hunt).await;
}

#[tokio::test]
async fn a_key_that_enrols_on_two_nodes_is_one_client_and_one_use() {
    let Some([a, b]) = nodes().await else { return };
    let made = token("t", 3);
    a.tokens.create_token(&made, &ada(), at(0)).await.unwrap();
    let enrol = |key: u8| Enrolment {
        token: "t".into(),
        secret_hash: made.secret_hash,
        key_hash: [key; 32],
        facts: ClientFacts { hostname: format!("h{key}"), ..ClientFacts::default() },
        address: None,
    };
    // One key eight times, and then four keys for the two uses that are left.
    let same = (0..8).map(|call: usize| {
        let stores = if call.is_multiple_of(2) { &a } else { &b };
        let enrolment = enrol(1);
        async move { stores.clients.enrol(&enrolment, at(1)).await.unwrap() }
    });
    let same = join_all(same).await;
    assert_eq!(same.iter().filter(|enrolled| enrolled.fresh).count(), 1);
    assert!(same.iter().all(|enrolled| enrolled.client == same[0].client));
    assert_eq!(b.tokens.token("t").await.unwrap().unwrap().token.uses, 1);
    let others = (2..6u8).map(|key| {
        let stores = if key.is_multiple_of(2) { &a } else { &b };
        let enrolment = enrol(key);
        async move { stores.clients.enrol(&enrolment, at(2)).await.is_ok() }
    });
    let others = join_all(others).await;
    assert_eq!(others.iter().filter(|enrolled| **enrolled).count(), 2);
    assert_eq!(a.tokens.token("t").await.unwrap().unwrap().token.uses, 3);
}

#[tokio::test]
async fn offers_are_ordered_as_their_commits_are() {
    let Some([a, b]) = nodes().await else { return };
    let step = |number: u128| {
        let stores = if number.is_multiple_of(2) { a.clone() } else { b.clone() };
        async move {
            let before = stores.hunts.active().await.unwrap().newest;
            let offer = stores.start_hunt(number, spec(), at(5)).await.offer;
            let after = stores.hunts.active().await.unwrap();
            assert!(before < offer && offer <= after.newest);
            // Whoever sees an offer as the newest sees every hunt with a smaller one.
            let known: BTreeSet<u64> = after.hunts.iter().map(|hunt| hunt.hunt.offer.0).collect();
            assert_eq!(known.last().copied(), Some(after.newest.0));
            assert_eq!(known.len() as u64, after.newest.0 - at(5).as_micros() as u64 + 1);
            offer
        }
    };
    let offers: BTreeSet<_> = join_all((1..=12).map(step)).await.into_iter().collect();
    assert_eq!(offers.len(), 12);
}

#[tokio::test]
async fn a_hunt_that_is_stopped_amid_everything_leaves_nobody_running() {
    let Some([a, b]) = nodes().await else { return };
    let hunt = a.start_hunt(1, spec(), at(0)).await.id;
    recruit(&a, hunt, &clients(30)).await;
    let flows = a.admit(hunt, 10, at(2)).await;
    let stop = HuntStep {
        id: hunt,
        event: HuntEvent::Stop,
        reason: EndReason::Asked,
        by: ada(),
        now: at(3),
    };
    let late: Vec<ClientId> = (100..120).map(ClientId::from_bits).collect();
    let decide = late.iter().map(|client| {
        let verdict = if client.bits() % 3 == 0 { Err(Refusal::NoRows) } else { Ok(()) };
        let decisions = [decision(hunt, *client, verdict)];
        let stores = &b;
        async move { drop(stores.members.decide(&decisions, at(3)).await.unwrap()) }
    });
    let end = flows.iter().map(|flow| {
        let outcome = if flow.id.bits() % 2 == 0 { Ok(rows(1)) } else { Ok(rows(0)) };
        let event = FlowEvent::Ended { attempt: 1, outcome };
        let step = FlowStep::new(flow.id, event, at(3));
        let stores = &a;
        async move { drop(stores.flows.apply(&step).await.unwrap()) }
    });
    let admit = (0..5).map(|_| async { drop(b.admit(hunt, 3, at(3)).await) });
    let stopped = async { a.hunts.transition(&stop).await.unwrap() };
    let (_, _, _, stopped) =
        tokio::join!(join_all(decide), join_all(end), join_all(admit), stopped);
    a.assert_counters_hold(hunt).await;
    let counts = b.members.counts(hunt, 1).await.unwrap();
    assert_eq!((counts.pending, counts.running), (0, 0));
    for (client, flow) in stopped.cancelled {
        let key = MemberKey { hunt, round: 1, client };
        let member = b.members.member(key).await.unwrap().unwrap();
        assert_eq!(member.state.queue(), MemberQueue::Cancelled);
        assert!(a.flows.get(flow).await.unwrap().unwrap().life.is_over());
    }
}

#[tokio::test]
async fn whoever_follows_the_events_of_two_nodes_misses_none() {
    use flows::monitoring::{EventPlace, EventScan};
    use model::monitoring::{Event, EventBatch, EventKind, EventScope, RunId};
    let Some([a, b]) = nodes().await else { return };
    let scope = EventScope {
        client: None,
        source: "S".into(),
        kind: EventKind::Rows,
        from: None,
        to: None,
    };
    let send = (0..40u128).map(|number| {
        let stores = if number.is_multiple_of(2) { &a } else { &b };
        let batch = EventBatch {
            run: RunId(1),
            source: "S".into(),
            kind: EventKind::Rows,
            seq: 0,
            events: vec![Event { observed: at(1), json: format!("{{\"n\":{number}}}") }],
        };
        async move {
            let client = ClientId::from_bits(number);
            drop(stores.monitoring.append_events(client, &batch, at(1)).await.unwrap());
        }
    });
    let follow = async {
        let mut scan = EventScan { scope, after: EventPlace::default(), rows: 3 };
        let mut met = BTreeSet::new();
        while met.len() < 40 {
            let piece = a.monitoring.scan_events(&scan).await.unwrap();
            met.extend(piece.rows.into_iter().map(|row| row.json));
            scan.after = piece.place;
            tokio::task::yield_now().await;
        }
        met.len()
    };
    let (_, met) = tokio::join!(join_all(send), follow);
    assert_eq!(met, 40);
}

#[test]
fn stores_can_be_shared() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<store_postgres::RecordStore>();
    shared::<Arc<store_postgres::RecordStore>>();
}
