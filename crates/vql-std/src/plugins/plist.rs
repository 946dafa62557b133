//! The plugin `plist`: a property list of Apple as rows.

use std::sync::Arc;

use rows::{OsPath, Row, Value};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::plugin(PlistRows)
}

plugin_args! {
    /// Reads property lists of Apple, binary or XML: a dict is a row, an array is a row for each
    /// element. Dates are moments, data are bytes.
    ///
    /// A file that cannot be read is logged.
    pub struct PlistRowsArgs for "plist" {
        /// The files.
        file: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
    }
}

struct PlistRows;

impl Plugin for PlistRows {
    type Args = PlistRowsArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: PlistRowsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let scope = scope.clone();
        let files = args.file.into_iter().flat_map(move |path| -> RowStream {
            let read = reading::whole(&scope, &args.accessor, &path)
                .and_then(|bytes| Ok(parsers::plist::parse(&bytes)?));
            match read {
                Ok(Value::Array(items)) => {
                    stream::rows((0..items.len()).map(move |at| as_row(items[at].clone())))
                }
                Ok(value) => stream::rows([as_row(value)]),
                Err(failure) => {
                    scope.log(Level::Default, &format!("plist: `{path}`: {failure}"));
                    stream::empty()
                }
            }
        });
        Ok(Box::new(files))
    }
}

/// A dict is a row; anything else is the one column of a row.
fn as_row(value: Value) -> Row {
    match value {
        Value::Dict(row) => row,
        other => Row::new().with("_value", other),
    }
}
