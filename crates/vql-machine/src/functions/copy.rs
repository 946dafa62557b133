//! The function `copy`: copies a file to the disk and gives the path of the copy.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Copy)
}

plugin_args! {
    /// Copies a file to the disk and gives the path of the copy.
    pub struct CopyArgs for "copy" {
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// Where the copy goes.
        dest: String,
        /// Taken for compatibility: `x` makes the copy executable.
        permissions: String = "",
        /// Taken for compatibility; directories are made with the usual permissions.
        dir_permissions: String = "",
        /// Add to the end of what is there.
        append: bool = false,
        /// Make the directories that are missing.
        create_directories: bool = false,
    }
}

struct Copy;

impl Function for Copy {
    type Args = CopyArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead, Permission::FilesystemWrite];

    fn call(&self, args: CopyArgs, scope: &Scope) -> Result<Value, Failure> {
        use std::io::Read;
        let accessor = scope.accessor(&args.accessor)?;
        let mut source = accessor.open(&args.filename, scope)?;
        let dest = Path::new(&args.dest);
        let failed =
            |error: io::Error| Failure::new(format!("cannot write `{}`: {error}", args.dest));
        if args.create_directories
            && let Some(parent) = dest.parent()
        {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut target = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .append(args.append)
            .truncate(!args.append)
            .open(dest)
            .map_err(failed)?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            scope.check()?;
            let count = source.read(&mut chunk).map_err(|error| {
                Failure::new(format!("cannot read `{}`: {error}", args.filename))
            })?;
            if count == 0 {
                break;
            }
            target.write_all(&chunk[..count]).map_err(failed)?;
        }
        if args.permissions.contains('x') {
            crate::os::make_executable(dest).map_err(failed)?;
        }
        Ok(Value::text(args.dest))
    }
}
