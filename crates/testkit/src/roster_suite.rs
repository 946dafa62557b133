//! What every store must do for people who change by hand who takes part in a hunt.

use base::{ClientId, HuntId, Rate};
use hunts::ports::{Decided, Decision, HuntEdit, HuntList, MemberKey, MemberList, TagChange};
use hunts::roster::{Added, Removed};
use model::hunt::{Hunt, HuntEvent};
use model::lineage::Lineage;
use model::member::{Hand, Member, MemberQueue, MemberState, Refusal};
use model::org::OrgId;
use model::store::StoreError;

use crate::stores::{Stores, ada, at, decision, first, rows, spec};

/// Runs all promises, each on records of its own.
pub async fn roster_suite(fresh: impl AsyncFn() -> Stores) {
    a_person_overrides_a_refusal(fresh().await).await;
    who_was_put_in_by_hand_is_not_decided_again(fresh().await).await;
    who_ran_stays_and_the_limit_holds(fresh().await).await;
    a_person_takes_out_who_waits(fresh().await).await;
    a_hunt_that_asks_nobody_takes_nobody(fresh().await).await;
    a_place_in_the_queue_is_counted_as_admission_goes(fresh().await).await;
    tags_change_without_a_revision(fresh().await).await;
    a_hunt_knows_what_it_is_a_copy_of_and_when_it_was_over(fresh().await).await;
    clients_are_found_by_their_names(fresh().await).await;
}

async fn member(stores: &Stores, hunt: HuntId, client: ClientId) -> Member {
    stores.members.member(MemberKey { hunt, round: 1, client }).await.unwrap().unwrap()
}

async fn add(stores: &Stores, hunt: HuntId, clients: &[ClientId], secs: i64) -> Vec<Added> {
    let outcome = stores.roster.add(hunt, clients, at(secs)).await.unwrap();
    stores.assert_counters_hold(hunt).await;
    outcome
}

async fn remove(stores: &Stores, hunt: HuntId, clients: &[ClientId], secs: i64) -> Vec<Removed> {
    let outcome = stores.roster.remove(hunt, clients, at(secs)).await.unwrap();
    stores.assert_counters_hold(hunt).await;
    outcome
}

async fn change_condition(stores: &Stores, hunt: &Hunt) {
    let mut other = spec();
    other.condition.server = "SELECT 1 FROM rows".into();
    let edit =
        HuntEdit { id: hunt.id, revision: hunt.revision, spec: other, by: ada(), now: at(50) };
    stores.hunts.edit(&edit).await.unwrap();
}

async fn a_person_overrides_a_refusal(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let [refused, new] = [stores.enrol(1).await, stores.enrol(2).await];
    let no = Err(Refusal::Excluded("has the label `db`".into()));
    stores.members.decide(&[decision(hunt, refused, no)], at(1)).await.unwrap();
    assert_eq!(add(&stores, hunt, &[refused, new], 2).await, [Added::Queued, Added::Queued]);
    assert_eq!(add(&stores, hunt, &[refused, new], 3).await, [Added::Waits, Added::Waits]);
    let counts = stores.members.counts(hunt, 1).await.unwrap();
    assert_eq!((counts.pending, counts.refused), (2, 0));
    let kept = member(&stores, hunt, refused).await;
    assert_eq!((kept.hand, kept.decided), (Some(Hand::Added), at(2)));
    let found = MemberList { text: Some("added by HAND".into()), ..MemberList::of(hunt, 1) };
    assert_eq!(stores.members.members(&found).await.unwrap().total, 2);
    assert_eq!(stores.admit(hunt, 9, at(4)).await.len(), 2);
    assert_eq!(member(&stores, hunt, refused).await.hand, Some(Hand::Added));
}

async fn who_was_put_in_by_hand_is_not_decided_again(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let [by_hand, by_condition] = [stores.enrol(1).await, stores.enrol(2).await];
    let yes = [decision(hunt.id, by_hand, Ok(())), decision(hunt.id, by_condition, Ok(()))];
    stores.members.decide(&yes, at(1)).await.unwrap();
    assert_eq!(add(&stores, hunt.id, &[by_hand], 2).await, [Added::Waits]);
    change_condition(&stores, &hunt).await;
    let no = |client| Decision {
        revision: 2,
        recheck: 9,
        ..decision(hunt.id, client, Err(Refusal::ConditionFalse))
    };
    let outcome = stores.members.decide(&[no(by_hand)], at(60)).await.unwrap();
    assert_eq!(outcome, [Decided::Known]);
    let admitted = stores.admit(hunt.id, 9, at(61)).await;
    assert_eq!(admitted.iter().map(|flow| flow.client).collect::<Vec<_>>(), [by_hand]);
    stores.step(hunt.id, HuntEvent::Drain, at(62)).await;
    assert_eq!(member(&stores, hunt.id, by_condition).await.state, MemberState::Expired);
}

async fn who_ran_stays_and_the_limit_holds(stores: Stores) {
    let mut limited = spec();
    limited.limits.clients_max = 2;
    let hunt = stores.start_hunt(1, limited, at(0)).await.id;
    let [a, b, c] = [stores.enrol(1).await, stores.enrol(2).await, stores.enrol(3).await];
    assert_eq!(add(&stores, hunt, &[a, b, c], 1).await[2], Added::Full);
    let flows = stores.admit(hunt, 9, at(2)).await;
    stores.end(first(flows[0].id), Ok(rows(1)), false, at(3)).await;
    let [done, runs] = [flows[0].client, flows[1].client];
    let stays = [Added::Stays(MemberQueue::Results), Added::Stays(MemberQueue::Running)];
    assert_eq!(add(&stores, hunt, &[done, runs], 4).await, stays);
    assert_eq!(stores.admit(hunt, 9, at(5)).await.len(), 0, "nobody runs twice");
}

async fn a_person_takes_out_who_waits(stores: Stores) {
    let mut slow = spec();
    slow.rate = Rate::PerMinute(1);
    let hunt = stores.start_hunt(1, slow, at(0)).await.id;
    let [a, b, c] = [stores.enrol(1).await, stores.enrol(2).await, stores.enrol(3).await];
    let yes = [decision(hunt, a, Ok(())), decision(hunt, b, Ok(()))];
    stores.members.decide(&yes, at(1)).await.unwrap();
    let runs = stores.admit(hunt, 9, at(2)).await[0].client;
    let waits = if runs == a { b } else { a };
    let answer = [Removed::Removed, Removed::Stays(MemberQueue::Running), Removed::Unknown];
    assert_eq!(remove(&stores, hunt, &[waits, runs, c], 3).await, answer);
    let kept = member(&stores, hunt, waits).await;
    assert_eq!(
        (kept.state.clone(), kept.reason().as_str()),
        (MemberState::Cancelled, "removed by hand")
    );
    let found = MemberList { text: Some("removed by hand".into()), ..MemberList::of(hunt, 1) };
    assert_eq!(stores.members.members(&found).await.unwrap().total, 1);
    let again = Decision { recheck: 7, ..decision(hunt, waits, Ok(())) };
    assert_eq!(stores.members.decide(&[again], at(4)).await.unwrap(), [Decided::Known]);
    assert_eq!(stores.admit(hunt, 9, at(100)).await.len(), 0);
    assert_eq!(
        add(&stores, hunt, &[waits], 101).await,
        [Added::Queued],
        "a person changes their mind"
    );
    assert_eq!(stores.admit(hunt, 9, at(200)).await.len(), 1);
}

async fn a_hunt_that_asks_nobody_takes_nobody(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let client = stores.enrol(1).await;
    let late = stores.roster.add(hunt, &[client], at(7 * 86_400)).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "its time is over");
    stores.step(hunt, HuntEvent::Pause, at(1)).await;
    assert_eq!(add(&stores, hunt, &[client], 2).await, [Added::Queued]);
    stores.step(hunt, HuntEvent::Stop, at(3)).await;
    let over = stores.roster.add(hunt, &[client], at(4)).await;
    assert!(matches!(over, Err(StoreError::Conflict { .. })));
    let unknown = stores.roster.add(HuntId::from_bits(404), &[client], at(4)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
}

async fn a_place_in_the_queue_is_counted_as_admission_goes(stores: Stores) {
    let mut slow = spec();
    slow.rate = Rate::PerMinute(1);
    let hunt = stores.start_hunt(1, slow, at(0)).await;
    let mut clients = Vec::new();
    for number in 1..5 {
        let client = stores.enrol(number).await;
        let yes = decision(hunt.id, client, Ok(()));
        stores.members.decide(&[yes], at(i64::from(number))).await.unwrap();
        clients.push(client);
    }
    let ahead = async |client: ClientId| {
        let key = MemberKey { hunt: hunt.id, round: 1, client };
        stores.roster.ahead(key).await.unwrap()
    };
    assert_eq!((ahead(clients[0]).await, ahead(clients[3]).await), (Some(0), Some(3)));
    assert_eq!(stores.admit(hunt.id, 9, at(9)).await[0].client, clients[0]);
    assert_eq!((ahead(clients[0]).await, ahead(clients[3]).await), (None, Some(2)));
    change_condition(&stores, &hunt).await;
    assert_eq!(ahead(clients[3]).await, Some(0), "outdated decisions are passed over");
    assert_eq!(ahead(ClientId::from_bits(404)).await, None);
}

async fn tags_change_without_a_revision(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    stores.start_hunt(2, spec(), at(1)).await;
    let set = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    let change = TagChange { add: set(&["case \"7\""]), remove: set(&["sweep"]) };
    let tagged = stores.hunts.set_tags(hunt.id, &change).await.unwrap();
    assert_eq!((tagged.spec.tags.clone(), tagged.revision), (set(&["case \"7\""]), 1));
    let listed = async |tag: &str| {
        let query = HuntList { tag: Some(tag.into()), ..HuntList::of(OrgId::default()) };
        let page = stores.hunts.list(&query).await.unwrap();
        page.items.iter().map(|hunt| hunt.hunt.id.bits()).collect::<Vec<_>>()
    };
    assert_eq!(listed("case \"7\"").await, [1]);
    assert_eq!(listed("sweep").await, [2]);
    assert_eq!(listed("case").await, [0u128; 0], "tags match whole");
    change_condition(&stores, &hunt).await;
    let edited = stores.hunts.get(hunt.id).await.unwrap().unwrap().hunt;
    assert_eq!(edited.spec.tags, set(&["case \"7\""]), "an edit takes no tag back");
    stores.step(hunt.id, HuntEvent::Stop, at(60)).await;
    assert!(stores.hunts.set_tags(hunt.id, &change).await.is_ok(), "also when it is over");
    let unknown = stores.hunts.set_tags(HuntId::from_bits(404), &change).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
}

async fn a_hunt_knows_what_it_is_a_copy_of_and_when_it_was_over(stores: Stores) {
    let lineage = Lineage::Hunt { hunt: HuntId::from_bits(7), revision: 3 };
    let id = HuntId::from_bits(1);
    let new = hunts::ports::NewHunt {
        id,
        org: OrgId::default(),
        spec: spec(),
        by: ada(),
        now: at(0),
        copied_from: Some(lineage),
    };
    stores.hunts.create(&new).await.unwrap();
    let started = stores.step(id, HuntEvent::Start, at(1)).await;
    assert_eq!((started.copied_from, started.closed), (Some(lineage), None));
    let drained = stores.step(id, HuntEvent::Drain, at(2)).await;
    assert_eq!(drained.closed, None);
    let completed = stores.step(id, HuntEvent::Drained, at(9)).await;
    assert_eq!(completed.closed, Some(at(9)));
    let archived = stores.step(id, HuntEvent::Archive, at(10)).await;
    let kept = stores.hunts.get(id).await.unwrap().unwrap().hunt;
    assert_eq!((kept.closed, kept.copied_from, &kept), (Some(at(9)), Some(lineage), &archived));
}

async fn clients_are_found_by_their_names(stores: Stores) {
    let [one, two] = [stores.enrol(1).await, stores.enrol(2).await];
    let org = OrgId::default();
    let named = async |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        stores.clients.named(&org, &names).await.unwrap()
    };
    let found = named(&["HOST-1", "host-2", "host", "host-1%"]).await;
    assert_eq!(found, [("HOST-1".to_owned(), one), ("host-2".to_owned(), two)]);
    let facts = model::client::ClientFacts {
        hostname: "Host-1".into(),
        fqdn: "host-1.example.org".into(),
        ..model::client::ClientFacts::default()
    };
    let sighting = fleet::ports::Sighting { at: at(9), address: None, facts: Some(facts) };
    stores.clients.seen(two, &sighting).await.unwrap();
    let mut both = vec![one, two];
    both.sort();
    let ids: Vec<ClientId> = named(&["host-1"]).await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, both, "a name that two clients have");
    assert_eq!(named(&["HOST-1.example.ORG"]).await[0].1, two);
    stores.clients.revoke(one, at(10)).await.unwrap();
    assert_eq!(named(&["host-1"]).await, [("host-1".to_owned(), two)]);
    assert_eq!(
        stores
            .clients
            .named(&OrgId::new("other").unwrap(), &["host-1".to_owned()].into())
            .await
            .unwrap(),
        []
    );
}
