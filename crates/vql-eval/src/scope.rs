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
mod looking;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use rows::{Name, NameHashing, Row, Value};
use smallvec::SmallVec;
use vql_plugin::{Host, Lambda, Level, Memory, RowStream, Scope, ScopeCore, Stopped};

use crate::aggregate::Context;
use crate::cells::Cells;
use crate::objects::StoredQuery;
use crate::plan::{Body, Definition};
use crate::session::{Session, StopReason};
use crate::stack;

pub(crate) use looking::Seen;

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
    /// The transformed row; the layer below is that of its source row.
    Cells(Cells),
    /// Arguments of a call.
    Args(Args),
    /// Variables of a program: a LET changes them.
    Variables(Box<RwLock<HashMap<Name, Slot, NameHashing>>>),
}

/// Arguments of a call, by name.
pub(crate) type Args = SmallVec<[(Name, Slot); 2]>;

/// Where aggregates of a layer keep their state.
enum States {
    /// Where those of the layer below do.
    Below,
    /// Its own, made when the first aggregate asks.
    Own(OnceLock<Box<Context>>),
    Given(Arc<Context>),
}

type Closers = Mutex<Vec<Box<dyn FnOnce() + Send>>>;

struct Node {
    parent: Option<Env>,
    layer: Layer,
    depth: u32,
    artifact_depth: u8,
    /// Whether an unknown name is nobody's fault.
    quiet: bool,
    states: States,
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
            states: States::Own(OnceLock::new()),
            session,
            closers: OnceLock::new(),
        }))
    }

    fn below(&self, layer: Layer, states: States, quiet: bool, artifacts: u8) -> Self {
        Self(Arc::new(Node {
            parent: Some(self.clone()),
            layer,
            depth: self.0.depth + 1,
            artifact_depth: self.0.artifact_depth + artifacts,
            quiet: self.0.quiet || quiet,
            states,
            session: self.0.session.clone(),
            closers: OnceLock::new(),
        }))
    }

    /// A scope in which the columns of a row are variables.
    pub(crate) fn with_row(&self, row: Row) -> Self {
        self.below(Layer::Row(row), States::Below, false, 0)
    }

    /// A scope in which the columns of the transformed row are variables and unknown names NULL.
    pub(crate) fn with_cells(&self, cells: Cells) -> Self {
        self.below(Layer::Cells(cells), States::Below, true, 0)
    }

    /// The cells of this layer, and the scope in which they are computed.
    pub(crate) fn cells(&self) -> Option<(&Cells, &Env)> {
        match (&self.0.layer, &self.0.parent) {
            (Layer::Cells(cells), Some(below)) => Some((cells, below)),
            _ => None,
        }
    }

    /// The row of the nearest layer that holds one.
    pub(crate) fn nearest_row(&self) -> Option<&Row> {
        self.layers().find_map(|env| match &env.0.layer {
            Layer::Row(row) => Some(row),
            _ => None,
        })
    }

    /// Whether nobody else has this scope.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Lets aggregates in these cells keep their state in this context, or where those outside do.
    /// False when somebody has kept the scope.
    pub(crate) fn set_states_below_cells(&mut self, context: Option<&Arc<Context>>) -> bool {
        let Some(Node { layer: Layer::Cells(cells), parent: Some(below), .. }) =
            Arc::get_mut(&mut self.0)
        else {
            return false;
        };
        let Some(below) = Arc::get_mut(&mut below.0) else { return false };
        below.states = context.map_or(States::Below, |context| States::Given(context.clone()));
        cells.forget_aggregates();
        true
    }

    /// Puts another row in the place of the one below these cells. Gives it back when somebody has
    /// kept the scope of the row before, or must be told when it closes.
    pub(crate) fn replace_row(&mut self, row: Row) -> Option<Row> {
        let Some(Node { layer: Layer::Cells(cells), parent: Some(below), closers, .. }) =
            Arc::get_mut(&mut self.0)
        else {
            return Some(row);
        };
        let Some(Node { layer: Layer::Row(place), closers: closers_below, .. }) =
            Arc::get_mut(&mut below.0)
        else {
            return Some(row);
        };
        if closers.get().is_some() || closers_below.get().is_some() {
            return Some(row);
        }
        cells.forget();
        *place = row;
        None
    }

    /// The scope of a call: its arguments, and a context of its own for aggregates.
    pub(crate) fn with_call(&self, args: Args) -> Self {
        self.below(Layer::Args(args), States::Own(OnceLock::new()), false, 0)
    }

    /// A scope with more arguments and the same context.
    pub(crate) fn with_args(&self, args: Args) -> Self {
        self.below(Layer::Args(args), States::Below, false, 0)
    }

    /// The same scope with another context for aggregates.
    pub(crate) fn with_context(&self, context: Arc<Context>) -> Self {
        self.below(Layer::Empty, States::Given(context), false, 0)
    }

    /// A scope with variables of its own: an artifact's, below its caller's.
    pub(crate) fn with_variables(&self) -> Self {
        self.below(Layer::Variables(Box::default()), States::Own(OnceLock::new()), false, 1)
    }

    /// Where aggregates keep their state here.
    pub(crate) fn context(&self) -> &Context {
        let mut env = self;
        loop {
            match (&env.0.states, &env.0.parent) {
                (States::Given(context), _) => return context,
                (States::Below, Some(below)) => env = below,
                (States::Own(context), _) => return context.get_or_init(Box::default),
                (States::Below, None) => unreachable!("the outermost layer has its own"),
            }
        }
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

    /// What a reference to a definition stands for.
    pub(crate) fn evaluate(&self, definition: &Arc<Definition>) -> Value {
        match &definition.body {
            Body::Query(select) => StoredQuery::value(select.clone()),
            Body::Value(expr) => {
                if self.is_too_deep() || self.0.session.step() {
                    return Value::Null;
                }
                self.with_args(Args::new()).eval(expr)
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
