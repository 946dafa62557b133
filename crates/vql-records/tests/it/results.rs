//! `hunt_results` and `source` give every row once, in pieces, and read no further than is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, SeededEntropy, Timestamp};
use flows::ResultStore;
use flows::completion::Tally;
use flows::results::{Appended, LogBatch, RowRecount, Scan, ScanPiece};
use model::flow::FlowLimits;
use model::hunt::{HuntLimits, HuntSpec};
use model::org::OrgId;
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultScope, RowBatch,
    SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use testkit::stores::{Stores, at, batch, decision, first, rows, spec};
use vql_eval::{Program, Run, Setup};
use vql_plugin::Host;
use vql_records::Records;

/// Counts what is read.
struct Counted {
    results: Arc<dyn ResultStore>,
    read: AtomicU64,
    largest: AtomicU64,
}

const NOT_ASKED: &str = "queries read rows by scans only";

#[async_trait]
impl ResultStore for Counted {
    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError> {
        let piece = self.results.scan(scan).await?;
        let rows = piece.rows.len() as u64;
        self.read.fetch_add(rows, Ordering::SeqCst);
        self.largest.fetch_max(rows, Ordering::SeqCst);
        Ok(piece)
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.results.sources(scope).await
    }

    async fn append(
        &self,
        _: ClientId,
        _: &RowBatch,
        _: Timestamp,
    ) -> Result<Appended, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn append_log(
        &self,
        _: ClientId,
        _: &LogBatch,
        _: Timestamp,
    ) -> Result<Appended, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn received(&self, _: AttemptId) -> Result<Tally, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn page(&self, _: &ResultQuery) -> Result<ResultPage, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn facet(&self, _: &FacetQuery) -> Result<Facets, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn log(&self, _: FlowId, _: Paging) -> Result<Page<LogLine>, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn recount(&self, _: ResultScope) -> Result<RowRecount, StoreError> {
        unreachable!("{NOT_ASKED}")
    }

    async fn forget(&self, _: HuntId, _: u64, _: Timestamp) -> Result<bool, StoreError> {
        unreachable!("{NOT_ASKED}")
    }
}

/// So many rows of each of two sources, in batches of a hundred.
const ROWS: u64 = 30_000;

struct World {
    records: Arc<Records>,
    counted: Arc<Counted>,
    hunt: HuntId,
}

impl World {
    async fn new() -> Self {
        let stores = Stores::in_memory();
        let client = stores.enrol(1).await;
        let per_client = FlowLimits { rows_max: 0, ..FlowLimits::default() };
        let limits = HuntLimits { per_client, ..HuntLimits::default() };
        let hunt = stores.start_hunt(1, HuntSpec { limits, ..spec() }, at(0)).await.id;
        stores.members.decide(&[decision(hunt, client, Ok(()))], at(1)).await.unwrap();
        let flow = stores.admit(hunt, 1, at(2)).await.remove(0);
        for source in ["A", "B/x"] {
            for seq in 0..ROWS / 100 {
                let texts = (0..100).map(|n| format!("{{\"n\":{}}}", seq * 100 + n)).collect();
                let source = source.to_owned();
                let some = RowBatch { source, rows: texts, ..batch(first(flow.id), seq, &[]) };
                let stored = stores.results.append(client, &some, at(3)).await.unwrap();
                assert_eq!(stored, Appended::Stored);
            }
        }
        stores.end(first(flow.id), Ok(rows(2 * ROWS)), false, at(4)).await;
        let (read, largest) = (AtomicU64::new(0), AtomicU64::new(0));
        let counted = Arc::new(Counted { results: stores.results, read, largest });
        let records = Records {
            clients: stores.clients,
            flows: stores.flows,
            results: counted.clone(),
            monitoring: stores.monitoring,
            hunts: stores.hunts,
            org: OrgId::default(),
            runtime: tokio::runtime::Handle::current(),
        };
        Self { records: Arc::new(records), counted, hunt }
    }

    /// The rows of a query, as JSON, and how many rows were read for it.
    async fn ask(&self, text: &str) -> (Vec<String>, u64) {
        let text = text.replace("HUNT", &self.hunt.to_string());
        let records = self.records.clone();
        self.counted.read.store(0, Ordering::SeqCst);
        let answer = move || {
            let catalog = vql_eval::language().and(vql_records::catalog(&records));
            let program = Program::compile(&text, &catalog).unwrap();
            let host = Host::builder(Arc::new(Never), Box::new(SeededEntropy::new(1))).build();
            let run = Run::new(Setup::new(host, Arc::new(catalog)), ::rows::Dict::new());
            run.rows(&program).map(|one| rows_json::row_to_json(&one.row)).collect::<Vec<_>>()
        };
        let found = tokio::task::spawn_blocking(answer).await.unwrap();
        (found, self.counted.read.load(Ordering::SeqCst))
    }
}

struct Never;

impl base::Clock for Never {
    fn now(&self) -> Timestamp {
        at(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_once_and_no_piece_is_large() {
    let world = World::new().await;
    let counts = "SELECT count() AS n FROM hunt_results(hunt_id='HUNT') GROUP BY 1";
    assert_eq!(world.ask(counts).await, (vec![format!("{{\"n\":{}}}", 2 * ROWS)], 2 * ROWS));
    let (found, _) = world.ask("SELECT n, _Source FROM source(hunt_id='HUNT')").await;
    let wanted = ["A", "B/x"].into_iter().flat_map(|source| {
        (0..ROWS).map(move |n| format!("{{\"n\":{n},\"_Source\":\"{source}\"}}"))
    });
    assert!(found.into_iter().eq(wanted), "in order of arrival");
    let largest = world.counted.largest.load(Ordering::SeqCst);
    assert!(largest <= 5_100, "{largest} rows were in memory at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_has_enough_reads_no_further() {
    let world = World::new().await;
    for query in [
        "SELECT n FROM hunt_results(hunt_id='HUNT') LIMIT 3",
        "SELECT n FROM hunt_results(hunt_id='HUNT', count=3)",
        "SELECT n FROM source(hunt_id='HUNT', count=3)",
    ] {
        let (found, read) = world.ask(query).await;
        assert_eq!(found, [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#], "{query}");
        assert!(read <= 300, "{read} rows were read for three: {query}");
    }
    let (found, _) =
        world.ask("SELECT n FROM hunt_results(hunt_id='HUNT', start_row=29999, count=2)").await;
    assert_eq!(found, [r#"{"n":29999}"#, r#"{"n":0}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_rows_of_the_source_are_read() {
    let world = World::new().await;
    for choice in ["artifact='B'", "artifact='B/x'", "artifact='B', source='x'"] {
        let query = format!(
            "SELECT _Source, count() AS n FROM hunt_results(hunt_id='HUNT', {choice}) GROUP BY 1"
        );
        let (found, read) = world.ask(&query).await;
        assert_eq!((found, read), (vec![format!("{{\"_Source\":\"B/x\",\"n\":{ROWS}}}")], ROWS));
    }
    let none = "SELECT n FROM hunt_results(hunt_id='HUNT', artifact='C')";
    assert_eq!(world.ask(none).await, (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_chosen_and_told() {
    let world = World::new().await;
    let all = "SELECT n, _Round, Fqdn FROM hunt_results(hunt_id='HUNT', all_rounds=TRUE) LIMIT 1";
    let (found, _) = world.ask(all).await;
    assert!(found[0].starts_with(r#"{"n":0,"_Round":1,"Fqdn":"#), "{found:?}");
    let one = "SELECT n FROM source(hunt_id='HUNT', round=1) LIMIT 1";
    assert_eq!(world.ask(one).await.0.len(), 1);
    for bad in ["round=2", "round=1, all_rounds=TRUE"] {
        let query = format!("SELECT n FROM hunt_results(hunt_id='HUNT', {bad})");
        assert_eq!(world.ask(&query).await, (vec![], 0), "{bad}");
    }
}
