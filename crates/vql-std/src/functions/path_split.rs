//! The function `path_split`: the components of a path, as an array.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::paths::{path_of, style};

pub(super) fn entry() -> Entry {
    Entry::function(PathSplit)
}

plugin_args! {
    /// The components of a path, as an array.
    pub struct PathSplitArgs for "path_split" {
        /// The path.
        path: Value,
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct PathSplit;

impl Function for PathSplit {
    type Args = PathSplitArgs;

    fn call(&self, args: PathSplitArgs, scope: &Scope) -> Result<Value, Failure> {
        let path = path_of(&scope.materialise(&args.path), style(&args.path_type)?);
        Ok(Value::array(path.components().to_vec()))
    }
}
