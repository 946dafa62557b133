//! Row sources one after the other, or all at once.

use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, free_args};

use crate::language::background::interleaved;

pub(super) fn entry() -> Entry {
    Entry::plugin(Chain)
}

free_args! {
    /// The rows of all its arguments, one source after the other.
    ///
    /// With `async=TRUE` all sources run at once and their rows come as they are found, in any
    /// order; for sources that wait for events.
    pub struct ChainArgs for "chain";
}

struct Chain;

impl Plugin for Chain {
    type Args = ChainArgs;

    fn rows(&self, args: ChainArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let at_once = args.0.get("async").is_some_and(|given| scope.truth(given));
        let sources = args.0.0.into_iter().filter(|(name, _)| &**name != "async");
        let sources: Vec<_> = sources.map(|(_, source)| source).collect();
        if at_once {
            return Ok(interleaved("chain", sources, scope));
        }
        let scope = scope.clone();
        Ok(Box::new(sources.into_iter().flat_map(move |source| scope.rows(&source))))
    }
}
