//! Dicts that forget.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::language::keeping::Lru;

pub(super) fn entry() -> Entry {
    Entry::function(LruOf)
}

plugin_args! {
    /// An empty dict that keeps a bounded number of entries and forgets those first that were not
    /// used for longest. `set()` puts entries in, `get()` and `.name` look at them.
    pub struct LruArgs for "lru" {
        /// How many entries it keeps; 0 means 1000.
        size: i64 = 1_000,
    }
}

struct LruOf;

impl Function for LruOf {
    type Args = LruArgs;

    fn call(&self, args: LruArgs, scope: &Scope) -> Result<Value, Failure> {
        let size = usize::try_from(args.size).unwrap_or(0);
        let lru = Lru::new(if size == 0 { 1_000 } else { size }, scope);
        Ok(Value::Object(Arc::new(lru)))
    }
}
