//! Where the records of log hunts are: a folder with one SQLite file, or PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Chain, Clock};
use loghunt::ports::{ControlStore, FindingStore, LedgerStore, OutboxStore};
use model::org::Actor;
use parking_lot::Mutex;
use scheduler::{Ports, TokioTime};
use store_sqlite::LogStore;

use super::channels::OpenChannels;
use super::engines::OpenEngines;
use super::post::Vql;
use crate::complaint::{Complaint, Outcome};
use crate::machine::{SystemClock, SystemEntropy};
use crate::os;

/// `--config` and where the records are, for every command that reads them.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct StateArgs {
    /// The folder with the definitions
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) config: PathBuf,
    /// The folder with the records [default: `.lycaon-log` in the folder of definitions]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Records are in PostgreSQL, for several schedulers; a password is taken from PGPASSWORD
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

impl StateArgs {
    pub(super) fn folder(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.config.join(".lycaon-log"))
    }

    /// Opens the records; makes them when they are not there. They are judged by the machine's clock,
    /// unless another is given.
    pub(super) async fn open(&self, clock: Option<Arc<dyn Clock>>) -> Outcome<Records> {
        let folder = self.folder();
        os::make_private_dir(&folder).map_err(|error| Complaint::io("make", &folder, &error))?;
        match &self.postgres {
            Some(url) => postgres(url, clock).await,
            None => sqlite(&folder, clock.unwrap_or_else(|| Arc::new(SystemClock))),
        }
    }

    /// Opens records that must be there.
    pub(super) async fn open_existing(&self) -> Outcome<Records> {
        let folder = self.folder();
        if self.postgres.is_none() && !folder.join(FILE).is_file() {
            let what = format!("there are no records in {}", folder.display());
            return Err(Complaint::failed(what).hint(
                "`--config` names the folder of definitions, `--state` that of the records; `lycaon log run` makes them",
            ));
        }
        self.open(None).await
    }
}

const FILE: &str = "log-hunts.sqlite";

fn sqlite(folder: &Path, clock: Arc<dyn Clock>) -> Outcome<Records> {
    let store = LogStore::open(&folder.join(FILE), clock)
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    Ok(Records::of(Arc::new(store)))
}

/// The records of log hunts, wherever they are.
#[derive(Clone)]
pub(super) struct Records {
    pub(super) ledger: Arc<dyn LedgerStore>,
    pub(super) findings: Arc<dyn FindingStore>,
    pub(super) outbox: Arc<dyn OutboxStore>,
    pub(super) control: Arc<dyn ControlStore>,
}

impl Records {
    pub(super) fn of<S>(store: Arc<S>) -> Self
    where
        S: LedgerStore + FindingStore + OutboxStore + ControlStore + 'static,
    {
        let (ledger, findings) = (store.clone(), store.clone());
        Self { ledger, findings, outbox: store.clone(), control: store }
    }

    /// What a scheduler is given.
    pub(super) fn ports(self, engines: OpenEngines, clock: Arc<dyn Clock>) -> Ports {
        Ports {
            ledger: self.ledger,
            findings: self.findings,
            outbox: self.outbox,
            control: self.control,
            engines: Arc::new(engines),
            post: Arc::new(Vql::new()),
            channels: Arc::new(OpenChannels::default()),
            time: Arc::new(TokioTime::new(clock)),
            entropy: Arc::new(Mutex::new(Box::new(SystemEntropy))),
        }
    }
}

/// Records in PostgreSQL. Other users of the machine see command lines, so that the password comes
/// from the environment.
async fn postgres(url: &str, clock: Option<Arc<dyn Clock>>) -> Outcome<Records> {
    let mut url = url.to_owned();
    if let Ok(password) = std::env::var("PGPASSWORD") {
        let quoted: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let joint = if url.contains('?') { '&' } else { '?' };
        url = format!("{url}{joint}password={quoted}");
    }
    let settings = store_postgres::Settings { clock, ..store_postgres::Settings::default() };
    let store = store_postgres::PostgresLog::connect(&url, settings)
        .await
        .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
    Ok(Records::of(Arc::new(store)))
}

/// Who sits at this machine, for the audit trail.
pub(super) fn actor() -> Actor {
    let name = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    Actor::User(name.unwrap_or_else(|_| "operator".to_owned()))
}

/// A store that did not do what it was asked.
pub(super) fn broken(error: model::store::StoreError) -> Complaint {
    Complaint::failed(Chain(&error).to_string())
}
