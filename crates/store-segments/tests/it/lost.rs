//! Whatever goes wrong between an object and its register, or with an object later: an answer is whole
//! or an error, and what can be mended is mended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flows::HotRows;
use flows::results::{ResultStore, Scan, SqlQuery};
use futures_util::StreamExt;
use model::results::{FacetOrder, FacetQuery, ResultQuery, ResultScope};
use model::store::StoreError;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use store_segments::{Place, Policy, SegmentedResults, Turns};
use store_sqlite::SqliteStore;
use testkit::stores::Stores;

use crate::faults::{Dying, assert_whole, filled, objects_of, query};
use crate::pressed::compactor;
use crate::records::{Fate, Unlucky};

async fn check_a_bad_register(fate: Fate) {
    let mut times = 0;
    for good in 0.. {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("records.sqlite")).unwrap());
        let scope = filled(&Stores::of(store.clone())).await;
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let unlucky = Unlucky::new(store.clone(), fate, good);
        let mortal = SegmentedResults::new(unlucky.clone(), Place::object_store(objects.clone()));
        let policy = || Policy { merged_least: 2, ..Policy::eager() };
        let first_life = compactor(&mortal, policy());
        let mut failed = 0;
        for _ in 0..4 {
            failed += u64::from(first_life.round(None).await.is_err());
            assert_whole(&mortal, scope).await;
        }
        if !unlucky.was_unlucky() {
            break;
        }
        times += 1;
        assert_eq!(failed, 1, "{fate:?} after {good}");
        let results = SegmentedResults::new(store.clone(), Place::object_store(objects.clone()));
        let second_life = compactor(&results, policy());
        second_life.sweep().await.unwrap();
        while !second_life.round(None).await.unwrap().is_nothing() {}
        assert_whole(&results, scope).await;
        let view = store.view(scope, None).await.unwrap();
        assert_eq!(view.hot, [], "{fate:?} after {good}");
        assert_eq!(objects_of(&objects).await, view.segments.len(), "nothing lies around");
    }
    assert!(times > 2, "{times} calls went wrong, of those that write and of those that merge");
}

#[tokio::test]
async fn a_register_that_is_not_done_loses_nothing() {
    check_a_bad_register(Fate::NotDone).await;
}

#[tokio::test]
async fn a_register_that_is_done_and_not_told_doubles_nothing() {
    check_a_bad_register(Fate::DoneButNotTold).await;
}

#[tokio::test]
async fn whoever_comes_late_to_the_register_has_worked_in_vain() {
    for good in 0..3 {
        let (stores, hot) = Stores::in_memory_and_hot();
        let scope = filled(&stores).await;
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let slow = Unlucky::new(hot.clone(), Fate::HeldUp, good);
        let of_slow = SegmentedResults::new(slow.clone(), Place::object_store(objects.clone()));
        let results = SegmentedResults::new(hot.clone(), Place::object_store(objects.clone()));
        let slow_one = compactor(&of_slow, Policy::eager());
        let held_up = tokio::spawn(async move { slow_one.round(Some(1)).await });
        slow.reached.acquire().await.unwrap().forget();
        // Its lease has run out, and the next one does all there is to do.
        let next = compactor(&results, Policy::eager());
        while !next.round(Some(2)).await.unwrap().is_nothing() {}
        assert_whole(&results, scope).await;
        slow.go_on.add_permits(1);
        held_up.await.unwrap().unwrap();
        assert_whole(&results, scope).await;
        assert_whole(&of_slow, scope).await;
        next.sweep().await.unwrap();
        while !next.round(Some(2)).await.unwrap().is_nothing() {}
        let live = hot.view(scope, None).await.unwrap().segments.len();
        assert_eq!(objects_of(&objects).await, live, "what it wrote is swept, after {good}");
    }
}

/// A hunt whose rows are all in segments, which nobody has open.
struct Resting {
    hot: Arc<dyn HotRows>,
    objects: Arc<dyn ObjectStore>,
    scope: ResultScope,
}

impl Resting {
    async fn new() -> Self {
        let (stores, hot) = Stores::in_memory_and_hot();
        let scope = filled(&stores).await;
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let writer = SegmentedResults::new(hot.clone(), Place::object_store(objects.clone()));
        let policy = Policy { merged_least: 1_000, ..Policy::eager() };
        compactor(&writer, policy).round(None).await.unwrap();
        Self { hot, objects, scope }
    }

    fn results(&self) -> SegmentedResults {
        SegmentedResults::new(self.hot.clone(), Place::object_store(self.objects.clone()))
    }

    /// The objects, and what is in them.
    async fn objects(&self) -> Vec<(Path, bytes::Bytes)> {
        let mut found = Vec::new();
        let mut listed = self.objects.list(None);
        while let Some(object) = listed.next().await {
            let path = object.unwrap().location;
            let bytes = self.objects.get(&path).await.unwrap().bytes().await.unwrap();
            found.push((path, bytes));
        }
        found.sort();
        found
    }
}

/// What each kind of question says. A page in the middle of one segment may well need no other.
async fn answers(results: &SegmentedResults, scope: ResultScope) -> Vec<Result<u64, StoreError>> {
    let sorted = ResultQuery { sort: Some(("n".into(), true)), ..query(scope) };
    let facets =
        FacetQuery { of: query(scope), column: "n".into(), order: FacetOrder::MostRows, limit: 99 };
    let text = "SELECT n, _json FROM results".to_owned();
    let sql = SqlQuery { scope, source: None, text, rows_max: 99 };
    let scan = Scan { scope, source: None, after: None, rows: 99 };
    vec![
        results.page(&query(scope)).await.map(|page| page.rows.len() as u64),
        results.page(&sorted).await.map(|page| page.rows.len() as u64),
        results.facet(&facets).await.map(|found| found.distinct),
        results.sql(&sql).await.map(|answer| answer.rows.len() as u64),
        results.scan(&scan).await.map(|piece| piece.rows.len() as u64),
    ]
}

async fn assert_no_answer(results: &SegmentedResults, scope: ResultScope) {
    for (question, answer) in answers(results, scope).await.into_iter().enumerate() {
        assert!(answer.is_err(), "question {question} was answered with {answer:?} rows");
    }
}

async fn assert_all_answers(results: &SegmentedResults, scope: ResultScope) {
    for answer in answers(results, scope).await {
        assert_eq!(answer.unwrap(), 16);
    }
    assert_whole(results, scope).await;
}

/// Waits until the keeper has seen that all is well.
async fn until_well(results: &SegmentedResults) {
    let kept = results.clone().kept(compactor(results, Policy::default()), Turns::Alone);
    let well = async {
        while kept.trouble().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), well).await.expect("it sees that all is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_told_and_never_left_out() {
    let resting = Resting::new().await;
    let results = resting.results();
    let (path, bytes) = resting.objects().await.remove(1);
    resting.objects.delete(&path).await.unwrap();
    assert_eq!(results.trouble(), None);
    assert_no_answer(&results, resting.scope).await;
    let error = results.page(&query(resting.scope)).await.unwrap_err();
    assert!(error.to_string().contains(path.as_ref()), "{error}");
    let trouble = results.trouble().unwrap();
    assert!(trouble.contains("6 rows") && trouble.contains("backup"), "{trouble}");
    resting.objects.put(&path, bytes.into()).await.unwrap();
    assert_all_answers(&results, resting.scope).await;
    until_well(&results).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_while_it_is_open_is_told_too() {
    let resting = Resting::new().await;
    let results = resting.results();
    assert_all_answers(&results, resting.scope).await;
    let (path, _) = resting.objects().await.remove(0);
    resting.objects.delete(&path).await.unwrap();
    assert_no_answer(&results, resting.scope).await;
    assert!(results.trouble().is_some());
    let ResultScope::Hunt { hunt, .. } = resting.scope else { unreachable!("it is a hunt") };
    while results.forget(hunt, 100, testkit::stores::at(50)).await.unwrap() {}
    // Nobody misses it any more.
    until_well(&results).await;
}

#[tokio::test]
async fn a_damaged_object_is_told_and_never_half_read() {
    let resting = Resting::new().await;
    let whole = resting.objects().await;
    let (path, bytes) = whole[0].clone();
    let half = bytes.slice(..bytes.len() / 2);
    let mut holed = bytes.to_vec();
    holed[4..bytes.len() / 2].fill(0);
    let nothing = bytes::Bytes::new();
    // The last is a good segment of the same hunt, and another.
    for damaged in [half, holed.into(), nothing, whole[1].1.clone()] {
        resting.objects.put(&path, damaged.into()).await.unwrap();
        let results = resting.results();
        assert_no_answer(&results, resting.scope).await;
        assert!(results.trouble().unwrap().contains("cannot be read"));
    }
    resting.objects.put(&path, bytes.into()).await.unwrap();
    assert_all_answers(&resting.results(), resting.scope).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_told_and_answers_come_back() {
    for good in 0..12 {
        let resting = Resting::new().await;
        let left = Arc::new(AtomicU64::new(good));
        let dying = Dying { objects: resting.objects.clone(), left: left.clone() };
        let results =
            SegmentedResults::new(resting.hot.clone(), Place::object_store(Arc::new(dying)));
        for answer in answers(&results, resting.scope).await {
            match answer {
                Ok(rows) => assert_eq!(rows, 16, "whole, before it went away"),
                Err(error) => assert!(matches!(error, StoreError::Away { .. }), "{error:?}"),
            }
        }
        assert!(results.page(&query(resting.scope)).await.is_err(), "it is away, after {good}");
        assert!(results.trouble().is_some());
        left.store(u64::MAX, Ordering::SeqCst);
        assert_all_answers(&results, resting.scope).await;
        until_well(&results).await;
    }
}
