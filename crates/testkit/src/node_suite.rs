//! What every store of nodes and duties, and every carrier of news, must do.

use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, FixedClock, FlowId, HuntId, NodeId, SessionId};
use fleet::nodes::{Beat, Displaced, Heard, Listener, Move, News, Node, Standing, Touch};
use fleet::{Announcements, LeaseStore, NodeStore};
use hunts::ports::Grant;
use model::duty::{Duty, Fence};
use model::store::StoreError;

use crate::stores::{Stores, at, spec};

const LIFE: Duration = Duration::from_secs(10);
const ADA: NodeId = NodeId::from_bits(1);
const BOB: NodeId = NodeId::from_bits(2);

/// Runs all promises about duties, each on a store of its own that tells the time by the clock it is
/// given.
pub async fn lease_suite<S: LeaseStore>(fresh: impl AsyncFn(Arc<FixedClock>) -> S) {
    let clock = || Arc::new(FixedClock::at(at(0)));
    let one = clock();
    a_duty_has_one_holder_at_a_time(fresh(one.clone()).await, &one).await;
    let one = clock();
    tokens_grow_with_each_change_of_hands(fresh(one.clone()).await, &one).await;
    let one = clock();
    duties_do_not_meet(fresh(one.clone()).await).await;
}

async fn take(store: &impl LeaseStore, duty: Duty, node: NodeId) -> Option<u64> {
    let lease = store.take(duty, node, LIFE).await.unwrap()?;
    assert_eq!((lease.fence.duty, lease.node, lease.left), (duty, node, LIFE));
    Some(lease.fence.token)
}

async fn a_duty_has_one_holder_at_a_time(store: impl LeaseStore, clock: &FixedClock) {
    assert_eq!(take(&store, Duty::HuntManager, ADA).await, Some(1));
    assert_eq!(take(&store, Duty::HuntManager, BOB).await, None);
    clock.advance(Duration::from_secs(9));
    assert_eq!(take(&store, Duty::HuntManager, ADA).await, Some(1), "renewed");
    clock.advance(Duration::from_secs(9));
    assert_eq!(take(&store, Duty::HuntManager, BOB).await, None);
    let running = store.leases().await.unwrap();
    assert_eq!(running.len(), 1);
    assert_eq!((running[0].node, running[0].left), (ADA, Duration::from_secs(1)));
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.leases().await.unwrap(), []);
    assert_eq!(take(&store, Duty::HuntManager, BOB).await, Some(2));
    assert_eq!(take(&store, Duty::HuntManager, ADA).await, None, "it was away for too long");
}

async fn tokens_grow_with_each_change_of_hands(store: impl LeaseStore, clock: &FixedClock) {
    let duty = Duty::Janitor;
    assert_eq!(take(&store, duty, ADA).await, Some(1));
    store.give_back(Fence { duty, token: 1 }).await.unwrap();
    assert_eq!(take(&store, duty, BOB).await, Some(2), "at once");
    store.give_back(Fence { duty, token: 1 }).await.unwrap();
    assert_eq!(take(&store, duty, ADA).await, None, "an old leave gives nothing back");
    clock.advance(LIFE);
    assert_eq!(take(&store, duty, BOB).await, Some(3), "another may have had it meanwhile");
}

async fn duties_do_not_meet(store: impl LeaseStore) {
    for (number, duty) in Duty::ALL.into_iter().enumerate() {
        let node = NodeId::from_bits(number as u128);
        assert_eq!(take(&store, duty, node).await, Some(1));
    }
    assert_eq!(store.leases().await.unwrap().len(), Duty::ALL.len());
}

/// Runs all promises about nodes and their clients.
pub async fn node_suite<S: NodeStore>(fresh: impl AsyncFn(Arc<FixedClock>) -> S) {
    let clock = || Arc::new(FixedClock::at(at(0)));
    let one = clock();
    a_node_lives_as_long_as_it_says(fresh(one.clone()).await, &one).await;
    a_client_is_connected_once(fresh(clock()).await).await;
    let one = clock();
    clients_of_a_dead_node_are_gone(fresh(one.clone()).await, &one).await;
    who_stayed_makes_room_for_who_came(fresh(clock()).await).await;
    many_move_at_once(fresh(clock()).await).await;
}

fn beat(node: NodeId) -> Beat {
    Beat {
        node: Node {
            id: node,
            name: format!("host-{}", node.bits()),
            version: "1.2.3".into(),
            agents: "10.0.0.1:8800".into(),
            people: "10.0.0.1:8889".into(),
            started: at(0),
        },
        clients: 7,
        asked: vec![(HuntId::from_bits(5), 3)],
    }
}

async fn lives(store: &impl NodeStore, node: NodeId) -> Standing {
    store.beat(&beat(node), LIFE).await.unwrap()
}

async fn names(store: &impl NodeStore) -> Vec<NodeId> {
    store.nodes().await.unwrap().into_iter().map(|node| node.beat.node.id).collect()
}

fn client(number: u128) -> ClientId {
    ClientId::from_bits(number)
}

fn session(number: u128) -> SessionId {
    SessionId::from_bits(number)
}

async fn moved(store: &impl NodeStore, node: NodeId, step: Move) -> Vec<Displaced> {
    store.moved(node, &[step]).await.unwrap()
}

async fn whereabouts(store: &impl NodeStore) -> Vec<(ClientId, NodeId)> {
    let mut found = store.whereabouts().await.unwrap();
    found.sort();
    found
}

async fn a_node_lives_as_long_as_it_says(store: impl NodeStore, clock: &FixedClock) {
    assert_eq!(lives(&store, BOB).await, Standing::New);
    assert_eq!(lives(&store, ADA).await, Standing::New);
    assert_eq!(names(&store).await, [ADA, BOB]);
    clock.advance(Duration::from_secs(6));
    assert_eq!(lives(&store, ADA).await, Standing::Known);
    assert_eq!(store.nodes().await.unwrap()[1].silent, Duration::from_secs(6));
    assert_eq!(store.nodes().await.unwrap()[1].beat, beat(BOB));
    clock.advance(Duration::from_secs(4));
    assert_eq!(names(&store).await, [ADA]);
    assert_eq!(lives(&store, BOB).await, Standing::New, "it was given up");
    store.leave(ADA).await.unwrap();
    assert_eq!(names(&store).await, [BOB]);
}

async fn a_client_is_connected_once(store: impl NodeStore) {
    lives(&store, ADA).await;
    lives(&store, BOB).await;
    assert_eq!(moved(&store, ADA, Move::Came(client(1), session(1))).await, []);
    assert_eq!(moved(&store, ADA, Move::Came(client(1), session(2))).await, [], "the node knows");
    let displaced = Displaced { node: ADA, client: client(1), session: session(2) };
    assert_eq!(moved(&store, BOB, Move::Came(client(1), session(3))).await, [displaced]);
    assert_eq!(moved(&store, ADA, Move::Left(client(1), session(2))).await, []);
    assert_eq!(whereabouts(&store).await, [(client(1), BOB)]);
    assert_eq!(moved(&store, BOB, Move::Left(client(1), session(3))).await, []);
    assert_eq!(whereabouts(&store).await, []);
}

async fn clients_of_a_dead_node_are_gone(store: impl NodeStore, clock: &FixedClock) {
    lives(&store, ADA).await;
    moved(&store, ADA, Move::Came(client(1), session(1))).await;
    clock.advance(Duration::from_secs(5));
    lives(&store, BOB).await;
    moved(&store, BOB, Move::Came(client(2), session(2))).await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(whereabouts(&store).await, [(client(2), BOB)]);
    assert_eq!(moved(&store, BOB, Move::Came(client(1), session(3))).await, []);
    store.leave(BOB).await.unwrap();
    assert_eq!(whereabouts(&store).await, []);
}

async fn who_stayed_makes_room_for_who_came(store: impl NodeStore) {
    lives(&store, ADA).await;
    lives(&store, BOB).await;
    moved(&store, BOB, Move::Came(client(1), session(1))).await;
    let step = [Move::Stayed(client(1), session(7)), Move::Stayed(client(2), session(8))];
    let displaced = Displaced { node: ADA, client: client(1), session: session(7) };
    assert_eq!(store.moved(ADA, &step).await.unwrap(), [displaced]);
    assert_eq!(whereabouts(&store).await, [(client(1), BOB), (client(2), ADA)]);
}

async fn many_move_at_once(store: impl NodeStore) {
    lives(&store, ADA).await;
    let came = |number| Move::Came(client(number), session(number));
    let mut moves: Vec<Move> = (0..3_000).map(came).collect();
    moves.push(Move::Left(client(7), session(7)));
    moves.push(Move::Left(client(8), session(8)));
    moves.push(Move::Came(client(8), session(9_999)));
    assert_eq!(store.moved(ADA, &moves).await.unwrap(), []);
    let there = whereabouts(&store).await;
    assert_eq!(there.len(), 2_999);
    assert!(there.contains(&(client(8), ADA)) && !there.contains(&(client(7), ADA)));
}

/// How two nodes reach one another.
pub type Carriers = (Arc<dyn Announcements>, Arc<dyn Announcements>);

/// Runs all promises about news. The two carriers reach one another, as those of two nodes do.
pub async fn announcement_suite(fresh: impl AsyncFn() -> Carriers) {
    what_is_announced_is_heard_in_order(fresh().await).await;
    much_news_arrives_whole(fresh().await).await;
}

/// The next thing that is heard. A carrier may say first that something was missed before.
async fn next(listener: &mut dyn Listener) -> (NodeId, News) {
    let heard = async {
        loop {
            if let Heard::News(node, news) = listener.next().await {
                return (node, news);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard).await.expect("the news arrives")
}

/// Waits until a listener hears: before, it may only be told that it missed something.
async fn attach(carrier: &Arc<dyn Announcements>) -> Box<dyn Listener> {
    let mut listener = carrier.listen();
    loop {
        carrier.announce(ADA, &[News::Tools]).await.unwrap();
        let soon = tokio::time::timeout(Duration::from_secs(1), listener.next()).await;
        if soon.is_ok_and(|heard| heard == Heard::News(ADA, News::Tools)) {
            return listener;
        }
    }
}

fn every_kind() -> Vec<News> {
    let displaced = Displaced { node: BOB, client: client(u128::MAX), session: session(9) };
    vec![
        News::Hunts,
        News::Manage,
        News::Monitoring,
        News::Waiting(vec![client(1), client(u128::MAX)]),
        News::Cancelled(vec![(client(1), FlowId::from_bits(u128::MAX / 3))]),
        News::Changed(vec![client(2)]),
        News::Revoked(vec![client(3)]),
        News::Displaced(vec![displaced]),
        News::Came(vec![client(4)]),
        News::Left(vec![client(5), client(6)]),
        News::Touched(vec![
            Touch::Hunt(HuntId::from_bits(1)),
            Touch::Flow(FlowId::from_bits(2)),
            Touch::Client(client(3)),
            Touch::Log,
        ]),
        News::TouchedMuch,
    ]
}

async fn what_is_announced_is_heard_in_order((here, there): Carriers) {
    let mut far = attach(&there).await;
    let mut near = attach(&here).await;
    here.announce(BOB, &every_kind()).await.unwrap();
    for listener in [&mut far, &mut near] {
        let mut heard = Vec::new();
        while heard.len() < every_kind().len() {
            let (node, news) = next(listener.as_mut()).await;
            // Those that found out whether somebody listens.
            if node == BOB {
                heard.push(news);
            }
        }
        assert_eq!(heard, every_kind());
    }
}

async fn much_news_arrives_whole((here, there): Carriers) {
    let mut far = attach(&there).await;
    let all: Vec<ClientId> = (0..5_000).map(|number| client(u128::MAX - number)).collect();
    here.announce(BOB, &[News::Waiting(all.clone()), News::Hunts]).await.unwrap();
    let mut heard = Vec::new();
    loop {
        match next(far.as_mut()).await {
            (BOB, News::Waiting(clients)) => heard.extend(clients),
            (BOB, News::Hunts) => break,
            _ => {}
        }
    }
    assert_eq!(heard, all);
}

/// A grant of a manager that was away for too long admits nobody.
pub async fn fence_suite(stores: Stores, leases: &dyn LeaseStore) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    for number in 1..=2 {
        let client = stores.enrol(number).await;
        let decision = crate::stores::decision(hunt, client, Ok(()));
        stores.members.decide(&[decision], at(1)).await.unwrap();
    }
    let old = leases.take(Duty::HuntManager, ADA, LIFE).await.unwrap().unwrap().fence;
    leases.give_back(old).await.unwrap();
    let new = leases.take(Duty::HuntManager, BOB, LIFE).await.unwrap().unwrap().fence;
    let grant = |number, fence| Grant {
        hunt,
        flow_ids: vec![FlowId::from_bits(number)],
        ceiling: base::Rate::Unlimited,
        fence: Some(fence),
        now: at(2),
    };
    assert_eq!(stores.admissions.admit(&grant(1, new)).await.unwrap().len(), 1);
    let late = stores.admissions.admit(&grant(2, old)).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    assert_eq!(stores.admissions.admit(&grant(3, new)).await.unwrap().len(), 1);
}
