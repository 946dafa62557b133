//! The rows of a query, found by key.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;
use rows::{Name, Object, Row, Text, Value};
use vql_plugin::{Entry, Failure, Function, Query, Scope, plugin_args};

use crate::language::background::seconds;

pub(super) fn entry() -> Entry {
    Entry::function(Memoize)
}

plugin_args! {
    /// Keeps the rows of a query, to be found by a key: it is used like a dict whose values are the
    /// rows. The query runs when something is first looked up, and again when its rows are too
    /// old.
    ///
    /// `LET ByPid <= memoize(query={ SELECT * FROM pslist() }, key="Pid")`, then
    /// `get(item=ByPid, field=Ppid).Name`.
    pub struct MemoizeArgs for "memoize" {
        /// The rows.
        query: Query,
        /// The column that is the key. Of rows with the same key the last counts.
        key: String,
        /// Seconds after which the query runs again; 0 means 60.
        period: i64 = 60,
        /// A name under which calls share the rows.
        name: Option<String>,
        /// Rows are kept in memory, until the query ends: a file's name is taken and not used.
        filename: Option<String>,
    }
}

struct Memoize;

impl Function for Memoize {
    type Args = MemoizeArgs;

    fn call(&self, args: MemoizeArgs, scope: &Scope) -> Result<Value, Failure> {
        if let Some(name) = &args.filename {
            scope.warn(&format!("memoize: rows are kept in memory, not in the file `{name}`"));
        }
        let make = || Table {
            query: args.query.clone(),
            key: args.key.clone(),
            age_max: seconds(if args.period <= 0 { 60 } else { args.period }),
            scope: scope.clone(),
            read: Mutex::new(None),
        };
        let table = match &args.name {
            Some(name) => scope.keep(&format!("memoize {name}"), make),
            None => Arc::new(make()),
        };
        Ok(Value::Object(table))
    }
}

struct Table {
    query: Query,
    key: String,
    age_max: Duration,
    scope: Scope,
    read: Mutex<Option<Arc<Contents>>>,
}

/// What one run of the query gave.
struct Contents {
    rows: HashMap<Text, Row>,
    order: Vec<Text>,
    since: Timestamp,
    charged: usize,
    scope: Scope,
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.scope.release(self.charged);
    }
}

impl Table {
    fn contents(&self) -> Arc<Contents> {
        let now = self.scope.host().clock().now();
        if let Some(known) = &*self.read.lock()
            && now.since(known.since) < self.age_max
        {
            return known.clone();
        }
        // Not read under the lock: the query may ask this table.
        let fresh = Arc::new(self.run(now));
        let old = self.read.lock().replace(fresh.clone());
        drop(old);
        fresh
    }

    fn run(&self, now: Timestamp) -> Contents {
        let (rows, order, scope) = (HashMap::new(), Vec::new(), self.scope.clone());
        let mut contents = Contents { rows, order, since: now, charged: 0, scope };
        for row in self.query.rows(&self.scope) {
            let row = match self.scope.materialise(&Value::Dict(row)) {
                Value::Dict(row) => row,
                _ => continue,
            };
            let Some(key) = row.get(&self.key).map(Value::to_text) else { continue };
            let size = Value::Dict(row.clone()).size_bytes() + 2 * key.len() + 64;
            if self.scope.charge(size).is_err() {
                break;
            }
            contents.charged += size;
            if contents.rows.insert(key.clone(), row).is_none() {
                contents.order.push(key);
            }
        }
        contents
    }
}

impl Object for Table {
    fn type_name(&self) -> &str {
        "memoize"
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.contents().rows.get(&Text::from(name)).cloned().map(Value::Dict)
    }

    fn members(&self) -> Vec<Name> {
        self.contents().order.iter().map(Name::from).collect()
    }

    fn truth(&self) -> bool {
        !self.contents().order.is_empty()
    }

    fn materialise(&self) -> Value {
        let contents = self.contents();
        let pairs = contents.order.iter().filter_map(|key| {
            Some((Name::from(key), Value::Dict(contents.rows.get(key)?.clone())))
        });
        Value::Dict(pairs.collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
