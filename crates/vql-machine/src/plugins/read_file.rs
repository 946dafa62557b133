//! The plugin `read_file`: reads files in pieces of the same size: rows with `Data`, `Offset` and `Filename`.

use std::sync::Arc;

use rows::{OsPath, Row};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args,
};

use crate::Machine;
use crate::read_file::{PIECE_MAX_BYTES, piece};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(ReadFile)
}

plugin_args! {
    /// Reads files in pieces of the same size: rows with `Data`, `Offset` and `Filename`.
    pub struct ReadFileArgs for "read_file" {
        /// The size of a piece, in bytes.
        chunk: i64 = 1_048_576,
        /// How many bytes of each file at most; 0 is no limit.
        max_length: i64 = 0,
        /// The files.
        filenames: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
    }
}

struct ReadFile;

impl Plugin for ReadFile {
    type Args = ReadFileArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ReadFileArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let chunk = args.chunk.clamp(1, PIECE_MAX_BYTES);
        let most = if args.max_length > 0 { args.max_length } else { i64::MAX };
        let scope = scope.clone();
        let mut files = args.filenames.into_iter();
        let mut current: Option<(Box<dyn ReadSeek>, Arc<OsPath>, i64)> = None;
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some((file, path, at)) = &mut current {
                    let read = piece(&mut **file, chunk.min(most - *at), path, &scope);
                    match read {
                        Ok(bytes) if !bytes.is_empty() => {
                            let offset = *at;
                            *at += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
                            let row = Row::new().with("Data", bytes).with("Offset", offset);
                            return Some(row.with("Filename", path.clone()));
                        }
                        Ok(_) => {}
                        Err(failure) => scope.log(Level::Default, &format!("read_file: {failure}")),
                    }
                    current = None;
                }
                if scope.stopped() {
                    return None;
                }
                let path = files.next()?;
                let opened = scope
                    .accessor(&args.accessor)
                    .and_then(|accessor| accessor.open(&path, &scope));
                match opened {
                    Ok(file) => current = Some((file, path, 0)),
                    Err(error) => scope.log(Level::Default, &format!("read_file: {error}")),
                }
            }
        })))
    }
}
