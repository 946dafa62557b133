//! The function `path_join`: joins components to the text of a path. Separators inside a component separate.

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::paths::{path_of, style_with};

pub(super) fn entry() -> Entry {
    Entry::function(PathJoin)
}

plugin_args! {
    /// Joins components to the text of a path. Separators inside a component separate.
    pub struct PathJoinArgs for "path_join" {
        /// The components.
        components: Vec<Value>,
        /// The separator; `\` writes as Windows does.
        sep: String = "",
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct PathJoin;

impl Function for PathJoin {
    type Args = PathJoinArgs;

    fn call(&self, args: PathJoinArgs, scope: &Scope) -> Result<Value, Failure> {
        let style = style_with(&args.path_type, &args.sep)?;
        let mut parts = args.components.iter().map(|part| scope.materialise(part));
        let first = parts.next().map_or_else(|| OsPath::parse(style, b""), |p| path_of(&p, style));
        let joined = parts.fold(first, |path, part| match &part {
            Value::Path(more) => path.join(more.components().to_vec()),
            other => path.join_text(&other.to_text()),
        });
        Ok(joined.to_text().into())
    }
}
