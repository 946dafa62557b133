//! Some of the rows.

use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::plugin(Sample)
}

plugin_args! {
    /// Every n-th row of a query, beginning with the first.
    pub struct SampleArgs for "sample" {
        /// The rows.
        query: Query,
        /// From one row that stays to the next.
        n: i64,
    }
}

struct Sample;

impl Plugin for Sample {
    type Args = SampleArgs;

    fn rows(&self, args: SampleArgs, scope: &Scope) -> Result<RowStream, Failure> {
        match usize::try_from(args.n) {
            Ok(0) | Err(_) => Err("Field n should be at least 1".into()),
            Ok(n) => Ok(Box::new(args.query.rows(scope).step_by(n))),
        }
    }
}
