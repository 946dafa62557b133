//! The content of files, as a text or in pieces.

use rows::OsPath;
use vql_plugin::{Failure, ReadSeek, Scope};

/// The most that is read at once.
pub(crate) const PIECE_MAX_BYTES: i64 = 64 << 20;

pub(crate) fn unreadable(path: &OsPath, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot read `{path}`: {error}"))
}

/// The next `length` bytes, fewer at the end of the file.
pub(crate) fn piece(
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
