//! The function `xattr`: extended attributes of a file.

use std::sync::Arc;

use rows::{Dict, Name, OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Xattr(machine.clone()))
}

plugin_args! {
    /// The extended attributes of a file: a dict of names and values. A last link is not followed.
    pub struct XattrArgs for "xattr" {
        /// The file.
        filename: Arc<OsPath>,
        /// Only these attributes.
        attribute: Vec<String> = [],
        /// `file` or `auto`: only files of this machine have attributes.
        accessor: String = "",
    }
}

struct Xattr(Arc<dyn Machine>);

impl Function for Xattr {
    type Args = XattrArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: XattrArgs, _scope: &Scope) -> Result<Value, Failure> {
        if !matches!(args.accessor.as_str(), "" | "auto" | "file") {
            let accessor = &args.accessor;
            return Err(Failure::new(format!(
                "the accessor `{accessor}` has no extended attributes; only `file` has"
            )));
        }
        let found = self.0.extended_attributes(&args.filename.path_text())?;
        let wanted = |name: &String| args.attribute.is_empty() || args.attribute.contains(name);
        let found = found.into_iter().filter(|(name, _)| wanted(name));
        let dict: Dict =
            found.map(|(name, value)| (Name::from(name), Value::text(value))).collect();
        Ok(Value::Dict(dict))
    }
}
