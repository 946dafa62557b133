//! One row from which every variable can be seen.

use rows::Row;
use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, plugin_args, stream};

pub(super) fn entry() -> Entry {
    Entry::plugin(ScopePlugin)
}

plugin_args! {
    /// One row without columns, in which every variable can be seen.
    pub struct ScopeArgs for "scope" {}
}

struct ScopePlugin;

impl Plugin for ScopePlugin {
    type Args = ScopeArgs;

    fn rows(&self, _args: ScopeArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        Ok(stream::rows([Row::new()]))
    }
}
