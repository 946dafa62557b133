//! The collector over `vql-eval`: turns orders and questions into runs of compiled VQL.
//!
//! What may be called, and what a query may ask of the machine, is the program's choice: it hands in
//! a catalog and makes the hosts.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use rows::{Dict, Value};
use vql_eval::{Cancel, Collected, CollectionPlan, Limits, Program, Run, Setup, on_big_stack};
use vql_plugin::{Catalog, Host, LogLine, UploadFailed, UploadRecord, UploadRequest, Uploads};

use crate::collector::{Collector, Evidence, FileToSend, Order, Question};

/// A flow without a limit of time still ends: after a year.
const TIME_MAX: Duration = Duration::from_secs(365 * 86_400);

/// The agent watches a flow's time itself; the evaluator's own limit comes a little later.
const TIME_SLACK: Duration = Duration::from_secs(60);

/// Memory of a client query.
const QUESTION_MEMORY_BYTES: usize = 64 << 20;

/// What a program needs to make the host of one evaluation.
pub struct HostNeeds {
    /// Tells the time, and keeps the evaluation within its share of the processor.
    pub clock: Arc<dyn Clock>,
    /// Takes files; `None` where a query may send none.
    pub uploads: Option<Arc<dyn Uploads>>,
}

/// Makes the host of one evaluation.
pub type MakeHost = dyn Fn(HostNeeds) -> Host + Send + Sync;

/// Evaluates VQL on this machine.
pub struct VqlCollector {
    catalog: Arc<Catalog>,
    make_host: Box<MakeHost>,
    clock: Arc<dyn Clock>,
}

impl VqlCollector {
    /// A collector that offers what `catalog` lists.
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, make_host: Box<MakeHost>) -> Self {
        Self { catalog: Arc::new(catalog.and(vql_eval::language())), make_host, clock }
    }

    fn collect_all(&self, order: Order, evidence: &Arc<dyn Evidence>) -> Result<(), String> {
        // All texts are compiled before anything runs: nothing is half done because of a typing error.
        let mut plans = Vec::with_capacity(order.collections.len());
        for collection in order.collections {
            let plan = CollectionPlan::compile(collection, &self.catalog);
            plans.push(plan.map_err(|error| base::Chain(&error).to_string())?);
        }
        let clock =
            Arc::new(PacedClock { clock: Arc::clone(&self.clock), evidence: Arc::clone(evidence) });
        let uploads: Arc<dyn Uploads> = Arc::new(UploadsAsEvidence(Arc::clone(evidence)));
        let host = (self.make_host)(HostNeeds { clock, uploads: Some(uploads) });
        let time = if order.time_max.is_zero() { TIME_MAX } else { order.time_max + TIME_SLACK };
        for plan in plans {
            if evidence.breathe().is_err() {
                break;
            }
            let log = Arc::clone(evidence);
            let mut setup = Setup::new(host.clone(), Arc::clone(&self.catalog));
            setup.limits = Limits { rows_max: u64::MAX, time_max: time, ..Limits::default() };
            if order.time_max.is_zero() {
                // What runs for ever makes any amount of text in the end.
                setup.limits.growth_max_bytes = usize::MAX;
            }
            setup.cancel = order.stop.cancel().clone();
            setup.log = Arc::new(move |line: LogLine| {
                let level = line.level.to_string();
                log.log(&level, &line.text, line.means_failure());
            });
            run(&plan, setup, config(&order.labels), evidence);
        }
        Ok(())
    }

    fn ask_one(&self, question: &Question) -> Result<Vec<String>, String> {
        let program = Program::compile(&question.vql, &self.catalog)
            .map_err(|wrong| format!("the client query does not compile: {wrong}"))?;
        let needs = HostNeeds { clock: Arc::clone(&self.clock), uploads: None };
        let host = (self.make_host)(needs);
        let mut setup = Setup::new(host, Arc::clone(&self.catalog));
        setup.limits = Limits {
            rows_max: u64::MAX,
            time_max: question.time_max,
            memory_max_bytes: QUESTION_MEMORY_BYTES,
            ..Limits::default()
        };
        setup.cancel = question.stop.cancel().clone();
        let failure = Arc::new(FirstFailure::default());
        let log = Arc::clone(&failure);
        setup.log = Arc::new(move |line: LogLine| log.note(&line));
        let run = Run::new(setup, config(&question.labels));
        let mut rows = Vec::new();
        let mut bytes = 0;
        for found in run.rows(&program) {
            let json = rows_json::row_to_json(&found.row);
            bytes += json.len();
            if rows.len() == question.rows_max {
                return Err(format!("the client query gave more than {} rows", question.rows_max));
            }
            if bytes > question.bytes_max {
                let max = question.bytes_max;
                return Err(format!("the client query gave more than {max} bytes of rows"));
            }
            rows.push(json);
        }
        if let Some(reason) = run.stop_reason() {
            return Err(format!("the client query was ended: {reason}"));
        }
        match failure.take() {
            // A query that logged an error and still found rows has an answer.
            Some(text) if rows.is_empty() => Err(text),
            _ => Ok(rows),
        }
    }
}

fn run(plan: &CollectionPlan, setup: Setup, variables: Dict, evidence: &Arc<dyn Evidence>) {
    let names: Vec<&str> = plan.sources().collect();
    let name = |source: usize| names.get(source).copied().unwrap_or_default();
    for collected in plan.start(setup, variables) {
        match collected {
            Collected::Row { source, row } => {
                if evidence.row(name(source), rows_json::row_to_json(&row)).is_err() {
                    return;
                }
            }
            Collected::Finished { source, .. } => evidence.source_done(name(source)),
            Collected::Skipped { source } => evidence.source_skipped(name(source)),
        }
    }
}

/// What queries see as `config`.
fn config(labels: &[String]) -> Dict {
    let labels = labels.iter().map(|label| Value::from(label.as_str()));
    let config = Dict::new()
        .with("Client_labels", Value::array(labels))
        .with("Version", env!("CARGO_PKG_VERSION"));
    Dict::new().with("config", Value::Dict(config))
}

impl Collector for VqlCollector {
    fn collect(&self, order: Order, evidence: Arc<dyn Evidence>) -> Result<(), String> {
        on_big_stack(|| {
            let result = self.collect_all(order, &evidence);
            // The last stretch of this thread's work.
            let _ = evidence.breathe();
            result
        })
        .map_err(|error| format!("no thread could be started: {error}"))?
    }

    fn ask(&self, question: Question) -> Result<Vec<String>, String> {
        on_big_stack(|| self.ask_one(&question))
            .map_err(|error| format!("no thread could be started: {error}"))?
    }
}

/// The evaluator asks the clock every few steps, on whichever thread it works: the right moment to
/// let that thread sleep when the flow uses more of the processor than it may.
struct PacedClock {
    clock: Arc<dyn Clock>,
    evidence: Arc<dyn Evidence>,
}

impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        // Whether to stop is told to the evaluator by its own sign.
        let _ = self.evidence.breathe();
        self.clock.now()
    }
}

/// Sends files as a part of the evidence.
struct UploadsAsEvidence(Arc<dyn Evidence>);

impl Uploads for UploadsAsEvidence {
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed> {
        let file = FileToSend {
            path: request.name.to_string(),
            accessor: request.accessor.to_string(),
            size: request.size,
            content: request.content,
        };
        let sent = self.0.file(file).map_err(UploadFailed)?;
        Ok(UploadRecord {
            path: request.name,
            components: request.components,
            size: request.size.unwrap_or(sent.size).max(sent.size),
            stored_size: sent.size,
            sha256: sent.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            md5: String::new(),
            upload_id: sent.number.to_string(),
        })
    }
}

/// The first line of a log that means failure.
#[derive(Default)]
struct FirstFailure(std::sync::Mutex<Option<String>>);

impl FirstFailure {
    fn note(&self, line: &LogLine) {
        if line.means_failure() {
            let mut first = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            first.get_or_insert_with(|| line.text.clone());
        }
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

impl crate::collector::StopSign {
    /// The evaluator's own form of this sign.
    fn cancel(&self) -> &Cancel {
        &self.0
    }
}
