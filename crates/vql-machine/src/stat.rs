//! What is known about a file without opening it.

use std::sync::Arc;

use rows::{OsPath, Row, Value};
use vql_plugin::{
    AccessError, Catalog, Failure, Function, Level, Permission, Plugin, RowStream, Scope,
    plugin_args, stream,
};

use crate::file_rows;

pub(crate) fn catalog() -> Catalog {
    Catalog::new().plugin(Stat).function(StatFunction)
}

plugin_args! {
    /// What is known about files: one row each, as `glob()` gives it. A file that does not exist
    /// has no row.
    pub struct StatArgs for "stat" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are reached through.
        accessor: String = "",
    }
}

struct Stat;

impl Plugin for Stat {
    type Args = StatArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: StatArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let scope = scope.clone();
        let accessor = args.accessor;
        Ok(stream::rows(args.filename.into_iter().filter_map(move |path| {
            look(&path, &accessor, &scope).unwrap_or_else(|failure| {
                scope.log(Level::Default, &format!("stat: {failure}"));
                None
            })
        })))
    }
}

fn look(path: &OsPath, accessor: &str, scope: &Scope) -> Result<Option<Row>, Failure> {
    match scope.host().accessors().get(accessor)?.stat(path, scope) {
        Ok(info) => Ok(Some(file_rows::row(&info))),
        Err(AccessError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

plugin_args! {
    /// What is known about a file, as a dict; NULL when it does not exist.
    pub struct StatFunctionArgs for "stat" {
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is reached through.
        accessor: String = "",
    }
}

struct StatFunction;

impl Function for StatFunction {
    type Args = StatFunctionArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: StatFunctionArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(look(&args.filename, &args.accessor, scope)?.into())
    }
}
