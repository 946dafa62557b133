//! The function `basename`: the last component of a path.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::paths::{path_of, style_with};

pub(super) fn entry() -> Entry {
    Entry::function(Basename)
}

plugin_args! {
    /// The last component of a path.
    pub struct BasenameArgs for "basename" {
        /// The path.
        path: Value,
        /// The separator of the path's text; `\` reads it as Windows does.
        sep: String = "",
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct Basename;

impl Function for Basename {
    type Args = BasenameArgs;

    fn call(&self, args: BasenameArgs, scope: &Scope) -> Result<Value, Failure> {
        let style = style_with(&args.path_type, &args.sep)?;
        Ok(path_of(&scope.materialise(&args.path), style).basename().into())
    }
}
