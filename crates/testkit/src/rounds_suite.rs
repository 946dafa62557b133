//! What every store of results must do with the rounds of a hunt: each is a table of its own, and all
//! together are one.

use std::time::Duration;

use base::{HuntId, UploadId};
use flows::results::{Appended, Scan};
use flows::uploads::{Blob, NewUpload, UploadBegun};
use hunts::ports::{Decision, HuntStep, MemberKey};
use model::flow::{Flow, FlowYield};
use model::hunt::{EndReason, HuntEvent, HuntSpec};
use model::org::Actor;
use model::results::{FacetOrder, FacetQuery, ResultQuery, ResultRow, ResultScope, RowBatch};
use model::store::Paging;
use model::window::{Schedule, Ticks};

use crate::stores::{Stores, at, batch, first, rows, spec};

const HOUR: i64 = 3_600;

/// Runs all promises about rounds.
pub(crate) async fn rounds_suite(fresh: impl AsyncFn() -> Stores) {
    all_rounds_are_one_table(fresh().await).await;
    all_rounds_are_forgotten_together(fresh().await).await;
}

fn query(scope: ResultScope) -> ResultQuery {
    ResultQuery {
        scope,
        source: None,
        search: None,
        filters: vec![],
        sort: None,
        offset: 0,
        limit: 100,
    }
}

/// Lets a flow bring rows by source and a file, and ends it.
async fn bring(stores: &Stores, flow: &Flow, brought: &[(&str, &[&str])], secs: i64) {
    let mut all = 0;
    for (source, texts) in brought {
        let batch = RowBatch { source: (*source).into(), ..batch(first(flow.id), 0, texts) };
        let stored = stores.results.append(flow.client, &batch, at(secs)).await.unwrap();
        assert_eq!(stored, Appended::Stored);
        all += texts.len() as u64;
    }
    let id = UploadId::from_bits(flow.id.bits());
    let new = NewUpload {
        id,
        attempt: first(flow.id),
        client: flow.client,
        number: 0,
        path: "/x".into(),
        accessor: "file".into(),
        declared_size: 1,
        sha256: None,
    };
    let begun = stores.uploads.begin(&new).await.unwrap();
    assert!(matches!(begun, UploadBegun::Open { .. }), "{begun:?}");
    let blob = Blob { sha256: [1; 32], size: 1 };
    stores.uploads.finish(id, blob, at(secs)).await.unwrap();
    let upload = FlowYield { uploads: 1, upload_bytes: 1, ..rows(all) };
    assert!(stores.end(first(flow.id), Ok(upload), false, at(secs + 1)).await);
}

/// A hunt with two rounds on one client: three rows of `A` in the first, one of `A` and one of `B` in
/// the second, each with a file. Another hunt has a row too.
async fn two_rounds(stores: &Stores) -> (HuntId, Vec<Flow>) {
    let ticks = Ticks::Every(Duration::from_secs(HOUR.unsigned_abs()));
    let schedule = Schedule { ticks, buffer: Duration::from_secs(60), first: None };
    let hourly = HuntSpec { schedule: Some(schedule), ..spec() };
    let client = stores.enrol(1).await;
    let mut hunt = stores.start_hunt(1, hourly, at(0)).await;
    let other = stores.start_hunt(2, spec(), at(0)).await;
    let mut flows = Vec::new();
    for (round, secs) in [(1, 1), (2, HOUR + 1)] {
        if round == 2 {
            let event = HuntEvent::NextRound { round };
            let (id, by) = (hunt.id, Actor::System);
            let step = HuntStep { id, event, reason: EndReason::Asked, by, now: at(secs) };
            hunt = stores.hunts.transition(&step).await.unwrap().hunt;
        }
        let key = MemberKey { hunt: hunt.id, round, client };
        let decision = Decision { key, revision: hunt.revision, recheck: 0, verdict: Ok(()) };
        stores.members.decide(&[decision], at(secs + 1)).await.unwrap();
        let flow = stores.admit(hunt.id, 9, at(secs + 2)).await.remove(0);
        let brought: &[(&str, &[&str])] = match round {
            1 => &[("A", &[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#])],
            _ => &[("A", &[r#"{"n":2}"#]), ("B", &[r#"{"n":9,"m":0}"#])],
        };
        bring(stores, &flow, brought, secs + 3).await;
        flows.push(flow);
    }
    let key = MemberKey { hunt: other.id, round: 1, client };
    let decision = Decision { key, revision: 1, recheck: 0, verdict: Ok(()) };
    stores.members.decide(&[decision], at(HOUR + 5)).await.unwrap();
    let flow = stores.admit(other.id, 9, at(HOUR + 6)).await.remove(0);
    bring(stores, &flow, &[("A", &[r#"{"n":100}"#])], HOUR + 7).await;
    flows.push(flow);
    (hunt.id, flows)
}

fn shown(rows: &[ResultRow]) -> Vec<String> {
    let line = |row: &ResultRow| format!("{}/{} {}", row.round.unwrap_or(0), row.source, row.json);
    rows.iter().map(line).collect()
}

async fn all_rounds_are_one_table(stores: Stores) {
    let (hunt, flows) = two_rounds(&stores).await;
    let results = &stores.results;
    let all = ResultScope::Rounds(hunt);
    let page = results.page(&query(all)).await.unwrap();
    let whole = [
        r#"1/A {"n":1}"#,
        r#"1/A {"n":2}"#,
        r#"1/A {"n":3}"#,
        r#"2/A {"n":2}"#,
        r#"2/B {"n":9,"m":0}"#,
    ];
    assert_eq!(shown(&page.rows), whole);
    let second = results.page(&query(ResultScope::Hunt { hunt, round: 2 })).await.unwrap();
    assert_eq!(shown(&second.rows), whole[3..], "a round alone");
    let flow = results.page(&query(ResultScope::Flow(flows[1].id))).await.unwrap();
    assert_eq!(shown(&flow.rows), whole[3..], "a flow knows its round");
    let middle = ResultQuery { offset: 2, limit: 2, ..query(all) };
    assert_eq!(shown(&results.page(&middle).await.unwrap().rows), whole[2..4]);

    let down =
        ResultQuery { sort: Some(("_round".into(), true)), source: Some("A".into()), ..query(all) };
    let sorted = results.page(&down).await.unwrap();
    assert_eq!(shown(&sorted.rows), [whole[3], whole[0], whole[1], whole[2]]);
    let facets = |column: &str| FacetQuery {
        of: query(all),
        column: column.into(),
        order: FacetOrder::MostRows,
        limit: 9,
    };
    let counted = async |column: &str| -> Vec<(Option<String>, bool, u64)> {
        let found = results.facet(&facets(column)).await.unwrap();
        found.values.into_iter().map(|facet| (facet.value, facet.number, facet.rows)).collect()
    };
    let number = |text: &str, rows: u64| (Some(text.to_owned()), true, rows);
    assert_eq!(counted("_round").await, [number("1", 3), number("2", 2)]);
    assert_eq!(counted("n").await[0], number("2", 2), "over both rounds");

    let mut scan = Scan { scope: all, source: None, after: None, rows: 1 };
    let mut scanned = Vec::new();
    loop {
        let piece = results.scan(&scan).await.unwrap();
        scanned.extend(shown(&piece.rows));
        scan.after = piece.next;
        if scan.after.is_none() {
            break;
        }
    }
    assert_eq!(scanned, whole);
    let sources = results.sources(all).await.unwrap();
    let sources: Vec<_> = sources.iter().map(|one| (one.source.as_str(), one.rows)).collect();
    assert_eq!(sources, [("A", 4), ("B", 1)]);
    let counts = results.recount(all).await.unwrap();
    assert_eq!((counts.declared, counts.kept, counts.counted), (5, 5, 5));
    assert_eq!(stores.uploads.uploads(all, Paging::ALL).await.unwrap().total, 2);
    let nobody = ResultScope::Rounds(HuntId::from_bits(99));
    assert_eq!(results.page(&query(nobody)).await.unwrap().total, 0);
    assert_eq!(results.sources(nobody).await.unwrap(), []);
}

async fn all_rounds_are_forgotten_together(stores: Stores) {
    let (hunt, flows) = two_rounds(&stores).await;
    while stores.results.forget(hunt, 100, at(3 * HOUR)).await.unwrap() {}
    let all = ResultScope::Rounds(hunt);
    assert_eq!(stores.results.page(&query(all)).await.unwrap().total, 0);
    let other = stores.results.page(&query(ResultScope::Flow(flows[2].id))).await.unwrap();
    assert_eq!(shown(&other.rows), [r#"1/A {"n":100}"#], "the other hunt's");
}
