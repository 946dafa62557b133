//! What every store must do from which rows leave for segments.

use std::sync::Arc;

use base::{FlowId, HuntId};
use flows::HotRows;
use flows::hot::{ColumnKind, Registered, Segment, SegmentChange, SegmentColumn, Series};
use model::flow::Flow;
use model::results::{ResultQuery, ResultScope, RowBatch};

use crate::stores::{Stores, at, batch, decision, direct_flow, first, rows, spec};

/// Runs all promises, each on records of its own.
pub async fn hot_suite(fresh: impl AsyncFn() -> (Stores, Arc<dyn HotRows>)) {
    let fresh = async || Setting::new(fresh().await).await;
    only_rows_of_finished_attempts_of_hunts_are_ripe(fresh().await).await;
    a_batch_is_here_or_in_a_segment(fresh().await).await;
    a_change_that_does_not_fit_changes_nothing(fresh().await).await;
    a_segment_takes_the_place_of_smaller_ones(fresh().await).await;
    a_larger_fence_shuts_out_smaller_ones(fresh().await).await;
    a_doomed_key_never_lives(fresh().await).await;
    arrival_numbers_are_never_given_again(fresh().await).await;
    a_forgotten_hunt_leaves_its_segments_to_be_erased(fresh().await).await;
}

/// A hunt on three clients, of which the first two are done: three batches of `A` (2, 1 and 0 rows)
/// and one of `B` on the first, one of `A` on the second, one of `A` on the third.
struct Setting {
    stores: Stores,
    hot: Arc<dyn HotRows>,
    hunt: HuntId,
    flows: Vec<Flow>,
}

impl Setting {
    async fn new((stores, hot): (Stores, Arc<dyn HotRows>)) -> Self {
        let clients = [stores.enrol(1).await, stores.enrol(2).await, stores.enrol(3).await];
        let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
        let decisions = clients.map(|client| decision(hunt, client, Ok(())));
        stores.members.decide(&decisions, at(1)).await.unwrap();
        let mut flows = stores.admit(hunt, 9, at(2)).await;
        flows.sort_by_key(|flow| clients.iter().position(|client| *client == flow.client));
        let setting = Self { stores, hot, hunt, flows };
        setting.append(0, "A", 0, &[r#"{"n":1}"#, r#"{"n":2}"#], 3).await;
        setting.append(2, "A", 0, &[r#"{"n":9}"#], 4).await;
        setting.append(0, "A", 1, &[r#"{"n":3}"#], 5).await;
        setting.append(0, "A", 2, &[], 5).await;
        setting.append(1, "A", 0, &[r#"{"n":4}"#], 6).await;
        setting.append(0, "B", 0, &[r#"{"b":1}"#], 7).await;
        setting.stores.end(first(setting.flows[0].id), Ok(rows(4)), false, at(10)).await;
        setting.stores.end(first(setting.flows[1].id), Ok(rows(1)), false, at(10)).await;
        setting
    }

    async fn append(&self, flow: usize, source: &str, seq: u64, rows: &[&str], secs: i64) {
        let flow = &self.flows[flow];
        let batch = RowBatch { source: source.into(), ..batch(first(flow.id), seq, rows) };
        self.stores.results.append(flow.client, &batch, at(secs)).await.unwrap();
    }

    fn scope(&self) -> ResultScope {
        ResultScope::Hunt { hunt: self.hunt, round: 1 }
    }

    fn series(&self, source: &str) -> Series {
        Series { hunt: self.hunt, round: 1, source: source.into() }
    }

    /// A change that would move all ripe batches of a source.
    async fn change(&self, source: &str, key: &str) -> SegmentChange {
        let view = self.hot.view(self.scope(), Some(source)).await.unwrap();
        let batches: Vec<u64> = view.hot.iter().map(|head| head.arrival).collect();
        let segment = Segment {
            key: key.into(),
            series: self.series(source),
            rows: view.hot.iter().map(|head| head.rows).sum(),
            batches: batches.len() as u64,
            bytes: 77,
            first: batches.first().copied().unwrap_or(0),
            last: batches.last().copied().unwrap_or(0),
            columns: vec![
                SegmentColumn { name: "n".into(), kind: ColumnKind::Integers },
                SegmentColumn { name: "x\"y".into(), kind: ColumnKind::Mixed },
            ],
            registered: at(0),
        };
        SegmentChange { segment, batches, replaces: vec![], fence: None }
    }

    async fn register(&self, change: &SegmentChange) -> Registered {
        self.hot.register(change, at(50)).await.unwrap()
    }

    async fn assert_stale(&self, change: &SegmentChange) {
        let before = self.hot.view(self.scope(), None).await.unwrap();
        let outcome = self.register(change).await;
        assert!(matches!(outcome, Registered::Stale(_)), "{outcome:?}");
        assert_eq!(self.hot.view(self.scope(), None).await.unwrap(), before);
    }

    async fn doomed(&self) -> Vec<String> {
        self.hot.doomed(at(1_000), 99).await.unwrap()
    }

    async fn read(&self, source: &str) -> Vec<String> {
        let view = self.hot.view(self.scope(), Some(source)).await.unwrap();
        let arrivals: Vec<u64> = view.hot.iter().map(|head| head.arrival).collect();
        let batches = self.hot.read_hot(&arrivals).await.unwrap();
        batches.into_iter().flat_map(|batch| batch.rows).collect()
    }
}

async fn only_rows_of_finished_attempts_of_hunts_are_ripe(setting: Setting) {
    let direct = direct_flow(77, setting.flows[0].client);
    setting.stores.flows.create(&direct).await.unwrap();
    let of_direct = batch(first(direct.id), 0, &["{}"]);
    setting.stores.results.append(direct.client, &of_direct, at(2)).await.unwrap();
    setting.stores.end(first(direct.id), Ok(rows(1)), false, at(10)).await;
    let ripe = setting.hot.ripe(9).await.unwrap();
    let found: Vec<_> = ripe
        .iter()
        .map(|ripe| (ripe.series.clone(), ripe.batches, ripe.rows, ripe.oldest))
        .collect();
    assert_eq!(found, [(setting.series("A"), 4, 4, at(3)), (setting.series("B"), 1, 1, at(7))]);
    assert_eq!(setting.hot.ripe(1).await.unwrap().len(), 1);
    assert_eq!(setting.read("A").await.len(), 4);
    let flow = ResultScope::Flow(setting.flows[2].id);
    let running = setting.hot.view(flow, None).await.unwrap();
    assert_eq!(
        (running.hot.len(), running.segments.len()),
        (1, 0),
        "a flow's own are there at once"
    );
    let batch = &setting.hot.read_hot(&[running.hot[0].arrival]).await.unwrap()[0];
    assert_eq!((batch.hostname.as_str(), batch.stored), ("host-3", at(4)));
    assert_eq!((batch.flow, batch.client), (setting.flows[2].id, setting.flows[2].client));
}

async fn a_batch_is_here_or_in_a_segment(setting: Setting) {
    let change = setting.change("A", "one").await;
    let sources = setting.stores.results.sources(setting.scope()).await.unwrap();
    assert!(!setting.hot.has_segments(setting.scope()).await.unwrap());
    assert_eq!(setting.register(&change).await, Registered::Done);
    assert_eq!(setting.register(&change).await, Registered::Already);
    assert!(setting.hot.has_segments(setting.scope()).await.unwrap());
    let view = setting.hot.view(setting.scope(), None).await.unwrap();
    assert_eq!(view.hot.len(), 1, "the batch of B");
    assert_eq!(view.segments, [Segment { registered: at(50), ..change.segment.clone() }]);
    assert_eq!(setting.hot.read_hot(&change.batches).await.unwrap(), []);
    let of_b = setting.hot.view(setting.scope(), Some("B")).await.unwrap();
    assert_eq!((of_b.hot.len(), of_b.segments.len()), (1, 0));
    for (flow, segments) in [(setting.flows[1].id, 1), (FlowId::from_bits(5), 0)] {
        let view = setting.hot.view(ResultScope::Flow(flow), None).await.unwrap();
        assert_eq!((view.hot.len(), view.segments.len()), (0, segments));
    }
    let later = ResultScope::Hunt { hunt: setting.hunt, round: 2 };
    assert_eq!(setting.hot.view(later, None).await.unwrap(), flows::hot::View::default());
    assert_eq!(setting.stores.results.sources(setting.scope()).await.unwrap(), sources);
    let tally = setting.stores.results.received(first(setting.flows[0].id)).await.unwrap();
    assert_eq!(tally.sources["A"].rows, 3, "counters stay");
    let again = batch(first(setting.flows[0].id), 0, &[r#"{"n":1}"#, r#"{"n":2}"#]);
    let again = setting.stores.results.append(setting.flows[0].client, &again, at(60)).await;
    assert_eq!(again.unwrap(), flows::results::Appended::Duplicate);
}

async fn a_change_that_does_not_fit_changes_nothing(setting: Setting) {
    let good = setting.change("A", "one").await;
    let bad = |change: &dyn Fn(&mut SegmentChange)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    setting.assert_stale(&bad(&|change| change.segment.rows += 1)).await;
    setting.assert_stale(&bad(&|change| change.segment.batches -= 1)).await;
    setting.assert_stale(&bad(&|change| change.batches[0] = 999)).await;
    setting.assert_stale(&bad(&|change| change.segment.series.source = "B".into())).await;
    setting.assert_stale(&bad(&|change| change.segment.series.round = 2)).await;
    setting.assert_stale(&bad(&|change| change.replaces = vec!["other".into()])).await;
    let running = ResultScope::Flow(setting.flows[2].id);
    let running = setting.hot.view(running, None).await.unwrap().hot[0].arrival;
    setting.assert_stale(&bad(&|change| change.batches[1] = running)).await;
    assert_eq!(setting.register(&good).await, Registered::Done);
    setting.assert_stale(&bad(&|change| change.segment.key = "two".into())).await;
}

async fn a_segment_takes_the_place_of_smaller_ones(setting: Setting) {
    let one = setting.change("A", "one").await;
    setting.register(&one).await;
    assert_eq!(setting.hot.scattered(100, 9).await.unwrap(), []);
    setting.stores.end(first(setting.flows[2].id), Ok(rows(1)), false, at(11)).await;
    let two = setting.change("A", "two").await;
    setting.register(&two).await;
    assert_eq!(setting.hot.scattered(100, 9).await.unwrap(), [setting.series("A")]);
    assert_eq!(setting.hot.scattered(1, 9).await.unwrap(), [], "only one of so few rows");
    let keys = |view: &flows::hot::View| -> Vec<String> {
        view.segments.iter().map(|segment| segment.key.clone()).collect()
    };
    let view = setting.hot.view(setting.scope(), Some("A")).await.unwrap();
    assert_eq!(keys(&view), ["one", "two"], "by first arrival number");
    let rows = one.segment.rows + two.segment.rows;
    let batches = one.segment.batches + two.segment.batches;
    let merged = SegmentChange {
        segment: Segment { key: "three".into(), rows, batches, ..one.segment.clone() },
        batches: vec![],
        replaces: vec!["one".into(), "two".into()],
        fence: None,
    };
    assert_eq!(setting.register(&merged).await, Registered::Done);
    let view = setting.hot.view(setting.scope(), Some("A")).await.unwrap();
    assert_eq!(keys(&view), ["three"]);
    assert_eq!(
        setting.hot.doomed(at(50), 9).await.unwrap(),
        [""; 0],
        "a reader may still have them"
    );
    assert_eq!(setting.doomed().await, ["one", "two"]);
    assert_eq!(setting.hot.doomed(at(1_000), 1).await.unwrap().len(), 1);
    setting.hot.erased(&["one".into(), "three".into()]).await.unwrap();
    assert_eq!(setting.doomed().await, ["two"]);
    assert_eq!(keys(&setting.hot.view(setting.scope(), Some("A")).await.unwrap()), ["three"]);
}

async fn a_larger_fence_shuts_out_smaller_ones(setting: Setting) {
    let fenced = |change: SegmentChange, fence| SegmentChange { fence, ..change };
    let a = setting.change("A", "one").await;
    assert_eq!(setting.register(&fenced(a, Some(8))).await, Registered::Done);
    let b = setting.change("B", "two").await;
    setting.assert_stale(&fenced(b.clone(), Some(7))).await;
    assert_eq!(setting.register(&fenced(b, Some(8))).await, Registered::Done);
}

async fn a_doomed_key_never_lives(setting: Setting) {
    let change = setting.change("A", "one").await;
    let keys =
        |keys: &[&str]| -> Vec<String> { keys.iter().map(|key| (*key).to_owned()).collect() };
    let condemned = setting.hot.condemn(&keys(&["one", "lost"]), at(60)).await.unwrap();
    assert_eq!(condemned, ["one", "lost"]);
    setting.assert_stale(&change).await;
    let other = SegmentChange {
        segment: Segment { key: "two".into(), ..change.segment.clone() },
        ..change.clone()
    };
    assert_eq!(setting.register(&other).await, Registered::Done);
    let condemned = setting.hot.condemn(&keys(&["one", "two"]), at(61)).await.unwrap();
    assert_eq!(condemned, ["one"], "what lives is let live");
    setting.hot.erased(&keys(&["one", "lost"])).await.unwrap();
    assert_eq!(setting.doomed().await, [""; 0]);
    setting.assert_stale(&change).await;
    setting.hot.condemn(&keys(&["lost"]), at(62)).await.unwrap();
    assert_eq!(setting.doomed().await, ["lost"], "its object was seen again");
}

async fn arrival_numbers_are_never_given_again(setting: Setting) {
    setting.stores.end(first(setting.flows[2].id), Ok(rows(1)), false, at(11)).await;
    let mut newest = 0;
    for source in ["A", "B"] {
        let change = setting.change(source, source).await;
        newest = newest.max(change.segment.last);
        setting.register(&change).await;
    }
    let direct = direct_flow(77, setting.flows[0].client);
    setting.stores.flows.create(&direct).await.unwrap();
    let of_direct = batch(first(direct.id), 0, &["{}"]);
    setting.stores.results.append(direct.client, &of_direct, at(20)).await.unwrap();
    let view = setting.hot.view(ResultScope::Flow(direct.id), None).await.unwrap();
    assert!(view.hot[0].arrival > newest);
}

async fn a_forgotten_hunt_leaves_its_segments_to_be_erased(setting: Setting) {
    setting.register(&setting.change("A", "one").await).await;
    while setting.hot.forget(setting.hunt, 1, at(70)).await.unwrap() {}
    let view = setting.hot.view(setting.scope(), None).await.unwrap();
    assert_eq!(view, flows::hot::View::default());
    assert_eq!(setting.doomed().await, ["one"]);
    let query = ResultQuery {
        scope: setting.scope(),
        source: None,
        search: None,
        filters: vec![],
        sort: None,
        offset: 0,
        limit: 9,
    };
    assert_eq!(setting.stores.results.page(&query).await.unwrap().rows, []);
}
