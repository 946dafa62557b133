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
}

impl StateArgs {
    pub(super) fn folder(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.config.join(".lycaon-log"))
    }

    /// Opens the records; makes them when they are not there.
    pub(super) fn open(&self, clock: Arc<dyn Clock>) -> Outcome<Records> {
        let folder = self.folder();
        os::make_private_dir(&folder).map_err(|error| Complaint::io("make", &folder, &error))?;
        open(&folder, clock)
    }

    /// Opens records that must be there.
    pub(super) fn open_existing(&self) -> Outcome<Records> {
        let folder = self.folder();
        if !folder.join(FILE).is_file() {
            let what = format!("there are no records in {}", folder.display());
            return Err(Complaint::failed(what).hint(
                "`--config` names the folder of definitions, `--state` that of the records; `lycaon log run` makes them",
            ));
        }
        open(&folder, Arc::new(SystemClock))
    }
}

const FILE: &str = "log-hunts.sqlite";

fn open(folder: &Path, clock: Arc<dyn Clock>) -> Outcome<Records> {
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

/// Records in PostgreSQL. The password is not in the URL, where others could see it.
pub(super) async fn postgres(_url: &str) -> Outcome<Records> {
    Err(Complaint::failed("records in PostgreSQL cannot be opened yet"))
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
