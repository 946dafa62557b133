//! Rows, some time later.

use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

use crate::language::background::{seconds, wait};

pub(super) fn entry() -> Entry {
    Entry::plugin(Delay)
}

plugin_args! {
    /// Hands on the rows of a query, each so many seconds after it was there.
    pub struct DelayArgs for "delay" {
        /// The rows.
        query: Query,
        /// Seconds.
        delay: i64 = 1,
        /// Taken for compatibility: the query is asked for a row when one is wanted.
        buffer_size: i64 = 0,
    }
}

struct Delay;

impl Plugin for Delay {
    type Args = DelayArgs;

    fn rows(&self, args: DelayArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let (rows, scope) = (args.query.rows(scope), scope.clone());
        Ok(Box::new(rows.take_while(move |_| wait(seconds(args.delay), &scope))))
    }
}
