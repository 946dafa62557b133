//! Scopes: a stack of layers in which names are looked up, from the newest to the oldest.
//!
//! A scope is a chain of shared nodes: a child is one small allocation, and what a stream or a
//! value needs stays alive as long as it does.
//!
//! # Invariants
//!
//! - **VE-1** A node never refers to a younger one, so chains cannot form a ring: a query is kept
//!   in a variable without the scope, or with the scope of a call that is younger than the variable.

mod changing;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use rows::{Name, Row, Value};
use vql_plugin::{Host, Lambda, Level, Memory, RowStream, Scope, ScopeCore, Stopped};

use crate::aggregate::Context;
use crate::cells::CellRow;
use crate::objects::StoredQuery;
use crate::plan::{Body, Definition};
use crate::session::{Session, StopReason};
use crate::stack;

/// How deep scopes may be nested.
pub(crate) const DEPTH_MAX: u32 = 1_000;

/// What a variable holds.
#[derive(Clone)]
pub(crate) enum Slot {
    Value(Value),
    /// Evaluated at every use.
    Definition(Arc<Definition>),
}

pub(crate) enum Layer {
    Empty,
    Row(Row),
    Cells(Arc<CellRow>),
    /// Arguments of a call.
    Args(Vec<(Name, Slot)>),
    /// Variables of a program: a LET changes them.
    Variables(Box<RwLock<HashMap<Name, Slot>>>),
}

type Closers = Mutex<Vec<Box<dyn FnOnce() + Send>>>;

struct Node {
    parent: Option<Env>,
    layer: Layer,
    depth: u32,
    artifact_depth: u8,
    /// Whether an unknown name is nobody's fault.
    quiet: bool,
    context: Arc<Context>,
    session: Arc<Session>,
    closers: OnceLock<Box<Closers>>,
}

impl Node {
    fn close(&self) {
        let closers = self.closers.get().map(|closers| std::mem::take(&mut *closers.lock()));
        for close in closers.into_iter().flatten().rev() {
            close();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.close();
    }
}

/// A scope. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Env(Arc<Node>);

impl Env {
    /// The outermost scope of a run, with room for variables.
    pub(crate) fn root(session: Arc<Session>) -> Self {
        Self(Arc::new(Node {
            parent: None,
            layer: Layer::Variables(Box::default()),
            depth: 0,
            artifact_depth: 0,
            quiet: false,
            context: Arc::default(),
            session,
            closers: OnceLock::new(),
        }))
    }

    fn below(&self, layer: Layer, context: Arc<Context>, quiet: bool, artifacts: u8) -> Self {
        Self(Arc::new(Node {
            parent: Some(self.clone()),
            layer,
            depth: self.0.depth + 1,
            artifact_depth: self.0.artifact_depth + artifacts,
            quiet: self.0.quiet || quiet,
            context,
            session: self.0.session.clone(),
            closers: OnceLock::new(),
        }))
    }

    /// A scope in which the columns of a row are variables.
    pub(crate) fn with_row(&self, row: Row) -> Self {
        self.below(Layer::Row(row), self.0.context.clone(), false, 0)
    }

    /// A scope in which the columns of the transformed row are variables and unknown names NULL.
    pub(crate) fn with_cells(&self, cells: Arc<CellRow>) -> Self {
        self.below(Layer::Cells(cells), self.0.context.clone(), true, 0)
    }

    /// The scope of a call: its arguments, and a context of its own for aggregates.
    pub(crate) fn with_call(&self, args: Vec<(Name, Slot)>) -> Self {
        self.below(Layer::Args(args), Arc::default(), false, 0)
    }

    /// A scope with more arguments and the same context.
    pub(crate) fn with_args(&self, args: Vec<(Name, Slot)>) -> Self {
        self.below(Layer::Args(args), self.0.context.clone(), false, 0)
    }

    /// The same scope with another context for aggregates.
    pub(crate) fn with_context(&self, context: Arc<Context>) -> Self {
        self.below(Layer::Empty, context, false, 0)
    }

    /// A scope with variables of its own: an artifact's, below its caller's.
    pub(crate) fn with_variables(&self) -> Self {
        self.below(Layer::Variables(Box::default()), Arc::default(), false, 1)
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    pub(crate) fn artifact_depth(&self) -> u8 {
        self.0.artifact_depth
    }

    pub(crate) fn log(&self, level: Level, text: impl Into<String>) {
        self.0.session.log(level, text);
    }

    /// Whether evaluation must not go deeper; logs it once.
    pub(crate) fn is_too_deep(&self) -> bool {
        let deep = self.0.depth >= DEPTH_MAX || stack::is_low();
        if deep {
            let statement = self.0.session.statement.read().clone();
            self.0.session.log_once(Level::Default, format!("Stack Overflow: {statement}"));
        }
        deep
    }

    fn layers(&self) -> impl Iterator<Item = &Env> {
        std::iter::successors(Some(self), |env| env.0.parent.as_ref())
    }

    /// What the newest layer that has the name holds.
    pub(crate) fn slot(&self, name: &str) -> Option<Slot> {
        self.layers().find_map(|env| match &env.0.layer {
            Layer::Empty => None,
            Layer::Row(row) => row.get(name).map(|value| Slot::Value(value.clone())),
            Layer::Cells(cells) => cells.by_name(name).map(Slot::Value),
            Layer::Args(args) => {
                args.iter().rev().find(|(known, _)| &**known == name).map(|(_, slot)| slot.clone())
            }
            Layer::Variables(variables) => variables.read().get(name).cloned(),
        })
    }

    /// The value of a variable; lazy definitions are evaluated here, in this scope.
    pub(crate) fn find(&self, name: &str) -> Option<Value> {
        Some(match self.slot(name)? {
            Slot::Value(value) => value,
            Slot::Definition(definition) => self.evaluate(&definition),
        })
    }

    /// What a reference to a definition stands for.
    pub(crate) fn evaluate(&self, definition: &Arc<Definition>) -> Value {
        match &definition.body {
            Body::Query(select) => StoredQuery::value(select.clone()),
            Body::Value(expr) => {
                if self.is_too_deep() || self.0.session.step() {
                    return Value::Null;
                }
                self.with_args(Vec::new()).eval(expr)
            }
        }
    }

    /// Sets a variable in the nearest layer that holds variables.
    pub(crate) fn set(&self, name: Name, slot: Slot) {
        let variables = self.layers().find_map(|env| match &env.0.layer {
            Layer::Variables(variables) => Some(variables),
            _ => None,
        });
        if let Some(variables) = variables {
            variables.write().insert(name, slot);
        }
    }

    /// Runs what was to be run at the end of this scope.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Ends this scope: what was registered for its end runs, and its variables are forgotten.
    pub(crate) fn clear(&self) {
        let closers = self.0.closers.get().map(|closers| std::mem::take(&mut *closers.lock()));
        for close in closers.into_iter().flatten().rev() {
            close();
        }
        if let Layer::Variables(variables) = &self.0.layer {
            // Dropped after the lock is released: dropping may run code that looks things up.
            let forgotten = std::mem::take(&mut *variables.write());
            drop(forgotten);
        }
    }

    /// An unknown name: NULL, and a log line unless a transformed row is on the stack.
    pub(crate) fn unknown(&self, name: &str) -> Value {
        if !self.0.quiet {
            let session = &self.0.session;
            session.log_once_about(name, Level::Error, || self.unknown_text(name));
        }
        Value::Null
    }

    pub(crate) fn unknown_text(&self, name: &str) -> String {
        const SHOWN_MAX: usize = 30;
        let mut known: Vec<_> = ScopeCore::names(self);
        known.truncate(SHOWN_MAX);
        let known: Vec<_> = known.iter().map(Name::as_str).collect();
        if known.is_empty() {
            format!("Symbol {name} not found")
        } else {
            format!("Symbol {name} not found; the names here are {}", known.join(", "))
        }
    }

    /// The scope as plugins see it.
    pub(crate) fn handle(&self) -> Scope {
        Scope::new(Arc::new(self.clone()))
    }
}

impl ScopeCore for Env {
    fn lookup(&self, name: &str) -> Option<Value> {
        let _entered = stack::enter();
        self.find(name)
    }

    fn log(&self, level: Level, text: &str) {
        self.0.session.log(level, text);
    }

    fn stopped(&self) -> bool {
        self.0.session.look_at_clock()
    }

    fn stop(&self, reason: &str) {
        self.0.session.stop(StopReason::Plugin(reason.to_owned()));
    }

    fn charge(&self, bytes: usize) -> Result<(), Stopped> {
        self.0.session.keep(bytes)
    }

    fn release(&self, bytes: usize) {
        self.0.session.release(bytes);
    }

    fn host(&self) -> &Host {
        &self.0.session.setup.host
    }

    fn child(&self, row: Row) -> Scope {
        self.with_row(row).handle()
    }

    fn rows(&self, source: &Value) -> RowStream {
        let _entered = stack::enter();
        self.rows_of(source, true)
    }

    fn materialise(&self, value: &Value) -> Value {
        let _entered = stack::enter();
        self.plain(value)
    }

    fn truth(&self, value: &Value) -> bool {
        let _entered = stack::enter();
        self.is_true(value)
    }

    fn lambda(&self, text: &str) -> Result<Lambda, String> {
        self.read_lambda(text)
    }

    fn call(&self, lambda: &Lambda, args: &[Value]) -> Value {
        let _entered = stack::enter();
        self.call_lambda(lambda, args)
    }

    fn on_close(&self, work: Box<dyn FnOnce() + Send>) {
        // What a row or a call made may be kept in a variable: it goes with the variables.
        let holds_variables = |env: &&Env| matches!(env.0.layer, Layer::Variables(_));
        let owner = self.layers().find(holds_variables).unwrap_or(self);
        owner.0.closers.get_or_init(Box::default).lock().push(work);
    }

    fn memory(&self) -> &Memory {
        &self.0.session.memory
    }

    fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for env in self.layers() {
            match &env.0.layer {
                Layer::Empty => {}
                Layer::Row(row) => names.extend(row.keys().cloned()),
                Layer::Cells(cells) => names.extend(cells.names().cloned()),
                Layer::Args(args) => names.extend(args.iter().map(|(name, _)| name.clone())),
                Layer::Variables(variables) => names.extend(variables.read().keys().cloned()),
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
