//! FROM: where the rows of a query come from.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rows::{Lazy, ObjectKind, Row, Value};
use vql_plugin::{Body, CallArgs, Entry, Kind, Level, RowStream, elsewhere, stream};

use crate::objects::{QueryKind, StoredQuery};
use crate::plan::{Source, SourceKind};
use crate::scope::{Env, Slot};
use crate::spill::kept::SpilledRows;

impl Env {
    pub(crate) fn rows_of_source(&self, source: &Source) -> RowStream {
        match &source.kind {
            SourceKind::Plugin(entry, args) => self.run_plugin(entry, self.args(args)),
            SourceKind::Artifact(args) => self.run_artifact(&source.name, self.args(args).spread()),
            SourceKind::Variable { similar } => {
                let Some((first, members)) = source.path.split_first() else {
                    return stream::empty();
                };
                let Some(mut value) = self.find(first) else {
                    return self.no_such_source(&source.name, similar);
                };
                for name in members {
                    value = self.member(&value, name).unwrap_or_default();
                }
                self.rows_of(&value, false)
            }
            SourceKind::Call { args, similar } => {
                let Some((first, members)) = source.path.split_first() else {
                    return stream::empty();
                };
                let value = match self.slot(first) {
                    None => {
                        if let Some(known) = elsewhere(&source.name, Kind::Plugin) {
                            self.session().log_once(Level::Error, known.to_string());
                            return stream::empty();
                        }
                        return self.no_such_source(&source.name, similar);
                    }
                    Some(Slot::Definition(definition)) if members.is_empty() => {
                        self.call_definition(&definition, args, true)
                    }
                    Some(Slot::Value(value)) if members.is_empty() => {
                        let scope = self.with_call(self.slots(args));
                        StoredQuery::bind(value, &scope)
                    }
                    Some(_) => {
                        let mut value = self.find(first).unwrap_or_default();
                        for name in members {
                            value = self.member(&value, name).unwrap_or_default();
                        }
                        value
                    }
                };
                self.rows_of(&value, false)
            }
        }
    }

    fn no_such_source(&self, name: &str, similar: &str) -> RowStream {
        self.session().log_once(Level::Error, format!("Plugin {name} not found"));
        self.session().log_once(Level::Error, format!("Plugin {name} not found.{similar}"));
        stream::empty()
    }

    /// Starts a plugin. What it yields ends when the run must end, or when it panics.
    pub(crate) fn run_plugin(&self, entry: &Entry, args: CallArgs) -> RowStream {
        if self.session().step() || self.is_too_deep() {
            return stream::empty();
        }
        let name = entry.spec.name;
        let Body::Plugin(body) = &entry.body else {
            self.log(Level::Error, format!("{name}: is no row source"));
            return stream::empty();
        };
        let scope = self.handle();
        match catch_unwind(AssertUnwindSafe(|| body(args, &scope))) {
            Ok(Ok(rows)) => Box::new(Guarded { rows: Some(rows), env: self.clone(), name }),
            Ok(Err(failure)) => {
                self.log(Level::Default, format!("{name}: {failure}"));
                stream::empty()
            }
            Err(_) => {
                self.log_panic(name);
                stream::empty()
            }
        }
    }

    fn log_panic(&self, name: &str) {
        self.log(Level::Error, format!("{name}: gave up because of a mistake of its own"));
    }

    /// The rows of a value. With `wrap`, an element that is no row becomes the column `_value`,
    /// as plugins want it; without, it becomes a row without columns.
    pub(crate) fn rows_of(&self, value: &Value, wrap: bool) -> RowStream {
        match value {
            Value::Null => stream::empty(),
            Value::Dict(row) => stream::rows([row.clone()]),
            Value::Array(items) => {
                let items = items.clone();
                let env = self.clone();
                let rows = (0..items.len()).map(move |at| env.as_row(&items[at], wrap));
                Box::new(rows.flatten())
            }
            Value::Object(object) => match object.kind() {
                ObjectKind::Query => match StoredQuery::of(value) {
                    Some(query) => self.rows_of_query(query),
                    None => stream::empty(),
                },
                ObjectKind::Rows => {
                    if let Some(spilled) = SpilledRows::of(object) {
                        return spilled.stream();
                    }
                    let object = object.clone();
                    let mut at = 0;
                    Box::new(std::iter::from_fn(move || {
                        at += 1;
                        object.rows()?.get(at - 1).cloned()
                    }))
                }
                ObjectKind::Lazy => self.rows_of(&object.force().unwrap_or_default(), wrap),
                ObjectKind::Record | ObjectKind::Scope => stream::rows(self.as_row(value, wrap)),
            },
            scalar => stream::rows(self.as_row(scalar, wrap)),
        }
    }

    /// One element as a row; NULL is none.
    fn as_row(&self, value: &Value, wrap: bool) -> Option<Row> {
        match value {
            Value::Null => None,
            Value::Dict(row) => Some(row.clone()),
            Value::Object(object) => match object.kind() {
                ObjectKind::Lazy => self.as_row(&object.force().unwrap_or_default(), wrap),
                ObjectKind::Record => {
                    let lazy = |name: rows::Name| {
                        let (object, member) = (object.clone(), name.clone());
                        let value = move || object.member(&member).unwrap_or_default();
                        (name, Lazy::value(value))
                    };
                    Some(object.members().into_iter().map(lazy).collect())
                }
                ObjectKind::Scope => Some(Row::new()),
                ObjectKind::Query | ObjectKind::Rows if wrap => {
                    Some(Row::new().with("_value", self.settle(value.clone())))
                }
                ObjectKind::Query | ObjectKind::Rows => Some(Row::new()),
            },
            scalar if wrap => Some(Row::new().with("_value", scalar.clone())),
            _ => Some(Row::new()),
        }
    }

    /// Runs a query: in the scope it was called in, or in this one.
    pub(crate) fn rows_of_query(&self, query: &StoredQuery) -> RowStream {
        let env = query.bound.as_ref().unwrap_or(self);
        match &query.what {
            QueryKind::Select(select) => env.rows_of_select(select),
            QueryKind::Generator(generator) => generator.rows(env),
            QueryKind::Concat(parts) => {
                let (env, parts) = (env.clone(), parts.clone());
                Box::new((0..parts.len()).flat_map(move |at| env.rows_of(&parts[at], true)))
            }
        }
    }
}

/// A plugin's stream under supervision.
struct Guarded {
    rows: Option<RowStream>,
    env: Env,
    name: &'static str,
}

impl Iterator for Guarded {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.env.session().step() {
            self.rows = None;
        }
        let rows = self.rows.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| rows.next())) {
            Ok(Some(row)) => Some(row),
            Ok(None) => {
                self.rows = None;
                None
            }
            Err(_) => {
                self.rows = None;
                self.env.log_panic(self.name);
                None
            }
        }
    }
}
