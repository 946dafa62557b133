//! Programs, and runs of programs.

use std::sync::Arc;

use rows::{Dict, Name, ObjectKind, Row, Value, Zone};
use vql_plugin::{Catalog, Level, RowStream, Scope};
use vql_syntax::{Diagnostic, ast};

use crate::compile::{Compiler, Diagnostics};
use crate::objects::StoredQuery;
use crate::plan::{Body, Definition, Statement};
use crate::scope::{Env, Slot};
use crate::session::{Session, Setup, StopReason};
use crate::stack;

/// A compiled text: statements in order. Shared between runs.
#[derive(Debug)]
pub struct Program {
    statements: Vec<(Statement, Arc<str>)>,
    warnings: Vec<Diagnostic>,
    defined: Vec<String>,
}

impl Program {
    /// Compiles a statement list.
    pub fn compile(text: &str, catalog: &Catalog) -> Result<Arc<Self>, Diagnostics> {
        let parsed = vql_syntax::parse_program(text);
        let fail = |errors| Diagnostics { text: text.to_owned(), errors };
        if !parsed.errors.is_empty() {
            return Err(fail(parsed.errors));
        }
        let mut compiler = Compiler::new(catalog);
        let statements = compiler.program(&parsed.program);
        if !compiler.errors.is_empty() {
            return Err(fail(compiler.errors));
        }
        let texts = parsed.program.statements.iter();
        let texts = texts.map(|statement| Arc::from(vql_syntax::print_statement(statement)));
        let defined = parsed.program.statements.iter().filter_map(|statement| match statement {
            ast::Statement::Let(definition) => Some(definition.name.text.clone()),
            ast::Statement::Select(_) => None,
        });
        Ok(Arc::new(Self {
            defined: defined.collect(),
            statements: statements.into_iter().zip(texts).collect(),
            warnings: parsed.warnings,
        }))
    }

    /// What has a meaning, but hardly the one that was wanted.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The names that it defines with LET.
    pub fn defined(&self) -> &[String] {
        &self.defined
    }

    /// How many of its statements yield rows.
    pub fn selects(&self) -> usize {
        let selects = self.statements.iter();
        selects.filter(|(statement, _)| matches!(statement, Statement::Select(_))).count()
    }
}

/// One execution: limits, log and cancellation, and a scope in which programs run one after the
/// other.
pub struct Run {
    inner: Arc<RunState>,
}

pub(crate) struct RunState {
    env: Env,
}

impl Drop for RunState {
    fn drop(&mut self) {
        // What plugins kept may refer to scopes; without them nothing else does.
        self.env.clear();
        self.env.session().finish();
        self.env.session().memory.clear();
        // Threads that work for the run may hold its scope; they are not waited for.
        self.env.close();
        self.env.session().over();
    }
}

/// A row of a program.
#[derive(Clone, Debug)]
pub struct ResultRow {
    /// Which SELECT of the program it comes from, counted from 0.
    pub select: usize,
    /// The row: plain data.
    pub row: Row,
}

impl Run {
    /// A run in which these variables are known.
    pub fn new(setup: Setup, variables: Dict) -> Self {
        let env = Env::root(Arc::new(Session::new(setup)));
        for (name, value) in variables.iter() {
            env.set(name.clone(), Slot::Value(value.clone()));
        }
        Self { inner: Arc::new(RunState { env }) }
    }

    /// Runs a program in the scope of this run: definitions of earlier programs are known.
    /// Nothing happens until a row is asked for.
    pub fn rows(&self, program: &Arc<Program>) -> Rows {
        Rows::new(self.inner.env.clone(), program.clone(), Some(self.inner.clone()))
    }

    /// The scope as plugins see it; for calling one without a program.
    pub fn scope(&self) -> Scope {
        self.inner.env.handle()
    }

    /// Why the run ended before it was through, if it did.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.inner.env.session().stop_reason()
    }

    pub(crate) fn env(&self) -> &Env {
        &self.inner.env
    }
}

/// The rows of a program, statement by statement.
pub struct Rows {
    // Dropped before what it came from.
    current: Option<RowStream>,
    env: Env,
    program: Arc<Program>,
    next: usize,
    select: usize,
    run: Option<Arc<RunState>>,
    /// Whether the rows leave the evaluator, so that moments are shown in the zone that the query
    /// asks for.
    leave: bool,
    zone: Option<Zone>,
}

impl Rows {
    pub(crate) fn new(env: Env, program: Arc<Program>, run: Option<Arc<RunState>>) -> Self {
        let leave = run.is_some();
        Self { current: None, env, program, next: 0, select: 0, run, leave, zone: None }
    }

    /// The same rows, which leave the evaluator.
    pub(crate) fn that_leave(mut self) -> Self {
        self.leave = true;
        self
    }

    /// Runs the statement that is next; false when there is none.
    fn step(&mut self) -> bool {
        let Some((statement, text)) = self.program.statements.get(self.next) else { return false };
        self.next += 1;
        *self.env.session().statement.write() = text.clone();
        match statement {
            Statement::Let(definition) => self.env.define(definition),
            Statement::Select(select) => {
                let env = self.env.with_context(Arc::default());
                self.zone = if self.leave { env.zone() } else { None };
                self.current = Some(env.rows_of_select(select));
            }
        }
        true
    }
}

impl Iterator for Rows {
    type Item = ResultRow;

    fn next(&mut self) -> Option<ResultRow> {
        let _entered = stack::enter();
        loop {
            if self.env.session().is_stopped() {
                self.current = None;
                return None;
            }
            let Some(current) = &mut self.current else {
                if self.step() {
                    continue;
                }
                self.run = None;
                return None;
            };
            match current.next() {
                Some(mut row) => {
                    if self.run.is_some() && self.env.session().yield_row() {
                        self.current = None;
                        return None;
                    }
                    if row.values().any(Value::holds_object) {
                        row.map_values(|_, value| *value = self.env.plain(value));
                    }
                    if let Some(zone) = &self.zone {
                        row.map_values(|_, value| show_in(zone, value));
                    }
                    return Some(ResultRow { select: self.select, row });
                }
                None => {
                    self.current = None;
                    self.select += 1;
                }
            }
        }
    }
}

/// Moments become texts, wherever they are.
fn show_in(zone: &Zone, value: &mut Value) {
    match value {
        Value::Time(time) => *value = Value::text(time.text_in(zone)),
        Value::Array(items) if items.iter().any(holds_time) => {
            Arc::make_mut(items).iter_mut().for_each(|item| show_in(zone, item));
        }
        Value::Dict(dict) if dict.values().any(holds_time) => {
            dict.map_values(|_, value| show_in(zone, value));
        }
        _ => {}
    }
}

fn holds_time(value: &Value) -> bool {
    match value {
        Value::Time(_) => true,
        Value::Array(items) => items.iter().any(holds_time),
        Value::Dict(dict) => dict.values().any(holds_time),
        _ => false,
    }
}

impl Env {
    /// The zone that the variable TZ names; `None` is UTC.
    fn zone(&self) -> Option<Zone> {
        let Value::Text(name) = self.forced(self.find("TZ")?) else { return None };
        let name = name.to_str_lossy();
        if matches!(&*name, "" | "UTC") {
            return None;
        }
        let zone = Zone::named(&name);
        if zone.is_none() {
            let text = format!(
                "TZ: `{name}` is no time zone, so times are in UTC; name it as Europe/Berlin"
            );
            self.session().log_once(Level::Warn, text);
        }
        zone
    }

    /// Carries out a LET.
    fn define(&self, definition: &Arc<Definition>) {
        let name: &Name = &definition.name;
        if definition.masks_function {
            self.log(Level::Warn, format!("LET expression is masking a built in function {name}"));
        }
        if !definition.materialized {
            self.set(name.clone(), Slot::Definition(definition.clone()));
            return;
        }
        if definition.params.is_some() {
            let text = format!("LET {name}(…) <= is evaluated now, so its parameters are ignored");
            self.log(Level::Warn, text);
        }
        let env = self.with_context(Arc::default());
        let value = match &definition.body {
            Body::Query(select) => StoredQuery::value(select.clone()),
            Body::Value(expr) => env.forced(env.eval(expr)),
        };
        let value = match (value.object_kind(), StoredQuery::of(&value)) {
            (Some(ObjectKind::Query), Some(query)) => env.keep_rows(query),
            // A scope kept in itself would never be freed.
            (Some(ObjectKind::Scope), _) => Value::Null,
            _ => value,
        };
        self.set(name.clone(), Slot::Value(value));
    }
}
