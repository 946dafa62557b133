//! The function `parse_yaml`: reads a YAML file.

use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::{json, reading};

pub(super) fn entry() -> Entry {
    Entry::function(ParseYaml)
}

plugin_args! {
    /// Reads a YAML file.
    pub struct ParseYamlArgs for "parse_yaml" {
        /// The file. With the accessor `data`, the text itself.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// Taken for compatibility; the text is not checked against it, which is logged.
        schema: Option<Value>,
    }
}

struct ParseYaml;

impl Function for ParseYaml {
    type Args = ParseYamlArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: ParseYamlArgs, scope: &Scope) -> Result<Value, Failure> {
        json::unchecked("parse_yaml", args.schema.as_ref(), scope);
        let bytes = reading::whole(scope, &args.accessor, &args.filename)?;
        let text = String::from_utf8_lossy(&bytes);
        // The library bounds aliases, depth and size on its own.
        let tree: serde_json::Value = serde_saphyr::from_str(&text)
            .map_err(|error| Failure::new(format!("`{}` is not YAML: {error}", args.filename)))?;
        Ok(rows_json::from_serde(&tree))
    }
}
