//! The function `dirname`: a path without its last component. Text gives text, a path gives a path.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::paths::{path_of, style_with};

pub(super) fn entry() -> Entry {
    Entry::function(Dirname)
}

plugin_args! {
    /// A path without its last component. Text gives text, a path gives a path.
    pub struct DirnameArgs for "dirname" {
        /// The path.
        path: Value,
        /// The separator of the path's text; `\` reads it as Windows does.
        sep: String = "",
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct Dirname;

impl Function for Dirname {
    type Args = DirnameArgs;

    fn call(&self, args: DirnameArgs, scope: &Scope) -> Result<Value, Failure> {
        let path = scope.materialise(&args.path);
        let above = path_of(&path, style_with(&args.path_type, &args.sep)?).dirname();
        Ok(match path {
            Value::Path(_) => above.into(),
            _ => above.to_text().into(),
        })
    }
}
