//! Temporary files and directories, which go when the query ends; copying and
//! removing files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rows::Value;
use vql_plugin::{Failure, Scope};

/// What a query has made and what goes when it ends, the last first.
///
/// Not when the scope of the call ends: a path is a value, and values are passed on.
#[derive(Default)]
pub(crate) struct Made(Mutex<Vec<PathBuf>>);

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.get_mut().drain(..).rev() {
            // Whoever used a file may have removed it, and nobody is left to be told.
            let _ = match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(_) => Ok(()),
            };
        }
    }
}

pub(crate) fn remove_at_end(path: PathBuf, scope: &Scope) {
    scope.keep("temporary files", Made::default).0.lock().push(path);
}

pub(crate) fn shown(path: &Path) -> Value {
    Value::text(path.to_string_lossy().into_owned())
}

/// A temporary file with this ending and content, which goes when the query ends.
pub(crate) fn file_with(
    extension: &str,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
    scope: &Scope,
) -> Result<PathBuf, Failure> {
    if extension.contains(['/', '\\', '\0']) {
        return Err(Failure::new(format!("`{extension}` cannot be the ending of a file's name")));
    }
    let failed = |error: io::Error| Failure::new(format!("cannot make a temporary file: {error}"));
    let mut file =
        tempfile::Builder::new().prefix("vql-").suffix(extension).tempfile().map_err(failed)?;
    write(file.as_file_mut()).map_err(failed)?;
    let (_, path) = file.keep().map_err(|error| failed(error.error))?;
    remove_at_end(path.clone(), scope);
    Ok(path)
}
