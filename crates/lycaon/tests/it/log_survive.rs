//! Kill -9 and SIGSTOP of schedulers of log hunts at random moments, as real processes over one store.
//!
//! Two `lycaon log run` share their records, in a SQLite file or in PostgreSQL. Each round rows are
//! planted, a scheduler is killed and started again, or stopped for longer than its lease and let go on.
//! At the end nothing is lost, nothing is stored twice, and every ledger is whole: `lycaon log findings`
//! and the records say so.
//!
//! `LYCAON_SOAK_ROUNDS` asks for more rounds than the usual 20, `LYCAON_SOAK_SEED` repeats a run.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Entropy, SeededEntropy, Timestamp};
use loghunt::ports::{FindingQuery, FindingStore, LedgerStore, SliceQuery, StreamQuery};
use model::log::{Position, SliceState};
use model::store::Paging;
use rows::Value;
use rusqlite::Connection;
use testkit::postgres::Cluster;

use crate::fleet::until;
use crate::program::{lycaon, said};

const ROUNDS: u64 = 20;
const TENANTS: usize = 2;
const RULES: i64 = 8;
const ROWS: i64 = 40;
const LEASE: Duration = Duration::from_secs(6);

trait Records: LedgerStore + FindingStore {}
impl<T: LedgerStore + FindingStore> Records for T {}

struct RealTime;

impl Clock for RealTime {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::EPOCH.plus(since.expect("the clock is after 1970"))
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Two schedulers, their files, and the tenants' logs.
struct House {
    folder: tempfile::TempDir,
    where_records_are: Vec<String>,
    records: Arc<dyn Records>,
    sources: Vec<Connection>,
    schedulers: [Option<Child>; 2],
    planted: i64,
}

fn definitions(folder: &Path) -> String {
    let mut text =
        format!("engine: logs\nkind: sqlite\npath: {}/{{tenant}}.db\n", folder.display());
    for tenant in 0..TENANTS {
        text += &format!(
            "---\ntenant: t{tenant}\ndatasets:\n  logins:\n    engine: logs\n    table: logins\n    \
             time: {{ event: happened, cursor: seq }}\n"
        );
    }
    for rule in 0..RULES {
        text += &format!(
            "---\nrule: r{rule}\ntitle: rule {rule}\nseverity: low\ndatasets: [logins]\nschedule: {{ every: 1s, \
             log_buffer: 0s, first_from: earliest }}\nkind: per_event\nquery: |\n  SELECT number FROM {{table}} \
             WHERE bucket = {rule}\n"
        );
    }
    text
}

impl House {
    fn new(
        where_records_are: impl FnOnce(&Path) -> Vec<String>,
        records: impl FnOnce(&Path) -> Arc<dyn Records>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("rules")).unwrap();
        std::fs::write(path.join("rules/all.yaml"), definitions(path)).unwrap();
        let source = |tenant: usize| {
            let source = Connection::open(path.join(format!("t{tenant}.db"))).unwrap();
            source
                .execute_batch(
                    "PRAGMA journal_mode = WAL; CREATE TABLE logins (seq INTEGER PRIMARY KEY AUTOINCREMENT, \
                     happened INTEGER, bucket INTEGER, number INTEGER)",
                )
                .unwrap();
            source
        };
        let sources = (0..TENANTS).map(source).collect();
        let (places, records) = (where_records_are(path), records(path));
        let schedulers = [None, None];
        let mut house =
            Self { where_records_are: places, records, sources, schedulers, planted: 0, folder };
        house.start(0);
        house.start(1);
        house
    }

    fn start(&mut self, which: usize) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let rules = self.folder.path().join("rules").display().to_string();
        let lease = LEASE.as_secs().to_string();
        let mut args = vec!["log", "run", "--config", &rules, "--lease", &lease];
        args.extend(self.where_records_are.iter().map(String::as_str));
        let mut command = lycaon(&args);
        command.stdout(Stdio::null()).stderr(log);
        self.schedulers[which] = Some(command.spawn().expect("the program starts"));
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("schedulers.log")
    }

    fn kill(&mut self, which: usize) {
        if let Some(mut child) = self.schedulers[which].take() {
            assert_eq!(child.try_wait().unwrap(), None, "a scheduler ended by itself");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn signal(&self, which: usize, signal: &str) {
        let child = self.schedulers[which].as_ref().expect("it runs");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("there is a program `kill`").success());
    }

    /// Rows of which each is about one rule.
    fn plant(&mut self) {
        let now = RealTime.now().as_micros();
        for source in &mut self.sources {
            let write = source.transaction().unwrap();
            for number in self.planted..self.planted + ROWS {
                write
                    .execute(
                        "INSERT INTO logins (happened, bucket, number) VALUES (?1, ?2, ?3)",
                        [now, number % RULES, number],
                    )
                    .unwrap();
            }
            write.commit().unwrap();
        }
        self.planted += ROWS;
    }

    async fn stored(&self) -> u64 {
        let query = FindingQuery { paging: Paging::first(1), ..FindingQuery::default() };
        self.records.findings(&query).await.map_or(0, |page| page.total)
    }

    fn expected(&self) -> u64 {
        self.planted.unsigned_abs() * TENANTS as u64
    }

    async fn disturb(&mut self, chance: &mut SeededEntropy) {
        let moment = Duration::from_millis(chance.next_u64() % 700);
        tokio::time::timeout(moment, std::future::pending::<()>()).await.ok();
        let which = (chance.next_u64() % 2) as usize;
        match chance.next_u64() % 4 {
            0 | 1 => {
                self.kill(which);
                self.start(which);
            }
            2 => {
                self.kill(0);
                self.kill(1);
                self.start(0);
                self.start(1);
            }
            _ => {
                // Longer than its lease; the other one goes on meanwhile, unless the stopped one holds
                // the lock of a SQLite file.
                self.signal(which, "-STOP");
                let stored = self.stored().await;
                self.plant();
                let goes_on = self.until("the other scheduler finds something", stored + 1);
                tokio::time::timeout(LEASE * 2, goes_on).await.ok();
                self.signal(which, "-CONT");
            }
        }
    }

    async fn until(&self, what: &str, stored: u64) {
        until(what, &self.log(), async || self.stored().await >= stored).await;
    }

    /// Nothing is lost, nothing is there twice, and no ledger has a hole.
    async fn judge(&self) {
        let query = FindingQuery { paging: Paging::ALL, ..FindingQuery::default() };
        let findings = self.records.findings(&query).await.unwrap().items;
        let mut times: BTreeMap<(String, i64), u64> = BTreeMap::new();
        for finding in &findings {
            let Some(Value::Int(number)) = finding.row.get("number") else { panic!("{finding:?}") };
            assert_eq!(finding.rule.as_str(), format!("r{}", number % RULES));
            *times.entry((finding.tenant.to_string(), *number)).or_default() += 1;
        }
        for tenant in 0..TENANTS {
            for number in 0..self.planted {
                let found = times.get(&(format!("t{tenant}"), number));
                assert_eq!(found, Some(&1), "row {number} of t{tenant}");
            }
        }
        let all = StreamQuery { paging: Paging::ALL, ..StreamQuery::default() };
        let streams = self.records.streams(&all).await.unwrap().items;
        assert_eq!(streams.len(), TENANTS * usize::try_from(RULES).unwrap());
        for stream in streams {
            let of = StreamQuery {
                tenant: Some(stream.key.tenant.clone()),
                rule: Some(stream.key.rule.clone()),
                ..StreamQuery::default()
            };
            let query = SliceQuery { of, paging: Paging::ALL, ..SliceQuery::default() };
            let mut end = stream.t0;
            for slice in self.records.slices(&query).await.unwrap().items {
                assert_eq!(slice.window.from(), end, "a hole in {}", stream.key);
                assert!(matches!(slice.state, SliceState::Committed(_)), "{slice:?}");
                end = slice.window.to();
            }
            assert_eq!(end, stream.checkpoint, "{}", stream.key);
            assert_eq!(end, Position(self.planted + 1), "{}", stream.key);
        }
    }

    async fn all_checkpoints_at(&self, end: Position) -> bool {
        let all = StreamQuery { paging: Paging::ALL, ..StreamQuery::default() };
        let streams = self.records.streams(&all).await;
        streams.is_ok_and(|streams| {
            let there = streams.items.iter().all(|stream| stream.checkpoint == end);
            there && streams.items.len() == TENANTS * usize::try_from(RULES).unwrap()
        })
    }

    /// What a person is told.
    fn ask(&self) {
        let rules = self.folder.path().join("rules").display().to_string();
        let mut args = vec!["log", "ledger", "--config", &rules, "--tenant", "t0", "--rule", "r0"];
        args.extend(self.where_records_are.iter().map(String::as_str));
        let said = said(&lycaon(&args).output().expect("the program starts"));
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains("committed") && !said.out.contains("planned"), "{}", said.out);
    }

    async fn survive(mut self, seed: u64) {
        eprintln!("LYCAON_SOAK_SEED={seed} repeats the order of kills");
        let mut chance = SeededEntropy::new(seed);
        for _ in 0..number("LYCAON_SOAK_ROUNDS", ROUNDS) {
            let stored = self.stored().await;
            self.plant();
            self.disturb(&mut chance).await;
            self.until("somebody finds something", stored + 1).await;
        }
        self.until("all is found", self.expected()).await;
        let end = Position(self.planted + 1);
        until("all is committed", &self.log(), async || self.all_checkpoints_at(end).await).await;
        self.judge().await;
        self.ask();
        self.kill(0);
        self.kill(1);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in self.schedulers.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

fn seed() -> u64 {
    number("LYCAON_SOAK_SEED", std::process::id().into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_hunts_on_sqlite_survive_kills_at_any_moment() {
    let places = |folder: &Path| vec!["--state".into(), folder.join("state").display().to_string()];
    let records = |folder: &Path| {
        let state = folder.join("state");
        std::fs::create_dir(&state).unwrap();
        let file = state.join("log-hunts.sqlite");
        let store = store_sqlite::LogStore::open(&file, Arc::new(RealTime)).unwrap();
        Arc::new(store) as Arc<dyn Records>
    };
    House::new(places, records).survive(seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_hunts_on_postgresql_survive_kills_at_any_moment() {
    let Some(cluster) = Cluster::or_say() else { return };
    let database = cluster.fresh_database();
    let settings = store_postgres::Settings::default();
    let store = store_postgres::PostgresLog::connect(&database, settings).await.unwrap();
    let places = |folder: &Path| {
        let state = folder.join("state").display().to_string();
        vec!["--state".into(), state, "--postgres".into(), database.clone()]
    };
    House::new(places, |_| Arc::new(store)).survive(seed()).await;
}
