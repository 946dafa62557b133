//! Rows that were not there a moment ago.

use std::time::Duration;

use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

use crate::language::recent::Recent;

pub(super) fn entry() -> Entry {
    Entry::plugin(Dedup)
}

plugin_args! {
    /// Leaves out rows whose key was there a moment ago.
    pub struct DedupArgs for "dedup" {
        /// The column that makes rows the same. Rows without it share one key.
        key: String,
        /// The rows.
        query: Query,
        /// Seconds after which a key is new again; 0 means 60.
        timeout: u64 = 60_u64,
        /// How many keys are remembered; the oldest is forgotten first. 0 means 1000.
        size: i64 = 1_000,
    }
}

struct Dedup;

impl Plugin for Dedup {
    type Args = DedupArgs;

    fn rows(&self, args: DedupArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let timeout = Duration::from_secs(if args.timeout == 0 { 60 } else { args.timeout });
        let size = usize::try_from(args.size).unwrap_or(0);
        let mut seen = Recent::new(if size == 0 { 1_000 } else { size });
        let (rows, scope) = (args.query.rows(scope), scope.clone());
        Ok(Box::new(rows.filter(move |row| {
            let key = row.get(&args.key).cloned().unwrap_or_default();
            let key = scope.materialise(&key).to_text();
            let now = scope.host().clock().now();
            let is_new = seen.get(&key, now, Some(timeout)).is_none();
            if is_new {
                seen.put(key, (), now);
            }
            is_new
        })))
    }
}
