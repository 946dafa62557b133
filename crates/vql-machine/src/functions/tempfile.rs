//! The function `tempfile`: makes a temporary file with this content and gives its path. It is removed when the query

use std::fs;
use std::io::Write;
use std::sync::Arc;

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::temporary::{file_with, shown};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(TempFile)
}

plugin_args! {
    /// Makes a temporary file with this content and gives its path. It is removed when the query
    /// ends.
    pub struct TempFileArgs for "tempfile" {
        /// The content; several texts one after the other.
        data: Option<Vec<Text>>,
        /// How the file's name shall end, such as `.txt`.
        extension: String = "",
        /// Taken for compatibility: `x` makes the file executable.
        permissions: String = "",
        /// Taken for compatibility; files are removed in the reverse order of their making.
        remove_last: bool = false,
    }
}

struct TempFile;

impl Function for TempFile {
    type Args = TempFileArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn call(&self, args: TempFileArgs, scope: &Scope) -> Result<Value, Failure> {
        let write = |file: &mut fs::File| {
            for text in args.data.iter().flatten() {
                file.write_all(text)?;
            }
            Ok(())
        };
        let path = file_with(&args.extension, write, scope)?;
        if args.permissions.contains('x') {
            crate::os::make_executable(&path).map_err(|error| {
                Failure::new(format!("cannot make `{}` executable: {error}", path.display()))
            })?;
        }
        Ok(shown(&path))
    }
}
