//! Rows, some time later.

use std::time::Duration;

use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

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
    }
}

struct Delay;

impl Plugin for Delay {
    type Args = DelayArgs;

    fn rows(&self, args: DelayArgs, scope: &Scope) -> Result<RowStream, Failure> {
        const SLICE: Duration = Duration::from_millis(20);
        let scope = scope.clone();
        let slices = u64::try_from(args.delay).unwrap_or(0).saturating_mul(50);
        Ok(Box::new(args.query.rows(&scope.clone()).take_while(move |_| {
            // Waits in slices, so that a cancelled query does not wait.
            for _ in 0..slices {
                if scope.stopped() {
                    return false;
                }
                scope.host().wait(SLICE);
            }
            true
        })))
    }
}
