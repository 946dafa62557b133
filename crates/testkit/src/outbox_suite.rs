//! What every store of deliveries must do.

use std::time::Duration;

use loghunt::ports::{Delivery, Settled, Tell, TellHow};
use model::log::FindingId;
use model::store::Paging;

use crate::log_stores::{LogStores, at, finding, key};

/// Runs all promises, each on records of its own.
pub async fn outbox_suite(fresh: impl AsyncFn() -> LogStores) {
    a_delivery_reads_what_was_written(fresh().await).await;
    what_was_sent_is_gone(fresh().await).await;
    what_was_taken_and_not_settled_is_taken_again(fresh().await).await;
    an_old_token_settles_nothing(fresh().await).await;
    later_is_not_before_its_moment(fresh().await).await;
    what_is_given_up_is_only_listed(fresh().await).await;
    two_senders_have_different_deliveries(fresh().await).await;
}

const TTL: Duration = Duration::from_secs(30);

/// Puts so many messages into the outbox.
async fn filled(stores: &LogStores, count: u128) {
    let key = key("acme", "whoami");
    let tell = Tell { channels: vec!["hook".into()], how: TellHow::Each };
    stores.finds(&key, (0..count).map(|number| finding(&key, number)).collect(), tell).await;
}

async fn take(stores: &LogStores, limit: u64) -> Vec<Delivery> {
    stores.outbox.take("sender", TTL, limit).await.unwrap()
}

fn of(deliveries: &[Delivery]) -> Vec<u128> {
    deliveries.iter().map(|delivery| delivery.findings[0].0).collect()
}

async fn a_delivery_reads_what_was_written(stores: LogStores) {
    let key = key("acme", "whoami");
    let tell = Tell { channels: vec!["hook".into()], how: TellHow::Digest };
    let findings = [3, u128::MAX].map(|number| finding(&key, number)).to_vec();
    stores.finds(&key, findings, tell).await;
    let page = stores.outbox.waiting(Paging::ALL).await.unwrap();
    let [delivery] = &page.items[..] else { panic!("{page:?}") };
    let findings = vec![FindingId(3), FindingId(u128::MAX)];
    let expected = Delivery {
        id: delivery.id,
        key: loghunt::ids::delivery_key("hook", &findings),
        channel: "hook".into(),
        findings,
        at: at(1_000),
        attempts: 0,
        token: 0,
        not_before: at(1_000),
        error: None,
        given_up: false,
    };
    assert_eq!(*delivery, expected);
    let taken = take(&stores, 5).await;
    assert_eq!(taken, [Delivery { attempts: 1, token: 1, ..expected }]);
}

async fn what_was_sent_is_gone(stores: LogStores) {
    filled(&stores, 3).await;
    let taken = take(&stores, 2).await;
    assert_eq!(of(&taken), [0, 1], "the oldest first");
    for delivery in &taken {
        stores.outbox.settle(delivery.id, delivery.token, &Settled::Sent).await.unwrap();
    }
    let page = stores.outbox.waiting(Paging::first(1)).await.unwrap();
    assert_eq!((of(&page.items), page.total), (vec![2], 1));
    stores.outbox.settle(taken[0].id, taken[0].token, &Settled::Sent).await.unwrap();
    stores.outbox.settle(987_654, 1, &Settled::Sent).await.unwrap();
    assert_eq!(of(&take(&stores, 9).await), [2]);
}

async fn what_was_taken_and_not_settled_is_taken_again(stores: LogStores) {
    filled(&stores, 1).await;
    let first = take(&stores, 9).await;
    assert_eq!(take(&stores, 9).await, [], "somebody has it");
    stores.clock.advance(TTL);
    let second = take(&stores, 9).await;
    assert_eq!((second[0].token, second[0].attempts), (2, 2));
    assert_eq!(second[0].key, first[0].key, "the receiver can tell that it is the same");
}

async fn an_old_token_settles_nothing(stores: LogStores) {
    filled(&stores, 1).await;
    let old = take(&stores, 9).await.remove(0);
    stores.clock.advance(TTL);
    let new = take(&stores, 9).await.remove(0);
    let error = "late".to_owned();
    for how in [Settled::Sent, Settled::GiveUp { error }] {
        stores.outbox.settle(old.id, old.token, &how).await.unwrap();
    }
    let waiting = stores.outbox.waiting(Paging::ALL).await.unwrap().items;
    assert_eq!(waiting, std::slice::from_ref(&new));
    stores.outbox.settle(new.id, new.token, &Settled::Sent).await.unwrap();
    assert_eq!(stores.outbox.waiting(Paging::ALL).await.unwrap().total, 0);
}

async fn later_is_not_before_its_moment(stores: LogStores) {
    filled(&stores, 2).await;
    let delivery = take(&stores, 1).await.remove(0);
    let later = Settled::Later { not_before: at(1_100), error: "503".into() };
    stores.outbox.settle(delivery.id, delivery.token, &later).await.unwrap();
    assert_eq!(of(&take(&stores, 9).await), [1]);
    stores.clock.set(at(1_099));
    assert_eq!(of(&take(&stores, 9).await), [1], "the other one's lease is over");
    stores.clock.set(at(1_100));
    let again = take(&stores, 9).await;
    assert_eq!(of(&again), [0]);
    assert_eq!((again[0].attempts, again[0].error.as_deref()), (2, Some("503")));
}

async fn what_is_given_up_is_only_listed(stores: LogStores) {
    filled(&stores, 1).await;
    let delivery = take(&stores, 1).await.remove(0);
    let give_up = Settled::GiveUp { error: "404".into() };
    stores.outbox.settle(delivery.id, delivery.token, &give_up).await.unwrap();
    stores.clock.advance(TTL * 10);
    assert_eq!(take(&stores, 9).await, []);
    let listed = stores.outbox.waiting(Paging::ALL).await.unwrap().items;
    assert_eq!((listed[0].given_up, listed[0].error.as_deref()), (true, Some("404")));
}

async fn two_senders_have_different_deliveries(stores: LogStores) {
    filled(&stores, 40).await;
    let takes = (0..10).map(|_| take(&stores, 4));
    let mut all: Vec<u128> =
        futures::future::join_all(takes).await.iter().flat_map(|some| of(some)).collect();
    all.sort_unstable();
    let distinct = all.len();
    all.dedup();
    assert_eq!(all.len(), distinct, "nobody has what another has");
    while let Some(one) = take(&stores, 1).await.pop() {
        all.push(one.findings[0].0);
    }
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<u128>>());
}
