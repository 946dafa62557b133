//! The function `plist`: a property list of Apple as a value.

use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::function(Plist)
}

plugin_args! {
    /// Reads a property list of Apple, binary or XML. Dates are moments, data are bytes.
    ///
    /// Archives of objects (`NSKeyedArchiver`) are left as they are: a reference is a dict with
    /// the key `CF$UID`.
    pub struct PlistArgs for "plist" {
        /// The file. With the accessor `data`, the bytes themselves.
        file: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
    }
}

struct Plist;

impl Function for Plist {
    type Args = PlistArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: PlistArgs, scope: &Scope) -> Result<Value, Failure> {
        let bytes = reading::whole(scope, &args.accessor, &args.file)?;
        parsers::plist::parse(&bytes)
            .map_err(|error| Failure::new(format!("`{}`: {error}", shown(&args.file))))
    }
}

/// The path, shortened: with the accessor `data` it is the content.
pub(crate) fn shown(path: &OsPath) -> String {
    let text = path.to_string();
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
