//! One of two row sources.

use rows::Value;
use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args, stream};

pub(super) fn entry() -> Entry {
    Entry::plugin(IfPlugin)
}

plugin_args! {
    /// Picks one of two row sources. Put them in braces, so that only the picked one runs.
    pub struct IfArgs for "if" {
        /// What decides.
        condition: Value,
        /// The rows when the condition is true.
        then: Option<Query>,
        /// The rows when it is not; none when left out.
        r#else: Option<Query> as "else",
    }
}

struct IfPlugin;

impl Plugin for IfPlugin {
    type Args = IfArgs;

    fn rows(&self, args: IfArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let branch = if scope.truth(&args.condition) { args.then } else { args.r#else };
        Ok(branch.map_or_else(stream::empty, |branch| branch.rows(scope)))
    }
}
