//! A hunt's server condition: compiled once, asked once per client.
//!
//! The rows come from the client, so they may lie. They see nothing of the server, and columns that
//! would hide what the server itself knows (`client`, `rows`, or a LET of the condition) are taken
//! out before the condition runs. A condition may call only what needs no permission, and runs
//! within limits.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rows::{Dict, Name, Row, Value};
use vql_plugin::{Catalog, Host, LogLine};
use vql_syntax::{Diagnostic, Severity, Span};

use crate::compile::Diagnostics;
use crate::run::{Program, Run};
use crate::session::{Limits, Setup, StopReason};

/// A compiled condition.
pub struct Condition {
    program: Arc<Program>,
    catalog: Arc<Catalog>,
    reserved: HashSet<String>,
}

/// What a condition says about a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the client is meant.
    pub matches: bool,
    /// Columns of the client's rows that were taken out because they would hide what the server
    /// knows.
    pub dropped: Vec<Name>,
    /// What the condition logged, at most [`LOG_LINES_MAX`] lines.
    pub log: Vec<LogLine>,
}

/// How many log lines of one evaluation are kept.
pub const LOG_LINES_MAX: usize = 20;

/// Why a condition said nothing about a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition was not decided: {reason}")]
pub struct ConditionFailed {
    /// The limit that it reached.
    pub reason: StopReason,
    /// What it logged.
    pub log: Vec<LogLine>,
}

impl Condition {
    /// The limits that conditions have unless somebody wants others.
    pub const LIMITS: Limits = Limits {
        rows_max: 1,
        time_max: Duration::from_millis(500),
        memory_max_bytes: 32 * 1024 * 1024,
        growth_max_bytes: 64 * 1024 * 1024,
        steps_max: 2_000_000,
        disk_max_bytes: 0,
    };

    /// Compiles a condition. Of the catalog only what needs no permission can be called.
    pub fn compile(text: &str, catalog: &Catalog) -> Result<Self, Diagnostics> {
        let catalog = Arc::new(catalog.clone().restricted_to(&[]));
        let program = Program::compile(text, &catalog)?;
        if program.selects() == 0 {
            let error = Diagnostic {
                span: Span::new(text.len(), text.len()),
                severity: Severity::Error,
                message: "the condition has no SELECT, so it never yields a row".to_owned(),
                expected: Some("SELECT".to_owned()),
                hint: Some("end it with `SELECT * FROM rows WHERE …`".to_owned()),
            };
            return Err(Diagnostics { text: text.to_owned(), errors: vec![error] });
        }
        let reserved = program.defined().iter().cloned();
        let reserved = reserved.chain(["client".to_owned(), "rows".to_owned()]).collect();
        Ok(Self { program, catalog, reserved })
    }

    /// Whether the client that answered `rows` is meant. `client` is what the server knows about
    /// it. A client is meant when any SELECT of the condition yields a row.
    pub fn matches(
        &self,
        rows: Vec<Row>,
        client: Dict,
        host: &Host,
        limits: Limits,
    ) -> Result<Verdict, ConditionFailed> {
        let mut dropped = Vec::new();
        let rows: Vec<Row> = rows.into_iter().map(|row| self.cleaned(row, &mut dropped)).collect();
        let log: Arc<Mutex<Vec<LogLine>>> = Arc::default();
        let sink = log.clone();
        let mut setup = Setup::new(host.clone(), self.catalog.clone());
        setup.limits = Limits { rows_max: u64::MAX, ..limits };
        setup.log = Arc::new(move |line: LogLine| {
            let mut lines = sink.lock();
            if lines.len() < LOG_LINES_MAX {
                lines.push(line);
            }
        });
        let variables = Dict::new().with("rows", Value::array(rows)).with("client", client);
        let run = Run::new(setup, variables);
        let matches = run.rows(&self.program).next().is_some();
        let log = std::mem::take(&mut *log.lock());
        match run.stop_reason() {
            Some(reason) if !matches => Err(ConditionFailed { reason, log }),
            _ => Ok(Verdict { matches, dropped, log }),
        }
    }

    /// The row without the names that would hide the server's. Inside nested dicts as well: a
    /// condition may turn those into rows.
    fn cleaned(&self, mut row: Row, dropped: &mut Vec<Name>) -> Row {
        let bad: Vec<_> =
            row.keys().filter(|key| self.reserved.contains(&***key)).cloned().collect();
        for key in bad {
            row.remove(&key);
            if !dropped.contains(&key) {
                dropped.push(key);
            }
        }
        if row.values().any(|value| matches!(value, Value::Dict(_) | Value::Array(_))) {
            row.map_values(|_, value| *value = self.cleaned_value(std::mem::take(value), dropped));
        }
        row
    }

    fn cleaned_value(&self, value: Value, dropped: &mut Vec<Name>) -> Value {
        match value {
            Value::Dict(dict) => Value::Dict(self.cleaned(dict, dropped)),
            Value::Array(items)
                if items.iter().any(|i| matches!(i, Value::Dict(_) | Value::Array(_))) =>
            {
                Value::array(items.iter().map(|item| self.cleaned_value(item.clone(), dropped)))
            }
            other => other,
        }
    }
}
