//! Values that are computed once per key.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rows::{Name, Object, Text, Value};
use vql_plugin::{Entry, Failure, Function, Lambda, Scope, plugin_args};

use crate::language::background::seconds;
use crate::language::keeping::Shelf;
use crate::language::unevaluated::Unevaluated;

pub(super) fn entry() -> Entry {
    Entry::function(Cache)
}

plugin_args! {
    /// Computes something only when it was not computed for the same key a moment ago.
    ///
    /// With `key` it gives the value: `cache(func=slow(Pid=Pid), key=Pid)`. With `lambda` and
    /// without `key` it gives a cache that is used like a dict: each of its members is computed
    /// by the lambda, from its name, when it is first asked for.
    pub struct CacheArgs for "cache" {
        /// What is computed, only when it is needed.
        func: Option<Unevaluated>,
        /// Computes the value from the key, such as `x=>x + 1`; in place of `func`.
        lambda: Option<Lambda>,
        /// The name of the cache. Calls with the same name share their values; without a name each
        /// place in the query has its own.
        name: Option<String>,
        /// The key.
        key: Option<Value>,
        /// Seconds after which a value is computed again; 0 means 60.
        period: i64 = 60,
        /// Caches are kept in memory, until the query ends: a file's name is taken and not used.
        filename: Option<String>,
        /// How many values are kept; 0 means 10000. The oldest goes first.
        max_size: i64 = 10_000,
    }
}

struct Cache;

impl Function for Cache {
    type Args = CacheArgs;

    fn call(&self, args: CacheArgs, scope: &Scope) -> Result<Value, Failure> {
        let size = usize::try_from(args.max_size).unwrap_or(0);
        let size = if size == 0 { 10_000 } else { size };
        let age_max = seconds(if args.period <= 0 { 60 } else { args.period });
        if let Some(name) = &args.filename {
            scope.warn(&format!("cache: values are kept in memory, not in the file `{name}`"));
        }
        let make = || Mutex::new(Shelf::new(size, scope));
        if let Some(lambda) = args.lambda {
            let shelf = match &args.name {
                Some(name) => scope.keep(&format!("cache {name}"), make),
                None if args.key.is_some() => {
                    scope.keep(&format!("cache by {}", lambda.text), make)
                }
                None => Arc::new(make()),
            };
            let cache = Computed { shelf, lambda, age_max, scope: scope.clone() };
            return match args.key {
                Some(key) => cache.value(&key),
                None => Ok(Value::Object(Arc::new(cache))),
            };
        }
        let Some(func) = args.func else {
            return Err("one of the fields func and lambda is required".into());
        };
        let Some(key) = args.key else { return Err("Field key is required".into()) };
        let shelf = match &args.name {
            Some(name) => scope.keep(&format!("cache {name}"), make),
            None => {
                let place = scope.keep(&format!("cache at {}", func.place()), || Place {
                    shelf: Arc::new(make()),
                    _func: func.clone(),
                });
                place.shelf.clone()
            }
        };
        look_up(&shelf, &key, age_max, scope, || func.value(scope))
    }
}

/// The values of one place in the text. Holds the expression, so that no other is at its place.
struct Place {
    shelf: Arc<Mutex<Shelf>>,
    _func: Unevaluated,
}

fn look_up(
    shelf: &Mutex<Shelf>,
    key: &Value,
    age_max: Duration,
    scope: &Scope,
    compute: impl FnOnce() -> Value,
) -> Result<Value, Failure> {
    let key = scope.materialise(key).to_text();
    let now = scope.host().clock().now();
    if let Some(known) = shelf.lock().get(&key, now, Some(age_max)) {
        return Ok(known);
    }
    // Not computed under the lock: it may ask the same cache.
    let value = scope.materialise(&compute());
    let gone = shelf.lock().put(key, value.clone(), now)?;
    drop(gone);
    Ok(value)
}

/// A cache that is used like a dict.
struct Computed {
    shelf: Arc<Mutex<Shelf>>,
    lambda: Lambda,
    age_max: Duration,
    scope: Scope,
}

impl Computed {
    fn value(&self, key: &Value) -> Result<Value, Failure> {
        let compute = || self.scope.call(&self.lambda, std::slice::from_ref(key));
        look_up(&self.shelf, key, self.age_max, &self.scope, compute)
    }
}

impl Object for Computed {
    fn type_name(&self) -> &str {
        "cache"
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.value(&Value::text(name)).ok()
    }

    fn members(&self) -> Vec<Name> {
        self.shelf.lock().names()
    }

    fn to_text(&self) -> Text {
        Text::from("cache")
    }

    fn truth(&self) -> bool {
        true
    }

    fn materialise(&self) -> Value {
        Value::Dict(self.shelf.lock().to_dict())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
