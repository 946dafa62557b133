//! Row sources, all at once.

use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, free_args};

use crate::language::background::interleaved;

pub(super) fn entry() -> Entry {
    Entry::plugin(Combine)
}

free_args! {
    /// The rows of all its arguments as they are found: like `chain(async=TRUE)`. For sources that
    /// wait for events.
    pub struct CombineArgs for "combine";
}

struct Combine;

impl Plugin for Combine {
    type Args = CombineArgs;

    fn rows(&self, args: CombineArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let sources = args.0.0.into_iter().map(|(_, source)| source).collect();
        Ok(interleaved("combine", sources, scope))
    }
}
