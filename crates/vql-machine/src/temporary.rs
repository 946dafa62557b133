//! Temporary files and directories, which go when the query ends; copying and
//! removing files.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rows::{OsPath, Text, Value};
use vql_plugin::{Catalog, Failure, Function, Permission, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new().function(TempFile).function(TempDir).function(Rm).function(Copy)
}

/// What a query has made and what goes when it ends, the last first.
///
/// Not when the scope of the call ends: a path is a value, and values are passed on.
#[derive(Default)]
struct Made(Mutex<Vec<PathBuf>>);

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

fn remove_at_end(path: PathBuf, scope: &Scope) {
    scope.keep("temporary files", Made::default).0.lock().push(path);
}

fn shown(path: &Path) -> Value {
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

plugin_args! {
    /// Makes a temporary directory and gives its path. It is removed, with all that is in it, when
    /// the query ends.
    pub struct TempDirArgs for "tempdir" {
        /// Taken for compatibility; directories are removed in the reverse order of their making.
        remove_last: bool = false,
    }
}

struct TempDir;

impl Function for TempDir {
    type Args = TempDirArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn call(&self, _args: TempDirArgs, scope: &Scope) -> Result<Value, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("vql-")
            .tempdir()
            .map_err(|error| Failure::new(format!("cannot make a temporary directory: {error}")))?;
        let path = directory.keep();
        remove_at_end(path.clone(), scope);
        Ok(shown(&path))
    }
}

plugin_args! {
    /// Removes a file. Gives TRUE when it is gone.
    pub struct RmArgs for "rm" {
        /// The file.
        filename: String,
    }
}

struct Rm;

impl Function for Rm {
    type Args = RmArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn call(&self, args: RmArgs, _scope: &Scope) -> Result<Value, Failure> {
        fs::remove_file(&args.filename)
            .map_err(|error| Failure::new(format!("cannot remove `{}`: {error}", args.filename)))?;
        Ok(Value::Bool(true))
    }
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
        let accessor = scope.host().accessors().get(&args.accessor)?;
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
