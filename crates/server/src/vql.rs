//! VQL on the server: checks of what people write, and hunts' conditions, compiled once for each
//! version of a hunt's condition and run on a bounded number of threads.
//!
//! # What a condition sees as `client`
//!
//! The server's own knowledge: `client_id`, `labels`, `first_seen`, `last_seen`, `address`. What the
//! agent says of itself and may be a lie: `hostname`, `fqdn`, `os`, `platform`, `architecture`,
//! `agent_version`, under `claims` as well as beside them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use api::Problem;
use artifacts::ArtifactSet;
use artifacts::check::{Vocabulary, remarks};
use async_trait::async_trait;
use base::HuntId;
use hunts::ConditionJudge;
use model::client::Client;
use model::hunt::Hunt;
use parking_lot::Mutex;
use rows::{Dict, Row, Value};
use tokio::sync::{Semaphore, mpsc};
use vql_eval::{Cancel, Condition, Limits, Program, Run, Setup, Verdict};
use vql_help::{Completion, Knowledge, complete, vocabulary};
use vql_plugin::{Catalog, Host, LogLine};
use vql_syntax::{Diagnostic, Place, Severity, Span};

use crate::event::ColumnsDropped;

/// Compiled conditions that are kept.
const KEPT_MAX: usize = 256;

/// Memory of one query over the server's records.
const RECORDS_QUERY_MEMORY_BYTES: usize = 256 << 20;

type Key = (HuntId, u32);

/// A query over the server's records that is about to run.
pub(crate) struct RecordsQuery {
    pub(crate) program: Arc<Program>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) rows_max: u64,
    pub(crate) time_max: Duration,
    /// Takes one JSON object a line.
    pub(crate) lines: mpsc::Sender<String>,
    pub(crate) cancel: Cancel,
}

/// VQL on the server.
pub struct Vql {
    host: Host,
    /// What a condition may call; narrowed further to what needs no permission.
    conditions: Catalog,
    /// What a query on a client may call.
    clients: Catalog,
    help_for_clients: Knowledge,
    help_for_conditions: Knowledge,
    /// What the names in queries for clients are checked against.
    words_for_clients: Vocabulary,
    words_for_conditions: Vocabulary,
    artifacts: Arc<ArtifactSet>,
    /// What a query over the server's records may call, and its host; `None`: there are none.
    records: Option<(Host, Arc<Catalog>)>,
    kept: Mutex<VecDeque<(Key, Arc<Condition>)>>,
    turns: Semaphore,
}

/// Most conditions compare a few words: those are decided where they are, because handing them to
/// another thread costs more than they do. What reaches one of these limits starts again within
/// [`Condition::LIMITS`] on a thread of its own.
const QUICK: Limits = Limits {
    time_max: Duration::from_millis(5),
    steps_max: 2_000,
    memory_max_bytes: 1 << 20,
    growth_max_bytes: 1 << 20,
    ..Condition::LIMITS
};

/// Rows with more bytes are not tried where they are.
const QUICK_BYTES_MAX: usize = 8 << 10;

impl Vql {
    /// `conditions` is what conditions may call as far as it needs no permission, `clients` what
    /// queries on clients may call. At most `threads` conditions run at once.
    pub fn new(host: Host, conditions: Catalog, clients: Catalog, threads: usize) -> Self {
        let turns = Semaphore::new(threads.max(1));
        let free = conditions.specs().filter(|spec| spec.needs.is_empty()).cloned();
        let names = ["rows", "client"].map(str::to_owned);
        Self {
            help_for_clients: Knowledge::of(clients.specs().cloned()),
            help_for_conditions: Knowledge::of(free).variables(names),
            words_for_clients: vocabulary(&clients, []),
            words_for_conditions: vocabulary(&conditions, []),
            artifacts: Arc::new(ArtifactSet::new()),
            host,
            conditions,
            clients,
            records: None,
            kept: Mutex::default(),
            turns,
        }
    }

    /// What else queries on clients may name, for those who write them.
    #[must_use]
    pub fn offering(mut self, accessors: Vec<String>, artifacts: Arc<ArtifactSet>) -> Self {
        let for_clients = artifacts.iter().filter(|artifact| artifact.kind.is_for_clients());
        self.words_for_clients = vocabulary(&self.clients, accessors.clone());
        self.help_for_clients = self.help_for_clients.accessors(accessors).artifacts(for_clients);
        self.artifacts = artifacts;
        self
    }

    /// What may stand at byte `at` of a query for clients.
    pub(crate) fn complete_client_query(&self, text: &str, at: usize) -> Completion {
        complete(text, at, &self.help_for_clients)
    }

    /// What may stand at byte `at` of a server condition.
    pub(crate) fn complete_condition(&self, text: &str, at: usize) -> Completion {
        complete(text, at, &self.help_for_conditions)
    }

    /// Lets administrators query the server's records with what this catalog offers.
    pub fn with_records(self, host: Host, catalog: Catalog) -> Self {
        Self { records: Some((host, Arc::new(catalog))), ..self }
    }

    /// Compiles a query over the server's records.
    pub(crate) fn compile_records_query(&self, text: &str) -> Result<Arc<Program>, Vec<Problem>> {
        let Some((_, catalog)) = &self.records else {
            let message = "this server evaluates no queries over its records";
            return Err(vec![crate::people::error::problem("vql", message)]);
        };
        Program::compile(text, catalog).map_err(|wrong| problems(text, &wrong.errors))
    }

    /// Runs a query over the server's records to its end, on the calling thread.
    pub(crate) fn run_records_query(&self, query: RecordsQuery) {
        let Some((host, catalog)) = &self.records else { return };
        let lines = query.lines.clone();
        let say = move |line: serde_json::Value| lines.blocking_send(format!("{line}\n")).is_ok();
        let ran = vql_eval::on_big_stack(|| {
            let mut setup = Setup::new(host.clone(), Arc::clone(catalog));
            setup.limits = Limits {
                rows_max: query.rows_max,
                time_max: query.time_max,
                memory_max_bytes: RECORDS_QUERY_MEMORY_BYTES,
                ..Limits::default()
            };
            setup.cancel = query.cancel.clone();
            let log = say.clone();
            setup.log = Arc::new(move |line: LogLine| {
                let (level, text) = (line.level.to_string(), line.text);
                // Nobody reads any more: the query is about to be stopped.
                let _ = log(serde_json::json!({ "log": { "level": level, "text": text } }));
            });
            let mut variables = Dict::new();
            for (name, text) in &query.env {
                variables.set(name.as_str(), Value::text(text.as_str()));
            }
            let run = Run::new(setup, variables);
            for found in run.rows(&query.program) {
                let row = rows_json::row_to_json(&found.row);
                if query.lines.blocking_send(format!("{{\"row\":{row}}}\n")).is_err() {
                    query.cancel.cancel();
                    return;
                }
            }
            let end = run.stop_reason().map(|reason| reason.to_string()).unwrap_or_default();
            say(serde_json::json!({ "end": end }));
        });
        if let Err(error) = ran {
            let _ =
                say(serde_json::json!({ "end": format!("no thread could be started: {error}") }));
        }
    }

    /// What is wrong with a query for clients.
    pub(crate) fn check_client_query(&self, text: &str) -> Vec<Problem> {
        match Program::compile(text, &self.clients) {
            Ok(_) => self.warnings(text, &self.words_for_clients),
            Err(wrong) => problems(text, &wrong.errors),
        }
    }

    /// What runs, but hardly as its author meant it.
    fn warnings(&self, text: &str, vocabulary: &Vocabulary) -> Vec<Problem> {
        let mut found = problems(text, &vql_syntax::parse_program(text).warnings);
        let remarks = remarks(text, vocabulary, &self.artifacts);
        found.extend(remarks.into_iter().map(|remark| {
            let hint = remark.hint.unwrap_or_default();
            problem(text, remark.span, Severity::Warning, (remark.message, hint))
        }));
        found
    }

    /// What is wrong with a server condition.
    pub(crate) fn check_condition(&self, text: &str) -> Vec<Problem> {
        match Condition::compile(text, &self.conditions) {
            Ok(_) => self.warnings(text, &self.words_for_conditions),
            Err(wrong) => problems(text, &wrong.errors),
        }
    }

    /// Runs a condition within its real limits, on a thread where it may take its time.
    async fn judge_apart(
        &self,
        condition: Arc<Condition>,
        rows: Vec<Row>,
        facts: Dict,
    ) -> Result<Verdict, String> {
        let host = self.host.clone();
        let turn = self.turns.acquire().await.map_err(|_| "the server is stopping".to_owned())?;
        let work = move || {
            condition.matches(rows, facts, &host, Condition::LIMITS).map_err(|e| e.to_string())
        };
        let verdict = tokio::task::spawn_blocking(work).await;
        drop(turn);
        verdict.map_err(|error| format!("the condition broke off: {error}"))?
    }

    fn compiled(&self, hunt: &Hunt) -> Result<Arc<Condition>, String> {
        let key = (hunt.id, hunt.condition_revision);
        let known = self.kept.lock().iter().find(|(kept, _)| *kept == key).cloned();
        if let Some((_, condition)) = known {
            return Ok(condition);
        }
        let text = &hunt.spec.condition.server;
        let condition = Condition::compile(text, &self.conditions)
            .map_err(|wrong| format!("the condition does not compile: {wrong}"))?;
        let condition = Arc::new(condition);
        let mut kept = self.kept.lock();
        kept.push_front((key, Arc::clone(&condition)));
        kept.truncate(KEPT_MAX);
        Ok(condition)
    }
}

#[async_trait]
impl ConditionJudge for Vql {
    async fn judge(&self, hunt: &Hunt, client: &Client, rows: &[String]) -> Result<bool, String> {
        let condition = self.compiled(hunt)?;
        let read = |row: &String| rows_json::row_from_json(row.as_bytes());
        let parsed = |rows: &[String]| -> Result<Vec<Row>, String> {
            rows.iter().map(read).collect::<Result<_, _>>().map_err(|bad| bad.to_string())
        };
        let bytes: usize = rows.iter().map(String::len).sum();
        let quick = if bytes <= QUICK_BYTES_MAX {
            condition.matches(parsed(rows)?, facts(client), &self.host, QUICK).ok()
        } else {
            None
        };
        let verdict = match quick {
            Some(verdict) => verdict,
            None => self.judge_apart(condition, parsed(rows)?, facts(client)).await?,
        };
        let Verdict { matches, dropped, log } = verdict;
        if !dropped.is_empty() {
            let columns: Vec<String> = dropped.iter().map(|name| name.to_string()).collect();
            ColumnsDropped { client: client.id, hunt: hunt.id, columns: &columns }.emit();
        }
        match log.iter().find(|line| line.means_failure()) {
            // What was wrong with it is a better reason than "no row".
            Some(line) if !matches => Err(line.text.clone()),
            Some(_) | None => Ok(matches),
        }
    }
}

/// What a condition sees as `client`.
fn facts(client: &Client) -> Dict {
    let said = &client.facts;
    let claims = Dict::new()
        .with("hostname", Value::text(said.hostname.as_str()))
        .with("fqdn", Value::text(said.fqdn.as_str()))
        .with("os", Value::text(said.os.as_str()))
        .with("platform", Value::text(said.platform.as_str()))
        .with("architecture", Value::text(said.architecture.as_str()))
        .with("agent_version", Value::text(said.agent_version.as_str()));
    let moment = |at: base::Timestamp| Value::text(at.to_string());
    let address = client.address.map_or(Value::Null, |address| Value::text(address.to_string()));
    let mut facts = Dict::new()
        .with("client_id", Value::text(client.id.to_string()))
        .with("labels", Value::array(client.labels.iter().map(|l| Value::text(l.as_str()))))
        .with("first_seen", moment(client.first_seen))
        .with("last_seen", moment(client.last_seen))
        .with("address", address);
    for (name, value) in claims.iter() {
        facts.set(name.clone(), value.clone());
    }
    facts.with("claims", Value::Dict(claims))
}

fn problems(text: &str, found: &[Diagnostic]) -> Vec<Problem> {
    let one = |diagnostic: &Diagnostic| {
        let message = match &diagnostic.expected {
            Some(expected) => format!("{}; expected {expected}", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        let hint = diagnostic.hint.clone().unwrap_or_default();
        problem(text, diagnostic.span, diagnostic.severity, (message, hint))
    };
    found.iter().map(one).collect()
}

fn problem(
    text: &str,
    span: Span,
    severity: Severity,
    (message, hint): (String, String),
) -> Problem {
    let place = Place::of(text, span.start);
    Problem {
        field: String::new(),
        start: Some(span.start as u64),
        end: Some(span.end as u64),
        line: Some(place.line as u64),
        column: Some(place.column as u64),
        severity: match severity {
            Severity::Error => "error".into(),
            Severity::Warning => "warning".into(),
        },
        message,
        hint,
    }
}
