//! Queries that run at the end.

use std::time::Duration;

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Query, Scope, plugin_args};

use crate::scope::Env;

pub(super) fn entry() -> Entry {
    Entry::function(AtExit)
}

plugin_args! {
    /// Runs a query when the run, or the artifact that was called, is over; also when it was
    /// cancelled or reached a limit. For cleaning up. The last one registered runs first. Always
    /// true.
    ///
    /// The query sees the variables as they are now. Its rows are dropped.
    pub struct AtExitArgs for "atexit" {
        /// The query, or its text.
        query: Query,
        /// More variables that it sees.
        env: Option<Dict>,
        /// Seconds that it may take.
        timeout: u64 = 60_u64,
    }
}

struct AtExit;

impl Function for AtExit {
    type Args = AtExitArgs;

    fn call(&self, args: AtExitArgs, scope: &Scope) -> Result<Value, Failure> {
        let env = Env::of(scope).ok_or("works only in a running query")?;
        let timeout = Duration::from_secs(args.timeout);
        let farewell = env.farewell(args.query.0, args.env.unwrap_or_default(), timeout)?;
        scope.on_close(farewell);
        Ok(true.into())
    }
}
