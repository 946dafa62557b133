//! What every store of flows and of their results must do.

use base::{ClientId, HuntId, UploadId};
use flows::completion::SourceCount;
use flows::ports::{FlowList, FlowStep};
use flows::results::{Appended, BatchRefusal, LogBatch, Scan};
use flows::uploads::{Blob, NewUpload, UploadBegun, UploadRefusal};
use model::flow::{Flow, FlowEvent, FlowFailure, FlowLimits, FlowState};
use model::org::OrgId;
use model::results::{
    AttemptId, ColumnFilter, Comparison, Facet, FacetOrder, FacetQuery, LogLine, ResultQuery,
    ResultScope, RowBatch,
};
use model::store::{Paging, StoreError};

use crate::stores::{Stores, at, batch, decision, direct_flow, first, rows, spec};

/// Runs all promises about flows, each on records of its own.
pub async fn flow_suite(fresh: impl AsyncFn() -> Stores) {
    the_same_flow_twice_is_one(fresh().await).await;
    live_flows_are_those_queued_or_running(fresh().await).await;
    late_events_move_nothing(fresh().await).await;
    a_direct_flow_is_queued_again_by_the_retry_policy(fresh().await).await;
    flows_are_listed_newest_first(fresh().await).await;
    flows_that_are_over_are_found_by_time(fresh().await).await;
}

/// Runs all promises about rows and logs.
pub async fn result_suite(fresh: impl AsyncFn() -> Stores) {
    a_batch_is_stored_once(fresh().await).await;
    a_batch_of_another_or_of_a_dead_attempt_is_refused(fresh().await).await;
    a_batch_that_is_not_rows_is_refused_whole(fresh().await).await;
    a_flow_may_not_bring_more_rows_than_allowed(fresh().await).await;
    a_hunt_has_the_rows_of_finished_attempts_only(fresh().await).await;
    pages_filter_sort_and_count(fresh().await).await;
    pages_skip_whole_batches(fresh().await).await;
    a_scan_gives_every_row_once(fresh().await).await;
    values_are_counted_by_rows_and_clients(fresh().await).await;
    a_forgotten_hunt_has_no_rows(fresh().await).await;
    logs_are_paged_in_order(fresh().await).await;
    crate::rounds_suite::rounds_suite(fresh).await;
}

/// Runs all promises about the records of files.
pub async fn upload_suite(fresh: impl AsyncFn() -> Stores) {
    a_file_has_one_record(fresh().await).await;
    declared_bytes_count_until_stored_ones_do(fresh().await).await;
    files_of_a_hunt_are_those_of_finished_attempts(fresh().await).await;
}

async fn new_flow(stores: &Stores, number: u128) -> Flow {
    let flow = direct_flow(number, stores.enrol(1).await);
    stores.flows.create(&flow).await.unwrap();
    flow
}

async fn state(stores: &Stores, flow: &Flow) -> (FlowState, u32) {
    let life = stores.flows.get(flow.id).await.unwrap().unwrap().life;
    (life.state, life.attempt)
}

async fn apply(stores: &Stores, flow: &Flow, event: FlowEvent, secs: i64) -> bool {
    let step = FlowStep::new(flow.id, event, at(secs));
    stores.flows.apply(&step).await.unwrap().moved
}

async fn the_same_flow_twice_is_one(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    stores.flows.create(&flow).await.unwrap();
    assert_eq!(stores.flows.get(flow.id).await.unwrap(), Some(flow.clone()));
    let other = Flow { limits: FlowLimits { rows_max: 7, ..FlowLimits::default() }, ..flow };
    assert!(matches!(stores.flows.create(&other).await, Err(StoreError::Conflict { .. })));
}

async fn live_flows_are_those_queued_or_running(stores: Stores) {
    let [a, b, c] = [2, 1, 3].map(|number| new_flow(&stores, number));
    let (a, b, c) = (a.await, b.await, c.await);
    apply(&stores, &a, FlowEvent::Delivered { attempt: 1 }, 5).await;
    apply(&stores, &c, FlowEvent::Cancel, 5).await;
    let live = stores.flows.live(a.client).await.unwrap();
    assert_eq!(live.iter().map(|flow| flow.id).collect::<Vec<_>>(), [b.id, a.id]);
    assert_eq!(live[1].started, Some(at(5)));
    assert!(stores.flows.live(ClientId::from_bits(5)).await.unwrap().is_empty());
    let other = direct_flow(4, stores.enrol(2).await);
    stores.flows.create(&other).await.unwrap();
    let clients = [other.client, a.client, ClientId::from_bits(5), a.client];
    let waiting = async |clients| {
        let waiting = stores.flows.waiting(clients).await.unwrap();
        waiting.iter().map(|flow| flow.id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&clients).await, [b.id, other.id], "taken and ended ones do not wait");
    assert_eq!(waiting(&clients[..1]).await, [other.id]);
    assert!(waiting(&[]).await.is_empty());
}

async fn late_events_move_nothing(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    assert!(stores.end(first(flow.id), Ok(rows(0)), false, at(5)).await);
    assert!(!stores.end(first(flow.id), Err(FlowFailure::Timeout), false, at(6)).await);
    assert!(!apply(&stores, &flow, FlowEvent::Cancel, 7).await);
    assert_eq!(state(&stores, &flow).await.0, FlowState::Done(rows(0)));
    let step = FlowStep::new(base::FlowId::from_bits(9), FlowEvent::Cancel, at(1));
    assert!(matches!(stores.flows.apply(&step).await, Err(StoreError::NotFound { .. })));
}

async fn a_direct_flow_is_queued_again_by_the_retry_policy(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    stores.end(first(flow.id), Err(FlowFailure::AgentRestarted), true, at(5)).await;
    assert_eq!(state(&stores, &flow).await, (FlowState::Queued, 2));
    let second = AttemptId { flow: flow.id, attempt: 2 };
    let failure = FlowFailure::Query("no such column".into());
    stores.end(second, Err(failure.clone()), false, at(6)).await;
    assert_eq!(state(&stores, &flow).await, (FlowState::Failed(failure), 2));
}

async fn flows_are_listed_newest_first(stores: Stores) {
    for number in 1..=3 {
        new_flow(&stores, number).await;
    }
    let flow = stores.flows.get(base::FlowId::from_bits(2)).await.unwrap().unwrap();
    apply(&stores, &flow, FlowEvent::Cancel, 5).await;
    let list = async |change: &dyn Fn(&mut FlowList)| {
        let mut query = FlowList::of(OrgId::default());
        change(&mut query);
        let page = stores.flows.list(&query).await.unwrap();
        (page.items.iter().map(|flow| flow.id.bits()).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(&|_| {}).await, (vec![3, 2, 1], 3));
    assert_eq!(list(&|query| query.paging = Paging { offset: 1, limit: 1 }).await, (vec![2], 3));
    assert_eq!(list(&|query| query.states = vec!["queued"]).await, (vec![3, 1], 2));
    assert_eq!(list(&|query| query.client = Some(ClientId::from_bits(8))).await.1, 0);
    assert_eq!(list(&|query| query.hunt = Some(HuntId::from_bits(8))).await.1, 0);
}

async fn flows_that_are_over_are_found_by_time(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let over = async |secs| stores.flows.overdue(at(secs), 10).await.unwrap().len();
    assert_eq!((over(86_399).await, over(86_400).await), (0, 1));
    apply(&stores, &flow, FlowEvent::Delivered { attempt: 1 }, 86_000).await;
    assert_eq!(over(86_400).await, 0);
    assert_eq!(over(86_400 + 600 + 3_600).await, 1);
    apply(&stores, &flow, FlowEvent::Expire, 99_999).await;
    assert_eq!(over(999_999).await, 0);
}

async fn append(stores: &Stores, client: ClientId, batch: &RowBatch) -> Appended {
    stores.results.append(client, batch, at(9)).await.unwrap()
}

async fn a_batch_is_stored_once(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let attempt = first(flow.id);
    let one = batch(attempt, 0, &[r#"{"a":1}"#, "{\"a\":\n2}"]);
    assert_eq!(append(&stores, flow.client, &one).await, Appended::Stored);
    assert_eq!(append(&stores, flow.client, &one).await, Appended::Duplicate);
    let gap = BatchRefusal::Gap { expected: 1, found: 2 };
    let late = append(&stores, flow.client, &batch(attempt, 2, &["{}"])).await;
    assert_eq!(late, Appended::Refused(gap));
    append(&stores, flow.client, &batch(attempt, 1, &[r#"{"b":3}"#])).await;
    let tally = stores.results.received(attempt).await.unwrap();
    assert_eq!(tally.sources["A"], SourceCount { rows: 3, batches: 2 });
    stores.end(attempt, Ok(rows(3)), false, at(10)).await;
    assert_eq!(append(&stores, flow.client, &one).await, Appended::Duplicate);
    let page = stores.results.page(&query(ResultScope::Flow(flow.id))).await.unwrap();
    let found: Vec<&str> = page.rows.iter().map(|row| row.json.as_str()).collect();
    assert_eq!(found, [r#"{"a":1}"#, "{\"a\": 2}", r#"{"b":3}"#]);
    let summary = stores.results.sources(ResultScope::Flow(flow.id)).await.unwrap();
    assert_eq!((summary[0].rows, &summary[0].columns[..]), (3, &["a".into(), "b".into()][..]));
}

async fn a_batch_of_another_or_of_a_dead_attempt_is_refused(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let other = stores.enrol(2).await;
    let batch = batch(first(flow.id), 0, &["{}"]);
    let not_yours = Appended::Refused(BatchRefusal::NotYours(flow.id));
    assert_eq!(append(&stores, other, &batch).await, not_yours);
    stores.end(first(flow.id), Err(FlowFailure::AgentRestarted), true, at(10)).await;
    let over = Appended::Refused(BatchRefusal::Over(first(flow.id)));
    assert_eq!(append(&stores, flow.client, &batch).await, over);
    let log = LogBatch { attempt: first(flow.id), seq: 0, lines: vec![] };
    assert_eq!(stores.results.append_log(flow.client, &log, at(9)).await.unwrap(), over);
    let second = RowBatch { attempt: AttemptId { flow: flow.id, attempt: 2 }, ..batch.clone() };
    assert_eq!(append(&stores, other, &second).await, not_yours);
    assert_eq!(append(&stores, flow.client, &second).await, Appended::Stored);
    assert_eq!(append(&stores, other, &second).await, not_yours, "not even that it is a duplicate");
}

async fn a_batch_that_is_not_rows_is_refused_whole(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    for bad in ["[]", "1", "{", "", "{\"a\":1}{\"a\":2}"] {
        let batch = batch(first(flow.id), 0, &["{}", bad]);
        let outcome = append(&stores, flow.client, &batch).await;
        let at_one = matches!(outcome, Appended::Refused(BatchRefusal::BadRow { index: 1, .. }));
        assert!(at_one, "{bad}: {outcome:?}");
    }
    assert_eq!(stores.results.received(first(flow.id)).await.unwrap().rows(), 0);
}

async fn a_flow_may_not_bring_more_rows_than_allowed(stores: Stores) {
    let client = stores.enrol(1).await;
    let limits = FlowLimits { rows_max: 3, ..FlowLimits::default() };
    let flow = Flow { limits, ..direct_flow(1, client) };
    stores.flows.create(&flow).await.unwrap();
    append(&stores, client, &batch(first(flow.id), 0, &["{}", "{}"])).await;
    let refused = append(&stores, client, &batch(first(flow.id), 1, &["{}", "{}"])).await;
    assert_eq!(refused, Appended::Refused(BatchRefusal::RowLimit { rows_max: 3 }));
    let other = RowBatch { source: "B".into(), ..batch(first(flow.id), 0, &["{}", "{}"]) };
    let refused = append(&stores, client, &other).await;
    assert_eq!(refused, Appended::Refused(BatchRefusal::RowLimit { rows_max: 3 }));
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

/// A hunt with a flow on each of two clients.
async fn two_running(stores: &Stores) -> (HuntId, Vec<Flow>) {
    let clients = [stores.enrol(1).await, stores.enrol(2).await];
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let decisions = clients.map(|client| decision(hunt, client, Ok(())));
    stores.members.decide(&decisions, at(1)).await.unwrap();
    let mut flows = stores.admit(hunt, 9, at(2)).await;
    flows.sort_by_key(|flow| flow.client != clients[0]);
    (hunt, flows)
}

async fn a_hunt_has_the_rows_of_finished_attempts_only(stores: Stores) {
    let (hunt, flows) = two_running(&stores).await;
    let scope = ResultScope::Hunt { hunt, round: 1 };
    let clients = [flows[0].client, flows[1].client];
    append(&stores, clients[0], &batch(first(flows[0].id), 0, &[r#"{"try":1}"#])).await;
    append(&stores, clients[1], &batch(first(flows[1].id), 0, &[r#"{"try":1}"#])).await;
    let total = async || stores.results.page(&query(scope)).await.unwrap().total;
    assert_eq!(total().await, 0, "nothing has finished");
    let running = query(ResultScope::Flow(flows[0].id));
    assert_eq!(stores.results.page(&running).await.unwrap().total, 1);
    stores.end(first(flows[0].id), Err(FlowFailure::AgentRestarted), true, at(3)).await;
    stores.end(first(flows[1].id), Ok(rows(1)), true, at(3)).await;
    assert_eq!(total().await, 1, "the failed attempt has no part in it");
    stores.admit(hunt, 9, at(4)).await;
    let second = AttemptId { flow: flows[0].id, attempt: 2 };
    append(&stores, clients[0], &batch(second, 0, &[r#"{"try":2}"#, r#"{"try":2}"#])).await;
    stores.end(second, Ok(rows(2)), true, at(5)).await;
    let page = stores.results.page(&query(scope)).await.unwrap();
    assert_eq!(page.total, 3);
    let recount = stores.results.recount(scope).await.unwrap();
    assert_eq!((recount.declared, recount.kept, recount.counted), (3, 3, 3));
    assert_eq!(stores.results.sources(scope).await.unwrap()[0].rows, 3);
    let other = ResultScope::Hunt { hunt, round: 2 };
    assert_eq!(stores.results.page(&query(other)).await.unwrap().total, 0);
}

async fn pages_filter_sort_and_count(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let attempt = first(flow.id);
    let rows = [r#"{"N":"b","P":2}"#, r#"{"N":"A","P":10}"#, r#"{"N":"c","P":null}"#];
    append(&stores, flow.client, &batch(attempt, 0, &rows)).await;
    let other = RowBatch { source: "B/x".into(), ..batch(attempt, 0, &[r#"{"N":"d","P":3}"#]) };
    append(&stores, flow.client, &other).await;
    let ask = async |change: &dyn Fn(&mut ResultQuery)| {
        let mut query = query(ResultScope::Flow(flow.id));
        change(&mut query);
        let page = stores.results.page(&query).await.unwrap();
        let name = |json: &str| json.chars().nth(6).unwrap();
        (page.rows.iter().map(|row| name(&row.json)).collect::<String>(), page.total)
    };
    assert_eq!(ask(&|_| {}).await, ("bAcd".into(), 4));
    let by_pid = |query: &mut ResultQuery| query.sort = Some(("P".into(), false));
    assert_eq!(ask(&by_pid).await, ("cbdA".into(), 4));
    let filter = |column: &str, comparison, text: &str| {
        let filter = ColumnFilter { column: column.into(), comparison, text: text.into() };
        move |query: &mut ResultQuery| query.filters = vec![filter.clone()]
    };
    assert_eq!(ask(&filter("P", Comparison::Greater, "2.5")).await, ("Ad".into(), 2));
    assert_eq!(ask(&filter("_source", Comparison::Equals, "B/x")).await, ("d".into(), 1));
    assert_eq!(ask(&filter("_hostname", Comparison::Contains, "HOST-1")).await.1, 4);
    assert_eq!(ask(&filter("_flow", Comparison::Equals, &flow.id.to_string())).await.1, 4);
    assert_eq!(ask(&filter("') OR (1=1", Comparison::Equals, "1")).await.1, 0);
    assert_eq!(ask(&|query| query.search = Some("a".into())).await, ("A".into(), 1));
    assert_eq!(ask(&|query| query.source = Some("A".into())).await.1, 3);
    assert_eq!(ask(&|query| query.source = Some("none".into())).await.1, 0);
    let far = |query: &mut ResultQuery| (query.offset, query.limit) = (3, 5);
    assert_eq!(ask(&far).await, ("d".into(), 4));
}

async fn pages_skip_whole_batches(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    for seq in 0..40u64 {
        let rows: Vec<String> = (0..seq % 7).map(|n| format!(r#"{{"n":"{seq}.{n}"}}"#)).collect();
        let batch = RowBatch { rows, ..batch(first(flow.id), seq, &[]) };
        append(&stores, flow.client, &batch).await;
    }
    let all = stores.results.page(&query(ResultScope::Flow(flow.id))).await.unwrap();
    assert_eq!(all.total, stores.results.received(first(flow.id)).await.unwrap().rows());
    let mut paged = Vec::new();
    for offset in (0..all.total + 9).step_by(9) {
        let query = ResultQuery { offset, limit: 9, ..query(ResultScope::Flow(flow.id)) };
        paged.extend(stores.results.page(&query).await.unwrap().rows);
    }
    let whole = ResultQuery { limit: 1_000, ..query(ResultScope::Flow(flow.id)) };
    assert_eq!(paged, stores.results.page(&whole).await.unwrap().rows);
}

async fn a_scan_gives_every_row_once(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(3_000));
    for seq in 0..10 {
        append(&stores, flow.client, &batch(first(flow.id), seq, &[&long, "{}"])).await;
    }
    let scope = ResultScope::Flow(flow.id);
    let mut scan = Scan { scope, source: Some("A".into()), after: None, rows: 5 };
    let mut rows = Vec::new();
    loop {
        let piece = stores.results.scan(&scan).await.unwrap();
        assert!(piece.rows.len() <= 6, "a piece stays near its size");
        rows.extend(piece.rows);
        scan.after = piece.next;
        if piece.next.is_none() {
            break;
        }
    }
    assert_eq!(rows.len(), 20);
    assert_eq!((rows[0].json.as_str(), rows[19].json.as_str()), (long.as_str(), "{}"));
}

async fn values_are_counted_by_rows_and_clients(stores: Stores) {
    let (hunt, flows) = two_running(&stores).await;
    let rows_of_first =
        [r#"{"P":1}"#, r#"{"P":"1"}"#, r#"{"P":null}"#, r#"{"P":true}"#, r#"{"P":1}"#, "{}"];
    append(&stores, flows[0].client, &batch(first(flows[0].id), 0, &rows_of_first)).await;
    append(&stores, flows[1].client, &batch(first(flows[1].id), 0, &[r#"{"P":"1"}"#])).await;
    stores.end(first(flows[0].id), Ok(rows(6)), true, at(3)).await;
    stores.end(first(flows[1].id), Ok(rows(1)), true, at(3)).await;
    let scope = ResultScope::Hunt { hunt, round: 1 };
    let ask = async |change: &dyn Fn(&mut FacetQuery)| {
        let (column, order) = ("P".to_owned(), FacetOrder::MostRows);
        let mut asked = FacetQuery { of: query(scope), column, order, limit: 9 };
        change(&mut asked);
        let found = stores.results.facet(&asked).await.unwrap();
        let shown = |facet: &Facet| {
            let value = facet.value.as_deref().unwrap_or("-");
            let mark = if facet.number { "#" } else { "" };
            format!("{mark}{value}:{}/{}", facet.rows, facet.clients)
        };
        let values: Vec<String> = found.values.iter().map(shown).collect();
        (values.join(" "), found.distinct, found.rows)
    };
    assert_eq!(ask(&|_| {}).await, ("-:2/1 #1:2/1 1:2/2 true:1/1".into(), 4, 7));
    let rare = |asked: &mut FacetQuery| (asked.order, asked.limit) = (FacetOrder::FewestRows, 2);
    assert_eq!(ask(&rare).await, ("true:1/1 -:2/1".into(), 4, 7));
    let spread = |asked: &mut FacetQuery| (asked.order, asked.limit) = (FacetOrder::MostClients, 1);
    assert_eq!(ask(&spread).await, ("1:2/2".into(), 4, 7));
    let few = |asked: &mut FacetQuery| (asked.order, asked.limit) = (FacetOrder::FewestClients, 1);
    assert_eq!(ask(&few).await, ("-:2/1".into(), 4, 7));
    let hosts = |asked: &mut FacetQuery| asked.column = "_hostname".into();
    assert_eq!(ask(&hosts).await, ("host-1:6/1 host-2:1/1".into(), 2, 7));
    let ones = |asked: &mut FacetQuery| {
        let (column, text) = ("P".into(), "1".into());
        asked.of.filters = vec![ColumnFilter { column, comparison: Comparison::Equals, text }];
    };
    assert_eq!(ask(&ones).await, ("#1:2/1 1:2/2".into(), 2, 4));
    assert_eq!(ask(&|asked| asked.of.source = Some("none".into())).await, (String::new(), 0, 0));
}

async fn a_forgotten_hunt_has_no_rows(stores: Stores) {
    let (hunt, flows) = two_running(&stores).await;
    let direct = direct_flow(77, flows[0].client);
    stores.flows.create(&direct).await.unwrap();
    for flow in flows.iter().chain([&direct]) {
        for seq in 0..3 {
            append(&stores, flow.client, &batch(first(flow.id), seq, &["{}"])).await;
        }
        let log = LogBatch { attempt: first(flow.id), seq: 0, lines: vec![] };
        stores.results.append_log(flow.client, &log, at(9)).await.unwrap();
        stores.end(first(flow.id), Ok(rows(3)), true, at(10)).await;
    }
    let mut calls = 1;
    while stores.results.forget(hunt, 2, at(20)).await.unwrap() {
        calls += 1;
        assert!(calls < 20, "it ends");
    }
    let scope = ResultScope::Hunt { hunt, round: 1 };
    assert_eq!(stores.results.page(&query(scope)).await.unwrap().rows, []);
    let counted = stores.results.recount(scope).await.unwrap();
    assert_eq!((counted.kept, counted.counted), (0, 0));
    let other = stores.results.page(&query(ResultScope::Flow(direct.id))).await.unwrap();
    assert_eq!(other.total, 3);
}

async fn logs_are_paged_in_order(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let line = |n: i64| LogLine { time: at(n), level: "INFO".into(), text: format!("{n}\n\"x\"") };
    for seq in 0..3u64 {
        let lines = (0..3).map(|n| line(i64::try_from(seq).unwrap() * 3 + n)).collect();
        let batch = LogBatch { attempt: first(flow.id), seq, lines };
        let stored = stores.results.append_log(flow.client, &batch, at(9)).await.unwrap();
        assert_eq!(stored, Appended::Stored);
        let again = stores.results.append_log(flow.client, &batch, at(9)).await.unwrap();
        assert_eq!(again, Appended::Duplicate);
    }
    let page = stores.results.log(flow.id, Paging { offset: 2, limit: 3 }).await.unwrap();
    assert_eq!((page.total, page.items), (9, vec![line(2), line(3), line(4)]));
    assert_eq!(stores.results.received(first(flow.id)).await.unwrap().log_batches, 3);
}

fn upload(flow: &Flow, id: u128, number: u64, declared_size: u64) -> NewUpload {
    NewUpload {
        id: UploadId::from_bits(id),
        client: flow.client,
        attempt: first(flow.id),
        number,
        path: "/etc/../../passwd".into(),
        accessor: "file".into(),
        declared_size,
        sha256: None,
    }
}

async fn a_file_has_one_record(stores: Stores) {
    let flow = new_flow(&stores, 1).await;
    let begin = async |new: &NewUpload| stores.uploads.begin(new).await.unwrap();
    let id = UploadId::from_bits(1);
    let open = UploadBegun::Open { id, declared_size: 10 };
    assert_eq!(begin(&upload(&flow, 1, 0, 10)).await, open);
    assert_eq!(begin(&upload(&flow, 2, 0, 99)).await, open, "the first record counts");
    let blob = Blob { sha256: [5; 32], size: 8 };
    let stored = stores.uploads.finish(id, blob, at(9)).await.unwrap();
    assert_eq!((stored.size, stored.sha256, stored.stored), (8, Some([5; 32]), Some(at(9))));
    assert_eq!(stores.uploads.finish(id, blob, at(11)).await.unwrap(), stored);
    assert_eq!(begin(&upload(&flow, 3, 0, 10)).await, UploadBegun::Complete(stored.clone()));
    stores.uploads.give_up(id).await.unwrap();
    assert_eq!(stores.uploads.upload(id).await.unwrap(), Some(stored.clone()));
    let listed = stores.uploads.uploads(ResultScope::Flow(flow.id), Paging::ALL).await.unwrap();
    assert_eq!(listed.items, [stored]);
    let other = NewUpload { client: stores.enrol(2).await, ..upload(&flow, 4, 0, 1) };
    let refused = UploadBegun::Refused(UploadRefusal::NotYours(flow.id));
    assert_eq!(begin(&other).await, refused, "not even that it is complete");
    let tally = stores.results.received(first(flow.id)).await.unwrap();
    assert_eq!((tally.uploads, tally.upload_bytes), (1, 8));
}

async fn declared_bytes_count_until_stored_ones_do(stores: Stores) {
    let client = stores.enrol(1).await;
    let limits = FlowLimits { upload_bytes_max: 100, ..FlowLimits::default() };
    let flow = Flow { limits, ..direct_flow(1, client) };
    stores.flows.create(&flow).await.unwrap();
    let begin = async |id, size| {
        stores.uploads.begin(&upload(&flow, id, u64::try_from(id).unwrap(), size)).await.unwrap()
    };
    assert!(matches!(begin(1, 90).await, UploadBegun::Open { .. }));
    let refusal = UploadRefusal::TooLarge { declared: 20, left: 10 };
    assert_eq!(begin(2, 20).await, UploadBegun::Refused(refusal));
    let blob = Blob { sha256: [1; 32], size: 30 };
    stores.uploads.finish(UploadId::from_bits(1), blob, at(2)).await.unwrap();
    assert!(matches!(begin(2, 20).await, UploadBegun::Open { .. }));
    assert_eq!(stores.uploads.abandoned(9).await.unwrap(), []);
    assert!(matches!(begin(5, 1).await, UploadBegun::Open { .. }));
    stores.uploads.give_up(UploadId::from_bits(2)).await.unwrap();
    assert_eq!(stores.uploads.upload(UploadId::from_bits(2)).await.unwrap(), None);
    apply(&stores, &flow, FlowEvent::Cancel, 5).await;
    assert_eq!(stores.uploads.abandoned(9).await.unwrap(), [UploadId::from_bits(5)]);
    let over = UploadBegun::Refused(UploadRefusal::Over(first(flow.id)));
    assert_eq!(begin(3, 1).await, over);
}

async fn files_of_a_hunt_are_those_of_finished_attempts(stores: Stores) {
    let client = stores.enrol(1).await;
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    stores.members.decide(&[decision(hunt, client, Ok(()))], at(1)).await.unwrap();
    let flow = stores.admit(hunt, 1, at(2)).await.remove(0);
    stores.uploads.begin(&upload(&flow, 1, 0, 5)).await.unwrap();
    let blob = Blob { sha256: [5; 32], size: 5 };
    stores.uploads.finish(UploadId::from_bits(1), blob, at(3)).await.unwrap();
    let scope = ResultScope::Hunt { hunt, round: 1 };
    let listed = async || stores.uploads.uploads(scope, Paging::ALL).await.unwrap().total;
    assert_eq!(listed().await, 0);
    let brought = model::flow::FlowYield { uploads: 1, upload_bytes: 5, ..rows(0) };
    stores.end(first(flow.id), Ok(brought), false, at(4)).await;
    assert_eq!(listed().await, 1);
}
