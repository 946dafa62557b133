//! What every store must do when hunts are deleted.

use base::{ClientId, HuntId, Rate, UploadId};
use flows::results::Appended;
use flows::uploads::{Blob, NewUpload, UploadBegun};
use hunts::erasure::Erased;
use hunts::ports::{Decided, Decision, HuntList, MemberKey};
use model::flow::Flow;
use model::hunt::HuntEvent;
use model::org::OrgId;
use model::results::ResultScope;
use model::store::{Paging, StoreError};
use model::tool::ToolFile;

use crate::stores::{Stores, at, batch, decision, direct_flow, first, rows, spec};

/// Runs all promises, each on records of its own.
pub async fn erasure_suite(fresh: impl AsyncFn() -> Stores) {
    only_a_hunt_that_is_over_is_deleted(fresh().await).await;
    nobody_finds_a_deleted_hunt(fresh().await).await;
    all_of_it_goes_a_piece_at_a_time_and_nothing_else(fresh().await).await;
    content_goes_when_nobody_refers_to_it(fresh().await).await;
    an_announced_file_keeps_its_content(fresh().await).await;
    a_half_sent_file_is_given_up_first(fresh().await).await;
    hunts_that_are_over_are_listed_for_retention(fresh().await).await;
}

/// A hunt that two clients have answered, each with a batch of two rows; stopped.
async fn finished(stores: &Stores, number: u128) -> (HuntId, Vec<Flow>) {
    let mut spec = spec();
    spec.rate = Rate::Unlimited;
    let hunt = stores.start_hunt(number, spec, at(0)).await.id;
    let clients = [stores.enrol(1).await, stores.enrol(2).await, stores.enrol(3).await];
    let decisions: Vec<Decision> =
        clients.iter().map(|client| decision(hunt, *client, Ok(()))).collect();
    stores.members.decide(&decisions, at(1)).await.unwrap();
    let flows = stores.admit(hunt, 2, at(2 + i64::try_from(number).unwrap())).await;
    for flow in &flows {
        let rows = batch(first(flow.id), 0, &[r#"{"a":1}"#, r#"{"a":2}"#]);
        let stored = stores.results.append(flow.client, &rows, at(3)).await.unwrap();
        assert_eq!(stored, Appended::Stored);
    }
    (hunt, flows)
}

async fn end(stores: &Stores, hunt: HuntId, flows: &[Flow]) {
    for flow in flows {
        stores.end(first(flow.id), Ok(rows(2)), false, at(20)).await;
    }
    stores.step(hunt, HuntEvent::Stop, at(30)).await;
}

/// Erases in pieces of `most` until nothing is left; how many pieces that took.
async fn erase(stores: &Stores, hunt: HuntId, most: u64) -> u64 {
    for pieces in 1..1_000 {
        let erased = stores.erasure.erase(hunt, most, at(60)).await.unwrap();
        if !erased.left {
            return pieces;
        }
        assert!(erased.gone > 0, "nothing holds it up");
    }
    panic!("erasing does not end");
}

async fn only_a_hunt_that_is_over_is_deleted(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    for event in [None, Some(HuntEvent::Pause), Some(HuntEvent::Drain)] {
        if let Some(event) = event {
            stores.step(hunt, event, at(1)).await;
        }
        let early = stores.erasure.delete(hunt, at(2)).await;
        assert!(matches!(early, Err(StoreError::Conflict { .. })), "{event:?}");
    }
    assert_eq!(
        stores.erasure.erase(hunt, 9, at(60)).await.unwrap(),
        Erased::default(),
        "without a mark"
    );
    stores.step(hunt, HuntEvent::Stop, at(3)).await;
    assert_eq!(stores.erasure.delete(hunt, at(4)).await.unwrap().id, hunt);
    let again = stores.erasure.delete(hunt, at(5)).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })));
}

async fn nobody_finds_a_deleted_hunt(stores: Stores) {
    let (hunt, flows) = finished(&stores, 1).await;
    end(&stores, hunt, &flows).await;
    let other = stores.start_hunt(2, spec(), at(40)).await.id;
    stores.erasure.delete(hunt, at(41)).await.unwrap();
    assert_eq!(stores.hunts.get(hunt).await.unwrap(), None);
    let mut all = HuntList::of(OrgId::default());
    assert_eq!(stores.hunts.list(&all).await.unwrap().total, 1);
    all.states = vec!["stopped"];
    assert_eq!(stores.hunts.list(&all).await.unwrap().total, 0);
    let client = flows[0].client;
    let both = [decision(hunt, client, Ok(())), decision(other, client, Ok(()))];
    let outcome = stores.members.decide(&both, at(42)).await.unwrap();
    assert_eq!(outcome[0], Decided::Closed);
    assert!(matches!(outcome[1], Decided::Recorded(_)), "another hunt's decision is kept");
    assert_eq!(stores.erasure.deleted(9).await.unwrap(), [hunt]);
    assert!(stores.roster.add(hunt, &[client], at(43)).await.is_err());
}

async fn all_of_it_goes_a_piece_at_a_time_and_nothing_else(stores: Stores) {
    let (hunt, flows) = finished(&stores, 1).await;
    end(&stores, hunt, &flows).await;
    let (other, others) = finished(&stores, 2).await;
    end(&stores, other, &others).await;
    let own = direct_flow(9, flows[0].client);
    stores.flows.create(&own).await.unwrap();
    stores.results.append(own.client, &batch(first(own.id), 0, &["{}"]), at(3)).await.unwrap();
    stores.erasure.delete(hunt, at(41)).await.unwrap();
    assert!(erase(&stores, hunt, 1).await > 3, "one record at a time");
    assert_eq!(stores.erasure.deleted(9).await.unwrap(), []);
    for flow in &flows {
        assert_eq!(stores.flows.get(flow.id).await.unwrap(), None);
    }
    let scope = |hunt| ResultScope::Hunt { hunt, round: 1 };
    assert_eq!(stores.results.recount(scope(hunt)).await.unwrap(), Default::default());
    assert_eq!(stores.results.sources(scope(hunt)).await.unwrap(), []);
    assert_eq!(stores.members.counts(hunt, 1).await.unwrap().total(), 0);
    assert_eq!(stores.members.recount(hunt, 1).await.unwrap().total(), 0);
    assert_eq!(stores.members.results_queue(hunt, 1, Paging::ALL).await.unwrap().total, 0);
    let of_client = stores.members.of_client(flows[0].client, Paging::ALL).await.unwrap();
    assert_eq!((of_client.total, of_client.items[0].hunt), (1, other));
    let late = batch(first(flows[0].id), 1, &["{}"]);
    let refused = stores.results.append(flows[0].client, &late, at(42)).await.unwrap();
    assert!(matches!(refused, Appended::Refused(_)), "an agent that comes late is told so");
    // What is not of this hunt stays.
    assert_eq!(stores.results.recount(scope(other)).await.unwrap().counted, 4);
    assert_eq!(stores.results.recount(ResultScope::Flow(own.id)).await.unwrap().counted, 1);
    assert_eq!(stores.members.results_queue(other, 1, Paging::ALL).await.unwrap().total, 2);
    stores.assert_counters_hold(other).await;
    assert_eq!(stores.members.counts(other, 1).await.unwrap().total(), 3);
}

fn upload(flow: &Flow, id: u128, sha256: Option<[u8; 32]>) -> NewUpload {
    NewUpload {
        id: UploadId::from_bits(id),
        client: flow.client,
        attempt: first(flow.id),
        number: u64::try_from(id).unwrap(),
        path: "/etc/passwd".into(),
        accessor: "file".into(),
        declared_size: 3,
        sha256,
    }
}

async fn send(stores: &Stores, flow: &Flow, id: u128, content: u8) {
    let sha256 = [content; 32];
    let begun = stores.uploads.begin(&upload(flow, id, Some(sha256))).await.unwrap();
    assert!(matches!(begun, UploadBegun::Open { .. }), "{begun:?}");
    stores.uploads.finish(UploadId::from_bits(id), Blob { sha256, size: 3 }, at(9)).await.unwrap();
}

async fn condemned(stores: &Stores) -> Vec<u8> {
    let mut found: Vec<u8> =
        stores.uploads.condemned(99).await.unwrap().iter().map(|sha256| sha256[0]).collect();
    found.sort_unstable();
    found
}

fn tool(content: u8) -> ToolFile {
    ToolFile {
        name: format!("tool-{content}"),
        version: String::new(),
        filename: "tool".into(),
        sha256: [content; 32],
        size: 3,
        stored: at(1),
    }
}

async fn content_goes_when_nobody_refers_to_it(stores: Stores) {
    let (hunt, flows) = finished(&stores, 1).await;
    let own = direct_flow(9, flows[0].client);
    stores.flows.create(&own).await.unwrap();
    // 1: twice in this hunt. 2: also in a person's own flow. 3: also a tool. 4: of this hunt alone.
    for (id, content, flow) in [
        (1, 1, &flows[0]),
        (2, 1, &flows[1]),
        (3, 2, &flows[0]),
        (4, 3, &flows[0]),
        (5, 4, &flows[1]),
    ] {
        send(&stores, flow, id, content).await;
    }
    send(&stores, &own, 6, 2).await;
    stores.tools.keep_tool(&tool(3)).await.unwrap();
    end(&stores, hunt, &flows).await;
    stores.erasure.delete(hunt, at(41)).await.unwrap();
    assert_eq!(condemned(&stores).await, [0u8; 0], "a mark alone takes nothing");
    erase(&stores, hunt, 2).await;
    assert_eq!(condemned(&stores).await, [1, 4]);
    // While content is being taken away, nobody can come to need it.
    let needs = stores.uploads.begin(&upload(&own, 7, Some([4; 32]))).await;
    assert!(matches!(needs, Err(StoreError::Conflict { .. })));
    let needs = stores.tools.keep_tool(&tool(4)).await;
    assert!(matches!(needs, Err(StoreError::Conflict { .. })));
    stores.uploads.absolve(&[4; 32]).await.unwrap();
    stores.uploads.absolve(&[4; 32]).await.unwrap();
    assert_eq!(condemned(&stores).await, [1]);
    send(&stores, &own, 7, 4).await;
    assert!(stores.tools.keep_tool(&tool(4)).await.is_ok());
}

async fn an_announced_file_keeps_its_content(stores: Stores) {
    let (hunt, flows) = finished(&stores, 1).await;
    let own = direct_flow(9, flows[0].client);
    stores.flows.create(&own).await.unwrap();
    send(&stores, &flows[0], 1, 1).await;
    // Its last part is here, its content is sealed in a moment.
    stores.uploads.begin(&upload(&own, 2, None)).await.unwrap();
    stores.uploads.begin(&upload(&own, 2, Some([1; 32]))).await.unwrap();
    end(&stores, hunt, &flows).await;
    stores.erasure.delete(hunt, at(41)).await.unwrap();
    erase(&stores, hunt, 99).await;
    assert_eq!(condemned(&stores).await, [0u8; 0]);
    stores.uploads.give_up(UploadId::from_bits(2)).await.unwrap();
    assert_eq!(condemned(&stores).await, [1], "it was the last that spoke for it");
}

async fn a_half_sent_file_is_given_up_first(stores: Stores) {
    let (hunt, flows) = finished(&stores, 1).await;
    stores.uploads.begin(&upload(&flows[0], 1, None)).await.unwrap();
    stores.step(hunt, HuntEvent::Stop, at(30)).await;
    stores.erasure.delete(hunt, at(41)).await.unwrap();
    let mut last = Erased { gone: 1, left: true };
    for _ in 0..100 {
        last = stores.erasure.erase(hunt, 9, at(60)).await.unwrap();
    }
    assert_eq!(last, Erased { gone: 0, left: true });
    let abandoned = stores.uploads.abandoned(9).await.unwrap();
    assert_eq!(abandoned, [UploadId::from_bits(1)], "its bytes can still be found");
    stores.uploads.give_up(abandoned[0]).await.unwrap();
    erase(&stores, hunt, 9).await;
    assert_eq!(stores.flows.get(flows[0].id).await.unwrap(), None);
}

async fn hunts_that_are_over_are_listed_for_retention(stores: Stores) {
    for number in 1..=4u128 {
        let hunt = stores.start_hunt(number, spec(), at(0)).await.id;
        if number > 1 {
            stores.step(hunt, HuntEvent::Stop, at(i64::try_from(number).unwrap())).await;
        }
    }
    stores.erasure.delete(HuntId::from_bits(2), at(9)).await.unwrap();
    let closed = async |after: Option<u128>, limit| {
        let found = stores.erasure.closed(after.map(HuntId::from_bits), limit).await.unwrap();
        found.iter().map(|hunt| (hunt.id.bits(), hunt.closed)).collect::<Vec<_>>()
    };
    assert_eq!(closed(None, 9).await, [(3, Some(at(3))), (4, Some(at(4)))]);
    assert_eq!(closed(None, 1).await.len(), 1);
    assert_eq!(closed(Some(3), 9).await, [(4, Some(at(4)))]);
    let unknown =
        MemberKey { hunt: HuntId::from_bits(3), round: 1, client: ClientId::from_bits(4) };
    assert_eq!(stores.members.member(unknown).await.unwrap(), None);
}
