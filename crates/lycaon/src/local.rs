//! VQL on this machine, without a server: what queries may call here, where their log and their files go,
//! and how their rows are printed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rows::{Dict, Row, Value};
use vql_eval::{Limits, LogSink, Setup, StopReason};
use vql_plugin::{Catalog, Host, Level, LogLine, Uploads};

use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::machine::{SystemClock, SystemEntropy};
use crate::output::{Record, clean};
use crate::uploads::UploadFolder;

/// Everything that queries may call on this machine.
pub(crate) fn catalog() -> Catalog {
    vql_std::self_describing(
        vql_eval::language()
            .and(vql_std::catalog())
            .and(vql_machine::catalog(vql_machine::this_machine())),
    )
}

/// How a local run is bounded, and what it may do besides reading.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct LocalArgs {
    /// Give up after so long: `30s`, `10m` [default: what the artifact says, or 10m]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// At most so many rows [default: what the artifact says, or 10000000]
    #[arg(long, value_name = "N")]
    rows_max: Option<u64>,
    /// How much memory a query may keep, in MiB; what does not fit goes to temporary files
    #[arg(long, default_value_t = 512, value_name = "MIB")]
    memory: u64,
    /// How much disk space temporary files may take, in MiB
    #[arg(long, default_value_t = 16 * 1024, value_name = "MIB")]
    disk: u64,
    /// Keep uploaded files in this folder; without it `upload()` keeps nothing
    #[arg(long, value_name = "DIR")]
    uploads: Option<PathBuf>,
    /// Also show debug messages of the query
    #[arg(long, short)]
    verbose: bool,
}

impl LocalArgs {
    /// What a run is given, and who counts the errors that it logs.
    pub(crate) fn setup(&self, catalog: &Arc<Catalog>) -> Outcome<(Setup, Errors)> {
        self.setup_with(catalog, Wishes::default())
    }

    /// The same with what an artifact wishes, and with places of the caller's own.
    pub(crate) fn setup_with(
        &self,
        catalog: &Arc<Catalog>,
        wishes: Wishes,
    ) -> Outcome<(Setup, Errors)> {
        let time_max = match &self.timeout {
            Some(text) => base::parse_duration(text)
                .map_err(|error| Complaint::usage(format!("--timeout: {error}")))?,
            None => wishes.time_max.unwrap_or(Duration::from_secs(600)),
        };
        if time_max == Duration::ZERO {
            return Err(Complaint::usage("--timeout: a query needs some time").hint("write `30s`"));
        }
        let rows_max = self.rows_max.or(wishes.rows_max).unwrap_or(10_000_000);
        let mut host = Host::builder(Arc::new(SystemClock), Box::new(SystemEntropy))
            .wait(std::thread::sleep)
            .spill(Arc::new(vql_machine::TempFiles::of_the_system()))
            .accessors(accessors::all())
            .port(Arc::new(vql_machine::ProcessTracker::default()));
        if let Some(folder) = &self.uploads {
            host = host.uploads(Arc::new(UploadFolder::new(folder)?));
        } else if let Some(uploads) = wishes.uploads {
            host = host.uploads(uploads);
        }
        let mut setup = Setup::new(host.build(), catalog.clone());
        setup.limits = Limits {
            time_max,
            rows_max,
            memory_max_bytes: usize::try_from(mebibytes(self.memory)).unwrap_or(usize::MAX),
            disk_max_bytes: mebibytes(self.disk),
            ..Limits::default()
        };
        let verbose = self.verbose;
        let errors = Errors::default();
        let counted = errors.clone();
        let also = wishes.log;
        setup.log = Arc::new(move |line: LogLine| {
            counted.count(&line);
            tell(&line, verbose);
            if let Some(log) = &also {
                log.line(line);
            }
        });
        Ok((setup, errors))
    }
}

fn mebibytes(count: u64) -> u64 {
    count.saturating_mul(1024 * 1024)
}

/// What a run would like where the command line says nothing.
#[derive(Default)]
pub(crate) struct Wishes {
    /// How long it may take.
    pub(crate) time_max: Option<Duration>,
    /// How many rows it may yield.
    pub(crate) rows_max: Option<u64>,
    /// Where its uploads go.
    pub(crate) uploads: Option<Arc<dyn Uploads>>,
    /// Who reads its log besides the terminal.
    pub(crate) log: Option<Arc<dyn LogSink>>,
}

/// How many lines of a log meant that something failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors(Arc<AtomicU64>);

impl Errors {
    /// The run's time is over, and that is how it ends well: the line that says so is no failure.
    pub(crate) fn forgive_the_end(&self) {
        let fewer = |count: u64| count.checked_sub(1);
        // Nothing to forgive when it was not counted.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
    }

    fn count(&self, line: &LogLine) {
        if line.means_failure() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A run that was ended before it was through, or that logged errors, is a failure.
    pub(crate) fn judge(&self, stopped: Option<StopReason>) -> Outcome {
        if let Some(reason) = stopped {
            return Err(Complaint::failed(format!("the query was ended: {reason}")).hint(
                "--timeout, --rows-max, --memory and --disk raise its limits; a LIMIT in the query \
                 ends it well",
            ));
        }
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(Complaint::failed("the query reported an error; it stands above")),
            several => Err(Complaint::failed(format!(
                "the query reported {several} errors; they stand above"
            ))),
        }
    }
}

fn tell(line: &LogLine, verbose: bool) {
    let word = match line.level {
        Level::Debug if !verbose => return,
        Level::Debug => "debug",
        Level::Default | Level::Info => "info",
        Level::Warn => "warning",
        Level::Error => "error",
        Level::Alert => "alert",
    };
    note(&format!("{word}: {}", clean(&line.text)));
}

/// Variables that every local query knows.
pub(crate) fn variables() -> Dict {
    let config = Dict::new()
        .with("Version", env!("CARGO_PKG_VERSION"))
        .with("Client_labels", Value::array(Vec::<Value>::new()));
    Dict::new().with("config", Value::Dict(config))
}

/// A row as a record.
pub(crate) fn record(row: &Row) -> Record {
    // What the writer wrote is an object again.
    serde_json::from_str(&rows_json::row_to_json(row)).unwrap_or_default()
}
