//! The scope that a plugin is called in: everything it may ask of the query around it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rows::{Name, Row, Text, Value};

use crate::{AccessError, Accessor, Accessors, BadPattern, Host, Lambda, Pattern, RowStream, View};

/// How much a log line matters. The default level is for what is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// Neither good nor bad; no prefix.
    #[default]
    Default,
    /// Something failed; marks the collection as failed.
    Error,
    /// Something is suspicious.
    Warn,
    /// Progress.
    Info,
    /// Details.
    Debug,
    /// For a person, now.
    Alert,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "DEFAULT",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Alert => "ALERT",
        })
    }
}

/// One line of a query's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

impl LogLine {
    /// Whether the line means that the collection failed: an error, or one of the texts that
    /// stand for one.
    pub fn means_failure(&self) -> bool {
        if self.level == Level::Error {
            return true;
        }
        let text = self.text.to_ascii_lowercase();
        let in_order = |first: &str, second: &str| {
            text.split_once(first).is_some_and(|(_, rest)| rest.contains(second))
        };
        text.contains("error:")
            || in_order("symbol ", "not found")
            || in_order("field ", "is required")
            || text.contains("expecting a path arg type, not")
            || text.contains("unexpected arg")
            // A missing accessor leaves a plugin without rows: never a success.
            || text.contains("no accessor is called")
            || text.contains("the accessor `")
    }
}

impl fmt::Display for LogLine {
    /// `LEVEL:text`; without a prefix at the default level.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Default => f.write_str(&self.text),
            level => write!(f, "{level}:{}", self.text),
        }
    }
}

/// The query must end: it was cancelled or a limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query was stopped")]
pub struct Stopped;

/// What the evaluator offers behind a [`Scope`].
pub trait ScopeCore: Send + Sync {
    /// The newest value of a variable; a lazy definition is evaluated.
    fn lookup(&self, name: &str) -> Option<Value>;
    /// Adds a line to the log.
    fn log(&self, level: Level, text: &str);
    /// Whether the query must end.
    fn stopped(&self) -> bool;
    /// Ends the query with a reason, which is logged as an error.
    fn stop(&self, reason: &str);
    /// Charges the query for memory that it keeps.
    fn charge(&self, bytes: usize) -> Result<(), Stopped>;
    /// Gives back what was charged for something that is not kept any more.
    fn release(&self, bytes: usize);
    /// What the program offers.
    fn host(&self) -> &Host;
    /// A scope below this one in which the columns of `row` are variables.
    fn child(&self, row: Row) -> Scope;
    /// The rows of a query, an array, a dict or a scalar.
    fn rows(&self, source: &Value) -> RowStream;
    /// Plain data: queries have run, lazy values are computed.
    fn materialise(&self, value: &Value) -> Value;
    /// Truth; a query is asked for its first row.
    fn truth(&self, value: &Value) -> bool;
    /// Reads a lambda, once per text.
    fn lambda(&self, text: &str) -> Result<Lambda, String>;
    /// Calls a lambda.
    fn call(&self, lambda: &Lambda, args: &[Value]) -> Value;
    /// Runs something when the run, or the artifact that was called, is over; the last registered
    /// runs first.
    fn on_close(&self, work: Box<dyn FnOnce() + Send>);
    /// What plugins keep between calls of one query.
    fn memory(&self) -> &Memory;
    /// All variables that can be seen, for messages and for `scope()`.
    fn names(&self) -> Vec<Name>;
    /// The concrete type, for the evaluator itself.
    fn as_any(&self) -> &dyn Any;
}

/// The scope that a plugin is called in. Cheap to clone; a stream may keep it.
#[derive(Clone)]
pub struct Scope {
    core: Arc<dyn ScopeCore>,
    /// Used instead of those of the query.
    accessors: Option<Accessors>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

impl Scope {
    /// Wraps what the evaluator offers.
    pub fn new(core: Arc<dyn ScopeCore>) -> Self {
        Self { core, accessors: None }
    }

    /// What the evaluator offers.
    pub fn core(&self) -> &Arc<dyn ScopeCore> {
        &self.core
    }

    /// The newest value of a variable; a lazy definition is evaluated.
    pub fn lookup(&self, name: &str) -> Option<Value> {
        self.core.lookup(name)
    }

    /// Adds a line to the log.
    pub fn log(&self, level: Level, text: &str) {
        self.core.log(level, text);
    }

    /// Adds a line at the level of warnings.
    pub fn warn(&self, text: &str) {
        self.core.log(Level::Warn, text);
    }

    /// Whether the query must end. Loops that may take long ask this.
    pub fn stopped(&self) -> bool {
        self.core.stopped()
    }

    /// Whether the query must end, for `?`.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// Ends the query with a reason, which is logged as an error.
    pub fn stop(&self, reason: &str) {
        self.core.stop(reason);
    }

    /// Charges the query for memory that it keeps; beyond its limit the query ends.
    pub fn charge(&self, bytes: usize) -> Result<(), Stopped> {
        self.core.charge(bytes)
    }

    /// Gives back what was charged for something that is not kept any more; never more than that.
    pub fn release(&self, bytes: usize) {
        self.core.release(bytes);
    }

    /// What the program offers.
    pub fn host(&self) -> &Host {
        self.core.host()
    }

    /// The accessor of that name, as this query sees it; the empty name is `auto`.
    pub fn accessor(&self, name: &str) -> Result<Arc<dyn Accessor>, AccessError> {
        match &self.accessors {
            Some(accessors) => accessors.get(name).cloned(),
            None => match self.core.memory().view() {
                Some(view) => view.accessors.get(name).cloned(),
                None => self.host().accessors().get(name).cloned(),
            },
        }
    }

    /// The accessors, as this query sees them: those of the program, unless they were remapped.
    pub fn accessors(&self) -> Accessors {
        let seen = || self.core.memory().view().map(|view| view.accessors.clone());
        let found = self.accessors.clone().or_else(seen);
        found.unwrap_or_else(|| self.host().accessors().clone())
    }

    /// What this query sees instead of what the program offers, if anything.
    pub fn view(&self) -> Option<Arc<View>> {
        self.core.memory().view()
    }

    /// From now on the whole query sees this instead of what the program offers.
    pub fn see(&self, view: Option<View>) {
        self.core.memory().see(view);
    }

    /// The same scope, seeing these accessors whatever the query sees.
    #[must_use]
    pub fn seeing(&self, accessors: Accessors) -> Scope {
        Self { core: self.core.clone(), accessors: Some(accessors) }
    }

    /// A scope below this one in which the columns of `row` are variables.
    #[must_use]
    pub fn child(&self, row: Row) -> Scope {
        Self { accessors: self.accessors.clone(), ..self.core.child(row) }
    }

    /// The rows of a query, an array (scalars as `_value`), a dict (one row) or a scalar.
    pub fn rows(&self, source: &Value) -> RowStream {
        self.core.rows(source)
    }

    /// Plain data: queries have run, lazy values are computed.
    pub fn materialise(&self, value: &Value) -> Value {
        self.core.materialise(value)
    }

    /// Truth; a query is asked for its first row.
    pub fn truth(&self, value: &Value) -> bool {
        self.core.truth(value)
    }

    /// Reads a lambda such as `x=>x + 1`, once per text.
    pub fn lambda(&self, text: &str) -> Result<Lambda, String> {
        self.core.lambda(text)
    }

    /// Calls a lambda in a scope below this one.
    pub fn call(&self, lambda: &Lambda, args: &[Value]) -> Value {
        self.core.call(lambda, args)
    }

    /// Runs something when the run, or the artifact that was called, is over; the last registered
    /// runs first.
    pub fn on_close(&self, work: impl FnOnce() + Send + 'static) {
        self.core.on_close(Box::new(work));
    }

    /// All variables that can be seen.
    pub fn names(&self) -> Vec<Name> {
        self.core.names()
    }

    /// Something that is kept for the whole query under `key`, made on first use.
    pub fn keep<T: Send + Sync + 'static>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        self.core.memory().keep(key, make)
    }

    /// A compiled pattern, compiled once per query. Ignores case when `ignore_case` is set.
    pub fn pattern(&self, text: &Text, ignore_case: bool) -> Result<Arc<Pattern>, BadPattern> {
        self.core.memory().pattern(text, ignore_case)
    }
}

type CompiledPattern = Result<Arc<Pattern>, BadPattern>;

/// What plugins keep between calls of one query: caches, connections, compiled patterns.
#[derive(Default)]
pub struct Memory {
    kept: Mutex<HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>>,
    patterns: Mutex<HashMap<(Text, bool), CompiledPattern>>,
    /// Whether there is a view, so that the usual query takes no lock.
    has_view: AtomicBool,
    view: Mutex<Option<Arc<View>>>,
}

/// Patterns that are computed per row must not fill the memory.
const PATTERNS_MAX: usize = 1_000;

impl Memory {
    /// Something kept under `key`, made on first use.
    pub fn keep<T: Send + Sync + 'static>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let id = (TypeId::of::<T>(), key.to_owned());
        if let Some(kept) = self.kept.lock().get(&id).cloned() {
            return kept.downcast().expect("kept under its own type");
        }
        // Not made under the lock: making it may keep something else.
        let made: Arc<T> = Arc::new(make());
        let kept = self.kept.lock().entry(id).or_insert(made).clone();
        kept.downcast().expect("kept under its own type")
    }

    /// What the query sees instead of what the program offers.
    pub fn view(&self) -> Option<Arc<View>> {
        if !self.has_view.load(Ordering::Acquire) {
            return None;
        }
        self.view.lock().clone()
    }

    /// The query sees this from now on.
    pub fn see(&self, view: Option<View>) {
        let mut seen = self.view.lock();
        self.has_view.store(view.is_some(), Ordering::Release);
        *seen = view.map(Arc::new);
    }

    /// Forgets everything: the query is over.
    pub fn clear(&self) {
        // Dropped after the locks are released: dropping may run code that keeps something.
        let kept = std::mem::take(&mut *self.kept.lock());
        let patterns = std::mem::take(&mut *self.patterns.lock());
        self.see(None);
        drop((kept, patterns));
    }

    /// A compiled pattern.
    pub fn pattern(&self, text: &Text, ignore_case: bool) -> Result<Arc<Pattern>, BadPattern> {
        let key = (text.clone(), ignore_case);
        let mut patterns = self.patterns.lock();
        if let Some(known) = patterns.get(&key) {
            return known.clone();
        }
        let made = Pattern::compile(text, ignore_case).map(Arc::new);
        if patterns.len() >= PATTERNS_MAX {
            patterns.clear();
        }
        patterns.insert(key, made.clone());
        made
    }
}
