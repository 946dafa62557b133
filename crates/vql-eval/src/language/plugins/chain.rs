//! Row sources one after the other, or all at once.

use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, free_args};

pub(super) fn entry() -> Entry {
    Entry::plugin(Chain)
}

free_args! {
    /// The rows of all its arguments, one source after the other.
    pub struct ChainArgs for "chain";
}

struct Chain;

impl Plugin for Chain {
    type Args = ChainArgs;

    fn rows(&self, args: ChainArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let sources = args.0.0.into_iter().filter(|(name, _)| &**name != "async");
        let scope = scope.clone();
        Ok(Box::new(sources.flat_map(move |(_, source)| scope.rows(&source))))
    }
}
