//! The content of files, as a text or in pieces.

use std::io::SeekFrom;
use std::sync::Arc;

use rows::{OsPath, Row, Value};
use vql_plugin::{
    Catalog, Failure, Function, Level, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args,
};

pub(crate) fn catalog() -> Catalog {
    Catalog::new().function(ReadFileFunction).plugin(ReadFile)
}

/// The most that is read at once.
const PIECE_MAX_BYTES: i64 = 64 << 20;

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
        let accessor = scope.host().accessors().get(&args.accessor)?;
        let mut file = accessor.open(&args.filename, scope)?;
        if let Some(offset) = u64::try_from(args.offset).ok().filter(|offset| *offset > 0) {
            file.seek(SeekFrom::Start(offset))
                .map_err(|error| unreadable(&args.filename, &error))?;
        }
        let length = args.length.clamp(0, PIECE_MAX_BYTES);
        piece(&mut *file, length, &args.filename, scope).map(Value::text)
    }
}

fn unreadable(path: &OsPath, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot read `{path}`: {error}"))
}

/// The next `length` bytes, fewer at the end of the file.
fn piece(
    file: &mut dyn ReadSeek,
    length: i64,
    path: &OsPath,
    scope: &Scope,
) -> Result<Vec<u8>, Failure> {
    let length = usize::try_from(length).unwrap_or(0);
    let mut bytes = Vec::new();
    let mut chunk = vec![0; length.min(1 << 16)];
    while bytes.len() < length {
        scope.check()?;
        let room = (length - bytes.len()).min(chunk.len());
        match file.read(&mut chunk[..room]) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
    Ok(bytes)
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
                let accessors = scope.host().accessors();
                let opened =
                    accessors.get(&args.accessor).and_then(|accessor| accessor.open(&path, &scope));
                match opened {
                    Ok(file) => current = Some((file, path, 0)),
                    Err(error) => scope.log(Level::Default, &format!("read_file: {error}")),
                }
            }
        })))
    }
}
