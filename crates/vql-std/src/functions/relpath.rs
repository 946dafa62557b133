//! The function `relpath`: the way from one path to another below it; the path itself when it is not below.

use std::sync::Arc;

use rows::{PathStyle, Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::paths::{path_of, style_with};

pub(super) fn entry() -> Entry {
    Entry::function(RelPath)
}

plugin_args! {
    /// The way from one path to another below it; the path itself when it is not below.
    pub struct RelPathArgs for "relpath" {
        /// The path.
        path: Value,
        /// Where to start.
        base: Value,
        /// The separator; `\` reads and writes as Windows does.
        sep: String = "",
    }
}

struct RelPath;

impl Function for RelPath {
    type Args = RelPathArgs;

    fn call(&self, args: RelPathArgs, scope: &Scope) -> Result<Value, Failure> {
        let style = style_with("", &args.sep)?;
        let path = path_of(&scope.materialise(&args.path), style);
        let base = path_of(&scope.materialise(&args.base), style);
        Ok(match path.components().strip_prefix(base.components()) {
            Some(rest) => {
                let sep: &[u8] = if style == PathStyle::Windows { b"\\" } else { b"/" };
                let parts: Vec<&[u8]> = rest.iter().map(Text::as_bytes).collect();
                Value::text(parts.join(sep))
            }
            None => Value::Text(Arc::new(path).to_text()),
        })
    }
}
