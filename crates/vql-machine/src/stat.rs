//! What is known about a file without opening it.

use rows::{OsPath, Row};
use vql_plugin::{AccessError, Failure, Scope};

use crate::file_rows;

pub(crate) fn look(path: &OsPath, accessor: &str, scope: &Scope) -> Result<Option<Row>, Failure> {
    match scope.accessor(accessor)?.stat(path, scope) {
        Ok(info) => Ok(Some(file_rows::row(&info))),
        Err(AccessError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
