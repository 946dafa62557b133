//! The same question about the same rows has the same answer, wherever the rows are.

use std::sync::Arc;

use base::SeededEntropy;
use flows::results::{ResultStore, Scan};
use model::results::{
    ColumnFilter, Comparison, FacetOrder, FacetQuery, ResultQuery, ResultScope, RowBatch,
};
use proptest::prelude::*;
use store_segments::{Place, Policy, SegmentedResults};
use testkit::stores::{Stores, at, decision, first, pick, rows, spec};

use crate::pressed::compactor;

/// JSON values that are hard to compare, and ordinary ones.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0i64..5).prop_map(|n| n.to_string()),
        4 => "[abAB]{0,2}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => Just("null".to_owned()),
        1 => any::<bool>().prop_map(|truth| truth.to_string()),
        1 => any::<f64>().prop_filter("JSON has none", |n| n.is_finite()).prop_map(|n| format!("{n:?}")),
        1 => prop_oneof![
            Just("-0"), Just("0.0"), Just("1e999"), Just("1e0"), Just("\"1\""), Just("\" 1\""),
            Just("18446744073709551616"), Just("9007199254740993"), Just("9007199254740992"),
            Just("\"\\ud800\""), Just("\"a\\\"b\""), Just("\"\\u0000\""), Just("[1,\"a\"]"),
            Just("{\"a\":{\"b\":1}}"), Just("\"nan\""), Just("\"\\u212a\""), Just("\"ΑΣ\""),
        ].prop_map(str::to_owned),
        1 => "\\PC{0,4}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

/// Mostly the same few columns; sometimes one that all rows have, one twice, or an odd one.
fn column() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("a".to_owned()),
        6 => Just("b".to_owned()),
        1 => Just("_client".to_owned()),
        1 => Just("_stored".to_owned()),
        1 => Just("c.a".to_owned()),
        1 => Just(String::new()),
        1 => "[x-z']{1,2}".prop_map(String::from),
    ]
}

fn row() -> impl Strategy<Value = String> {
    proptest::collection::vec((column(), value()), 0..4).prop_map(|cells| {
        let cells: Vec<String> = cells
            .iter()
            .map(|(name, value)| format!("{}:{value}", serde_json::to_string(name).unwrap()))
            .collect();
        format!("{{{}}}", cells.join(","))
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1"),
        Just("a"),
        Just("B"),
        Just(""),
        Just("nan"),
        Just("0"),
        Just("k"),
        Just(" 2 "),
        Just("σ"),
        Just("C."),
        Just("host-2"),
        Just("true"),
        Just("1e400"),
        Just("9007199254740993")
    ]
    .prop_map(str::to_owned)
}

fn asked_column() -> impl Strategy<Value = String> {
    prop_oneof![4 => column(), 1 => Just("_hostname".to_owned()), 1 => Just("_flow".to_owned()),
        1 => Just("_source".to_owned()), 1 => Just("nowhere".to_owned())]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop_oneof![
        Just(Comparison::Equals),
        Just(Comparison::Differs),
        Just(Comparison::Contains),
        Just(Comparison::Greater),
        Just(Comparison::Less)
    ]
}

#[derive(Clone, Debug)]
struct Question {
    of_flow: bool,
    source: Option<bool>,
    search: Option<String>,
    filters: Vec<ColumnFilter>,
    sort: Option<(String, bool)>,
    offset: u64,
    limit: u64,
    facet: (String, FacetOrder),
}

fn question() -> impl Strategy<Value = Question> {
    let filter = (asked_column(), comparison(), text())
        .prop_map(|(column, comparison, text)| ColumnFilter { column, comparison, text });
    let order = prop_oneof![
        Just(FacetOrder::MostRows),
        Just(FacetOrder::FewestRows),
        Just(FacetOrder::MostClients),
        Just(FacetOrder::FewestClients)
    ];
    (
        prop::bool::weighted(0.2),
        proptest::option::of(any::<bool>()),
        proptest::option::weighted(0.2, text()),
        proptest::collection::vec(filter, 0..3),
        proptest::option::weighted(0.6, (asked_column(), any::<bool>())),
        0u64..6,
        0u64..9,
        (asked_column(), order),
    )
        .prop_map(|(of_flow, source, search, filters, sort, offset, limit, facet)| Question {
            of_flow,
            source,
            search,
            filters,
            sort,
            offset,
            limit,
            facet,
        })
}

type Batches = Vec<(bool, bool, Vec<String>)>;

/// A hunt on two clients, both done, with these batches of (client, source, rows).
async fn scope_with(stores: &Stores, batches: &Batches) -> (ResultScope, ResultScope) {
    let clients = [stores.enrol(1).await, stores.enrol(2).await];
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    stores
        .members
        .decide(&clients.map(|client| decision(hunt, client, Ok(()))), at(1))
        .await
        .unwrap();
    let mut flows = stores.admit(hunt, 9, at(2)).await;
    flows.sort_by_key(|flow| flow.client != clients[0]);
    let mut next = [[0; 2]; 2];
    for (secs, (second, other, texts)) in (3..).zip(batches) {
        let (client, source) = (usize::from(*second), usize::from(*other));
        let flow = &flows[client];
        let seq = next[client][source];
        next[client][source] += 1;
        let name = ["A", "B/x"][source].to_owned();
        let batch = RowBatch { attempt: first(flow.id), source: name, seq, rows: texts.clone() };
        stores.results.append(flow.client, &batch, at(secs)).await.unwrap();
    }
    for (number, flow) in flows.iter().enumerate() {
        let of_client = batches.iter().filter(|(second, ..)| usize::from(*second) == number);
        let brought = of_client.map(|(.., texts)| texts.len() as u64).sum();
        assert!(stores.end(first(flow.id), Ok(rows(brought)), false, at(90)).await);
    }
    (ResultScope::Hunt { hunt, round: 1 }, ResultScope::Flow(flows[1].id))
}

async fn scanned(store: &dyn ResultStore, scope: ResultScope) -> Vec<String> {
    let mut scan = Scan { scope, source: None, after: None, rows: 3 };
    let mut found = Vec::new();
    loop {
        let piece = store.scan(&scan).await.unwrap();
        found.extend(piece.rows.into_iter().map(|row| format!("{row:?}")));
        match piece.next {
            None => return found,
            after => scan.after = after,
        }
    }
}

async fn compare(batches: &Batches, questions: &[Question], parts: u64) {
    let (stores, hot) = Stores::in_memory_and_hot();
    let (whole, flow) = scope_with(&stores, batches).await;
    let place = Place::object_store(Arc::new(object_store::memory::InMemory::new()));
    let results = SegmentedResults::new(hot.clone(), place);
    // The answers while everything is hot.
    let asked: Vec<(ResultQuery, FacetQuery)> = questions
        .iter()
        .map(|one| {
            let of = ResultQuery {
                scope: if one.of_flow { flow } else { whole },
                source: one.source.map(|other| ["A", "B/x"][usize::from(other)].to_owned()),
                search: one.search.clone(),
                filters: one.filters.clone(),
                sort: one.sort.clone(),
                offset: one.offset,
                limit: one.limit,
            };
            let (column, order) = one.facet.clone();
            (of.clone(), FacetQuery { of, column, order, limit: 7 })
        })
        .collect();
    let mut wanted = Vec::new();
    for (query, facet) in &asked {
        wanted.push((hot.page(query).await.unwrap(), hot.facet(facet).await.unwrap()));
    }
    let all = (scanned(&*hot, whole).await, scanned(&*hot, flow).await);
    let counted = hot.recount(whole).await.unwrap();
    // Some batches leave, then the others; then the segments become one.
    let mut entropy = SeededEntropy::new(parts);
    for step in 0..4 {
        let policy = Policy {
            batches_max: 1 + usize::try_from(pick(&mut entropy, 4)).unwrap(),
            merged_least: if step == 3 { 2 } else { 1_000 },
            rows_now: if step < 2 { pick(&mut entropy, 9) } else { 0 },
            rows_least: u64::MAX,
            rest_most: std::time::Duration::MAX,
            ..Policy::eager()
        };
        let done = compactor(&results, policy).round(None).await.unwrap();
        assert!(step < 2 || done.removed == 0 || step == 3, "{done:?}");
        for ((query, facet), (page, facets)) in asked.iter().zip(&wanted) {
            assert_eq!(&results.page(query).await.unwrap(), page, "{step}: {query:?}");
            assert_eq!(&results.facet(facet).await.unwrap(), facets, "{step}: {facet:?}");
        }
        let now = (scanned(&results, whole).await, scanned(&results, flow).await);
        assert_eq!(now, all, "{step}");
        assert_eq!(results.recount(whole).await.unwrap(), counted);
    }
    assert_eq!(hot.view(whole, None).await.unwrap().hot, [], "in the end all have left");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn hot_cold_or_mixed_it_is_the_same_answer(
        batches in proptest::collection::vec(
            (any::<bool>(), prop::bool::weighted(0.3), proptest::collection::vec(row(), 0..6)), 0..9),
        questions in proptest::collection::vec(question(), 6),
        parts: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(&batches, &questions, parts));
    }
}
