//! The function `read_file`: reads a file, or a part of it, into a text.

use std::io::SeekFrom;
use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::read_file::{PIECE_MAX_BYTES, piece, unreadable};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(ReadFileFunction)
}

plugin_args! {
    /// Reads a file, or a part of it, into a text.
    pub struct ReadFileFunctionArgs for "read_file" {
        /// How many bytes at most.
        length: i64 = 4_194_304,
        /// Where to start.
        offset: i64 = 0,
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
    }
}

struct ReadFileFunction;

impl Function for ReadFileFunction {
    type Args = ReadFileFunctionArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: ReadFileFunctionArgs, scope: &Scope) -> Result<Value, Failure> {
        let accessor = scope.accessor(&args.accessor)?;
        let mut file = accessor.open(&args.filename, scope)?;
        if let Some(offset) = u64::try_from(args.offset).ok().filter(|offset| *offset > 0) {
            file.seek(SeekFrom::Start(offset))
                .map_err(|error| unreadable(&args.filename, &error))?;
        }
        let length = args.length.clamp(0, PIECE_MAX_BYTES);
        piece(&mut *file, length, &args.filename, scope).map(Value::text)
    }
}
