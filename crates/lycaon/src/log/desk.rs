//! Log hunts within the server: its scheduler, and what people are shown of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::LogFileProblem;
use async_trait::async_trait;
use base::{Chain, Clock};
use log_rules::Problem;
use loghunt::engine::Estimate;
use model::log::{DatasetName, RuleName, TenantName, Window};
use parking_lot::RwLock;
use scheduler::Scheduler;
use scheduler::steering::{NotDone, Wish};
use server::config::LogHuntsConfig;
use server::log::{
    Breaker, KnownDefinitions, LogDesk, LogNotDone, LogPorts, LogQueue, LogSteer, LogTestResult,
    LogWish,
};
use store_sqlite::LogStore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::config::{self, Read};
use super::engines::OpenEngines;
use super::state::Records;
use super::tick::kept_for;
use super::watch::Watched;
use super::{check, tick};
use crate::complaint::{Complaint, Outcome};
use crate::machine::SystemClock;
use crate::os;

/// Log hunts of a server.
pub(crate) struct LogHunts {
    desk: Arc<Desk>,
    ports: LogPorts,
    watched: Watched,
    run: bool,
}

struct Desk {
    folder: PathBuf,
    scheduler: Scheduler,
    known: RwLock<Arc<KnownDefinitions>>,
    running: bool,
}

impl LogHunts {
    /// Opens the records in the server's data folder. Definitions with errors do not keep the server
    /// from starting: people see what is wrong, and mended files are taken up.
    pub(crate) async fn open(settings: &LogHuntsConfig, data: &Path) -> Outcome<Self> {
        let home = data.join("log-hunts");
        let records = records(&home)?;
        let (watched, read) = Watched::new(&settings.folder);
        let known = known(&settings.folder, &read);
        let ports = records.clone().ports(OpenEngines::new(&home), Arc::new(SystemClock));
        let own = scheduler::Settings {
            slots: settings.slots.max(1),
            keep_runs: kept_for(settings.keep_runs_days),
            keep_findings: kept_for(settings.keep_findings_days),
            ..tick::settings("server")
        };
        let scheduler = Scheduler::new(ports, own, Arc::clone(&known.definitions));
        let desk = Arc::new(Desk {
            folder: settings.folder.clone(),
            scheduler,
            known: RwLock::new(Arc::new(known)),
            running: settings.run,
        });
        let ports = LogPorts {
            ledger: records.ledger,
            findings: records.findings,
            outbox: records.outbox,
            control: records.control,
            desk: desk.clone(),
        };
        Ok(Self { desk, ports, watched, run: settings.run })
    }

    /// What the server's handlers are given.
    pub(crate) fn ports(&self) -> LogPorts {
        self.ports.clone()
    }

    /// Runs rules until the token is cancelled, and takes up changed definitions.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let watching = self.desk.watch(self.watched);
        if !self.run {
            tokio::select! {
                () = watching => {}
                () = stop.cancelled() => {}
            }
            return;
        }
        tokio::select! {
            () = self.desk.scheduler.run(stop) => {}
            () = watching => {}
        }
    }
}

fn records(home: &Path) -> Outcome<Records> {
    os::make_private_dir(home).map_err(|error| Complaint::io("make", home, &error))?;
    let store = LogStore::open(&home.join("log-hunts.sqlite"), Arc::new(SystemClock))
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    Ok(Records::of(Arc::new(store)))
}

/// What is known after the files were read for the first time, or without an error.
fn known(folder: &Path, read: &Read) -> KnownDefinitions {
    let usable = !read.has_errors();
    KnownDefinitions {
        definitions: if usable { Arc::clone(&read.definitions) } else { Arc::default() },
        folder: folder.display().to_string(),
        loaded_at: usable.then(|| SystemClock.now()),
        stale: !usable,
        problems: read.problems.iter().map(told).collect(),
    }
}

/// The definitions in use stay, with when they were read; the files are wrong now.
fn but_wrong(before: &KnownDefinitions, read: &Read) -> KnownDefinitions {
    let problems = read.problems.iter().map(told).collect();
    KnownDefinitions { stale: true, problems, ..before.clone() }
}

fn told(problem: &Problem) -> LogFileProblem {
    LogFileProblem {
        file: problem.file.clone(),
        problem: api::Problem {
            field: problem.field.clone(),
            start: None,
            end: None,
            line: Some(problem.line as u64),
            column: Some(problem.column as u64),
            severity: if config::is_error(problem) { "error" } else { "warning" }.to_owned(),
            message: problem.message.clone(),
            hint: problem.hint.clone().unwrap_or_default(),
        },
    }
}

impl Desk {
    /// Takes up changed definitions, for ever.
    async fn watch(&self, mut watched: Watched) {
        loop {
            let read = watched.changed().await;
            let before = self.known();
            if read.has_errors() {
                *self.known.write() = Arc::new(but_wrong(&before, &read));
                continue;
            }
            let same = read.definitions.revision == before.definitions.revision;
            let mut known = known(&self.folder, &read);
            if same {
                known.loaded_at = before.loaded_at;
            }
            let definitions = Arc::clone(&known.definitions);
            *self.known.write() = Arc::new(known);
            if !same {
                tracing::info!(folder = %self.folder.display(), "the definitions of log hunts are read");
                self.scheduler.reload(definitions).await;
            }
        }
    }
}

#[async_trait]
impl LogDesk for Desk {
    fn known(&self) -> Arc<KnownDefinitions> {
        Arc::clone(&self.known.read())
    }

    fn running(&self) -> bool {
        self.running
    }

    fn troubles(&self) -> Vec<String> {
        self.scheduler.troubles()
    }

    fn moved(&self) -> Option<watch::Receiver<u64>> {
        self.running.then(|| self.scheduler.moved())
    }

    fn queues(&self) -> Vec<LogQueue> {
        let now = SystemClock.now();
        let queue = |queue: scheduler::Queue| LogQueue {
            breaker: match queue.closed_until {
                None => Breaker::Closed,
                Some(until) if now < until => Breaker::Open,
                Some(_) => Breaker::HalfOpen,
            },
            tenant: queue.tenant,
            engine: queue.engine,
            running: queue.running,
            waiting: queue.waiting,
            breaker_until: queue.closed_until,
            failure: queue.failure,
            bytes_today: queue.bytes_today,
        };
        self.scheduler.queues().into_iter().map(queue).collect()
    }

    async fn estimate(
        &self,
        tenant: &TenantName,
        dataset: &DatasetName,
        window: Window,
    ) -> Option<Estimate> {
        self.scheduler.estimate(tenant, dataset, window).await.ok().flatten()
    }

    async fn test(&self, rule: &RuleName) -> Option<Vec<LogTestResult>> {
        let known = self.known();
        let rule = known.definitions.rules.iter().find(|one| one.name == *rule)?;
        let mut results = Vec::new();
        for test in &rule.tests {
            let wrong = match check::outcome(&known.definitions, rule, test).await {
                Ok(outcome) => outcome.err(),
                Err(complaint) => Some(complaint.message().to_owned()),
            };
            results.push(LogTestResult { name: test.name.clone(), wrong });
        }
        Some(results)
    }

    async fn steer(&self, what: &LogSteer, wish: &LogWish) -> Option<Result<(), LogNotDone>> {
        if !self.running {
            return None;
        }
        let LogWish { actor, reason, at } = wish.clone();
        let wish = Wish { actor, reason, at };
        let done = match what {
            LogSteer::Resume(tenant) => self.scheduler.resume(tenant, &wish).await.map(drop),
            LogSteer::Waive(key, window) => {
                self.scheduler.waive(key, *window, &wish).await.map(drop)
            }
            LogSteer::Reopen(slice) => self.scheduler.reopen(*slice, &wish).await.map(drop),
            LogSteer::Continue(key) => self.scheduler.continue_stream(key, &wish).await.map(drop),
        };
        Some(done.map_err(|error| match error {
            NotDone::Store(error) => LogNotDone::Store(error),
            other => LogNotDone::Refused(other.to_string()),
        }))
    }
}
