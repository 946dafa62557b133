//! The function `remap`: for the rest of the query, paths lead elsewhere.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::remapping;

pub(super) fn entry() -> Entry {
    Entry::function(Remap)
}

plugin_args! {
    /// For the rest of the query, paths lead elsewhere, and another machine may be told about.
    ///
    /// The config is YAML with a list `remappings`. A `mount` shows what is below `from` (an
    /// `accessor` and a `prefix`) below `on` (the same, and a `path_type`); an accessor that is
    /// mounted on has nothing else. A `shadow` shows an accessor as it is. An `impersonation`
    /// changes the `os` and `hostname` of info(), the environment (`env`), and refuses
    /// `disabled_plugins` and `disabled_functions`. Returns the config.
    pub struct RemapArgs for "remap" {
        /// The rules, as YAML or JSON.
        config: Text,
        /// Accessors that are seen as they are.
        copy: Vec<String> = Vec::new(),
        /// Forget what was remapped before, and show no accessors but those copied and mounted on
        /// (and `data` and `scope`).
        clear: bool = false,
    }
}

struct Remap;

impl Function for Remap {
    type Args = RemapArgs;

    fn call(&self, args: RemapArgs, scope: &Scope) -> Result<Value, Failure> {
        remapping::apply(&args.config.to_str_lossy(), args.copy, args.clear, scope)
    }
}
