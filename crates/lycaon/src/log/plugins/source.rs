//! The plugin `source` of rules: the rows of the answer that VQL is asked to look at.

use std::sync::Arc;

use rows::Row;
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

/// The rows that `source()` answers, offered by the host.
pub(in crate::log) struct SourceRows(pub(in crate::log) Vec<Row>);

plugin_args! {
    /// The rows that the rule's query answered.
    pub(in crate::log) struct SourceArgs for "source" {}
}

struct Source;

pub(in crate::log) fn entry() -> Entry {
    Entry::plugin(Source)
}

impl Plugin for Source {
    type Args = SourceArgs;

    const NEEDS: &'static [Permission] = &[];

    fn rows(&self, _args: SourceArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let given = scope.host().port::<SourceRows>();
        let rows = given.map(|rows: Arc<SourceRows>| rows.0.clone()).unwrap_or_default();
        Ok(stream::rows(rows))
    }
}
