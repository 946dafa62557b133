//! `query(query=…)`: a query, or the text of one, in a scope of its own and with limits of its own.
//!
//! It is a part of the run around it: it ends when that does, and what it keeps is charged there.

use std::time::Duration;

use rows::{Name, Row, Value};
use vql_plugin::{Failure, Lambda, RowStream};

use crate::objects::{QueryKind, StoredQuery};
use crate::run::{Program, Rows};
use crate::scope::{Env, Slot};

/// How deep queries may be nested in texts of queries, artifacts counted as well.
const NESTING_MAX: u8 = 10;
/// Known in every query, also in one apart from all others.
const ALWAYS_KNOWN: &str = "config";

/// A query that somebody wants to run inside of another.
pub(crate) struct NestedQuery {
    /// The query, or its text.
    pub(crate) query: Value,
    /// Variables that it is given.
    pub(crate) variables: Vec<(Name, Value)>,
    /// Variables of the caller that it sees as well.
    pub(crate) copied: Vec<String>,
    /// Whether it sees everything that the caller sees.
    pub(crate) inherits: bool,
    pub(crate) time_max: Option<Duration>,
    /// How long it may go without a row.
    pub(crate) idle_max: Option<Duration>,
    /// Says of a row that it is the last.
    pub(crate) exit: Option<Lambda>,
}

impl Env {
    pub(crate) fn run_nested(&self, nested: NestedQuery) -> Result<RowStream, Failure> {
        if self.artifact_depth() >= NESTING_MAX {
            return Err(format!("queries are nested deeper than {NESTING_MAX}").into());
        }
        let part = self.session().part(nested.time_max, nested.idle_max, nested.inherits);
        let env = match StoredQuery::of(&nested.query) {
            // Called with arguments: those are what it sees.
            Some(StoredQuery { bound: Some(bound), .. }) => bound.in_part(part, true),
            _ => self.in_part(part, nested.inherits),
        };
        for name in nested.copied.iter().map(String::as_str).chain([ALWAYS_KNOWN]) {
            if let Some(slot) = self.slot(name) {
                env.set(Name::from(name), slot);
            }
        }
        for (name, value) in nested.variables {
            env.set(name, Slot::Value(value));
        }
        let rows: RowStream = match (StoredQuery::of(&nested.query), &nested.query) {
            (Some(StoredQuery { what, .. }), _) => match what {
                QueryKind::Select(select) => env.rows_of_select(select),
                other => env.rows_of_query(&StoredQuery { what: other.clone(), bound: None }),
            },
            (None, Value::Text(text)) => {
                let program =
                    Program::compile(&text.to_str_lossy(), &self.session().setup.catalog)?;
                Box::new(Rows::new(env.clone(), program, None).map(|found| found.row))
            }
            (None, Value::Null) => return Err("Field query is required".into()),
            (None, other) => {
                let found = other.type_name();
                return Err(format!("Field query should be a query or its text not {found}").into());
            }
        };
        Ok(Box::new(Nested { rows: Some(rows), env, caller: self.clone(), exit: nested.exit }))
    }
}

/// Ends the part of the run when its rows are not wanted any more.
struct Nested {
    rows: Option<RowStream>,
    env: Env,
    caller: Env,
    exit: Option<Lambda>,
}

impl Iterator for Nested {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let row = self.rows.as_mut()?.next()?;
        self.env.session().note_progress();
        if let Some(exit) = &self.exit {
            let is_last = self.caller.call_lambda(exit, &[Value::Dict(row.clone())]);
            if self.caller.is_true(&is_last) {
                self.rows = None;
            }
        }
        Some(row)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        self.rows = None;
        self.env.clear();
        self.env.session().finish_part();
    }
}
