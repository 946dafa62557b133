//! What `parse_binary` gives: structs laid over a file, whose fields are read when they are asked
//! for.
//!
//! # Invariants
//!
//! - **BI-1** A field is read at most once per struct, and lambdas are called only for fields that
//!   somebody asked for. What points in circles costs nothing until it is followed.
//! - **BI-2** A field that lies behind the end of the file is NULL; a text there is empty.
//! - **BI-3** Counts, lengths, nesting and the size of what a result shows are bounded; reaching a
//!   bound is logged once per run.
//!
//! # Not here
//!
//! The language of profiles and the meaning of bytes: `parsers::profile`.

mod array;
mod field;
mod source;
mod structure;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::ThreadId;

use parking_lot::Mutex;
use parsers::profile::{Amount, Profile};
use rows::{Dict, Value};
use vql_plugin::{Level, ReadSeek, Scope};

pub(crate) use self::field::open;
use self::source::Source;
use self::structure::StructObject;

/// How deep fields may depend on each other.
const DEPTH_MAX: usize = 400;
/// How deep structs are nested in what a result shows.
const SHOWN_DEPTH_MAX: usize = 60;
/// How many values one result shows of one file.
const SHOWN_MAX: u64 = 2_000_000;
/// The longest text that is read.
const TEXT_MAX_BYTES: i64 = 4 << 20;
/// How much of a text is read when the profile does not say how long it is.
const TEXT_OPEN_BYTES: i64 = 1024;

/// One file under one profile.
pub(crate) struct Overlay {
    profile: Arc<Profile>,
    source: Source,
    scope: Scope,
    /// Variables for the lambdas, besides those of the scope.
    env: Dict,
    depth: AtomicUsize,
    shown: AtomicU64,
    told: Mutex<HashSet<String>>,
    /// Fields that are being read right now, and by whom: whoever comes again runs in a circle.
    reading: Mutex<HashSet<(ThreadId, usize, usize)>>,
    stopped: AtomicBool,
}

impl Overlay {
    pub(crate) fn new(
        profile: Arc<Profile>,
        file: Box<dyn ReadSeek>,
        scope: &Scope,
        env: Dict,
    ) -> Arc<Self> {
        Arc::new(Self {
            profile,
            source: Source::new(file),
            scope: scope.clone(),
            env,
            depth: AtomicUsize::new(0),
            shown: AtomicU64::new(0),
            told: Mutex::default(),
            reading: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    /// Logs, once per text.
    fn tell(&self, text: String) {
        let mut told = self.told.lock();
        if told.len() < 50 && told.insert(text.clone()) {
            self.scope.log(Level::Default, &format!("parse_binary: {text}"));
        }
    }

    /// Goes one level down; `None` when that is too deep.
    fn descend(&self) -> Option<Descent<'_>> {
        if self.stopped.load(Ordering::Relaxed) || self.scope.stopped() {
            self.stopped.store(true, Ordering::Relaxed);
            return None;
        }
        let descent = Descent(self);
        if self.depth.fetch_add(1, Ordering::Relaxed) >= DEPTH_MAX {
            self.tell(format!("fields depend on each other deeper than {DEPTH_MAX}; NULL there"));
            return None;
        }
        Some(descent)
    }

    /// Whether one more value may be shown in a result.
    fn may_show(&self) -> bool {
        let shown = self.shown.fetch_add(1, Ordering::Relaxed);
        if shown >= SHOWN_MAX {
            self.tell(format!(
                "the structs have more than {SHOWN_MAX} values; the rest is NULL. Select the \
                 fields that you need instead of whole structs"
            ));
        }
        shown < SHOWN_MAX
    }

    /// Calls a lambda with the struct that it stands in.
    fn call(&self, text: &str, this: Option<&Arc<StructObject>>, arg: Option<Value>) -> Value {
        let Some(_descent) = self.descend() else { return Value::Null };
        let lambda = match self.scope.lambda(text) {
            Ok(lambda) => lambda,
            Err(error) => {
                self.tell(format!("`{text}` is no lambda: {error}"));
                return Value::Null;
            }
        };
        let this = this.map_or(Value::Null, |this| Value::Object(this.clone()));
        let mut variables = self.env.clone();
        variables.set("this", this.clone());
        self.scope.child(variables).call(&lambda, &[arg.unwrap_or(this)])
    }

    /// A number of the profile.
    fn amount(&self, amount: &Amount, this: Option<&Arc<StructObject>>) -> Option<i64> {
        match amount {
            Amount::Fixed(number) => Some(*number),
            Amount::Lambda(text) => as_int(&self.scope.materialise(&self.call(text, this, None))),
        }
    }
}

/// A level; leaving it goes up again.
struct Descent<'o>(&'o Overlay);

impl Drop for Descent<'_> {
    fn drop(&mut self) {
        self.0.depth.fetch_sub(1, Ordering::Relaxed);
    }
}

fn as_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::Float(number) => Some(*number as i64),
        Value::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
}
