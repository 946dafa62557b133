//! Measures what a client's part in a hunt costs the database:
//! `postgres_client_flows [CLIENTS] [AT ONCE]`, on a throw-away server that waits for the disk.
//!
//! Each client is recruited, admitted, and reports at once that it received its flow, a batch of rows and the end. Counted are
//! statements (by `pg_stat_statements`), commits, waits for the disk and bytes of the log.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use base::{ClientId, HuntId};
use flows::completion::{AttemptEnd, SourceCount, Tally};
use flows::reports::{Burst, Report, ReportStore, Taken};
use flows::steer::{Ended, StatusReport};
use futures_util::StreamExt;
use futures_util::stream;
use hunts::ports::Decision;
use model::flow::Flow;
use store_postgres::{RecordStore, Settings};
use testkit::postgres::Cluster;
use testkit::stores::{Stores, at, batch, decision, first, spec};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
    let (clients, at_once) = (number().unwrap_or(2_000), number().unwrap_or(64));
    let on = ["fsync=on", "full_page_writes=on", "shared_preload_libraries=pg_stat_statements"];
    let cluster = Cluster::start(&on).expect("a server");
    let url = cluster.fresh_database();
    let database = url.rsplit('/').next().expect("a URL has a path").to_owned();
    cluster.sql(&database, "CREATE EXTENSION pg_stat_statements");
    let settings = Settings { connections: 16, ..Settings::default() };
    let store = RecordStore::open(&url, settings).await.expect("the server answers");
    let store = Arc::new(store);
    let stores = Stores::of(store.clone());
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let measure = Measure { cluster: &cluster, database, clients };
    let all = clients_of(clients);
    let at_once = usize::try_from(at_once).expect("a number of tasks");
    measure
        .phase("recruit", async {
            each(&all, at_once, |client| recruit(&stores, hunt, *client)).await;
        })
        .await;
    let mut flows: Vec<Flow> = Vec::new();
    measure
        .phase("admit, 500 at a time", async {
            while (flows.len() as u64) < clients {
                flows.extend(stores.admit(hunt, 500, at(10 + flows.len() as i64)).await);
            }
        })
        .await;
    measure
        .phase("receipt, 20 rows and end", async {
            each(&flows, at_once, |flow| report(&*store, flow)).await;
        })
        .await;
    stores.assert_counters_hold(hunt).await;
}

fn clients_of(count: u64) -> Vec<ClientId> {
    // Spread as hashes are.
    (1..=u128::from(count))
        .map(|n| ClientId::from_bits(n.wrapping_mul(u128::MAX / 1_009)))
        .collect()
}

async fn each<'i, I, F: Future<Output = ()>>(
    items: &'i [I],
    at_once: usize,
    work: impl Fn(&'i I) -> F,
) {
    stream::iter(items).map(work).buffer_unordered(at_once).collect::<()>().await;
}

async fn recruit(stores: &Stores, hunt: HuntId, client: ClientId) {
    let decisions: [Decision; 1] = [decision(hunt, client, Ok(()))];
    stores.members.decide(&decisions, at(1)).await.expect("it is decided");
}

async fn report(store: &dyn ReportStore, flow: &Flow) {
    let row = r#"{"Name":"/etc/cron.d/backup","User":"root","Command":"/usr/bin/backup --all"}"#;
    let attempt = first(flow.id);
    let sources = [("A".to_owned(), SourceCount { rows: 20, batches: 1 })].into();
    let declared = Tally { sources, ..Tally::default() };
    let (end, windows) = (AttemptEnd::Finished, Vec::new());
    let ended = StatusReport { attempt, end, declared, cpu_millis: 3, windows };
    let reports = vec![
        Report::Delivered(attempt),
        Report::Rows(batch(attempt, 0, &[row; 20])),
        Report::Ended(ended),
    ];
    let burst = Burst { client: flow.client, reports, now: at(21) };
    let taken = store.take(&burst).await.expect("it is taken");
    assert!(matches!(taken.last(), Some(Taken::Ended(Ended::Moved(_)))), "{taken:?}");
}

struct Measure<'c> {
    cluster: &'c Cluster,
    database: String,
    clients: u64,
}

impl Measure<'_> {
    /// Statements, commits, waits for the disk, bytes of the log; since the beginning.
    fn counters(&self) -> Vec<f64> {
        let sql = "SELECT (SELECT sum(calls) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
                    WHERE d.datname = current_database()),
                (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
                (SELECT wal_sync FROM pg_stat_wal), (SELECT wal_bytes FROM pg_stat_wal)";
        let answer = self.cluster.sql(&self.database, sql);
        let line = answer.lines().last().expect("a line").to_owned();
        line.split('|').map(|number| number.parse().expect("a number")).collect()
    }

    async fn phase(&self, name: &str, work: impl Future<Output = ()>) {
        let (before, begun) = (self.counters(), Instant::now());
        work.await;
        let took = begun.elapsed().as_secs_f64();
        // Servers count what idle connections did when they have been idle for a second.
        std::thread::park_timeout(std::time::Duration::from_millis(1_500));
        let each: Vec<f64> = self
            .counters()
            .iter()
            .zip(&before)
            .map(|(after, before)| (after - before) / self.clients as f64)
            .collect();
        let written = writeln!(
            std::io::stdout(),
            "{name}: {:.2} statements, {:.2} commits, {:.3} waits for the disk, {:.0} bytes of log \
             for each client; {:.0} clients/s",
            each[0],
            each[1],
            each[2],
            each[3],
            self.clients as f64 / took
        );
        written.expect("somebody reads it");
    }
}
