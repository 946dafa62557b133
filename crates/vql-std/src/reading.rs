//! Opening files through the accessors of the program, and reading lines and wholes within bounds.

use std::io::{BufRead, BufReader, Read};

use rows::OsPath;
use vql_plugin::{Failure, ReadSeek, Scope};

/// The largest file that a parser reads whole.
pub(crate) const WHOLE_MAX_BYTES: u64 = 100 << 20;

/// Opens a file through the accessor of that name.
pub(crate) fn open(
    scope: &Scope,
    accessor: &str,
    path: &OsPath,
) -> Result<Box<dyn ReadSeek>, Failure> {
    Ok(scope.accessor(accessor)?.open(path, scope)?)
}

/// Reads a file whole, if it is not too large.
pub(crate) fn whole(scope: &Scope, accessor: &str, path: &OsPath) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut file = open(scope, accessor, path)?.take(WHOLE_MAX_BYTES + 1);
    let mut chunk = vec![0; 1 << 16];
    loop {
        scope.check()?;
        let count = file
            .read(&mut chunk)
            .map_err(|error| Failure::new(format!("cannot read `{path}`: {error}")))?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() as u64 > WHOLE_MAX_BYTES {
            let limit = WHOLE_MAX_BYTES >> 20;
            return Err(Failure::new(format!(
                "`{path}` is larger than {limit} MiB, the most that is read whole"
            )));
        }
    }
}

/// The lines of a file, without their ends. A line longer than `line_max` comes in pieces.
pub(crate) struct Lines {
    file: BufReader<Box<dyn ReadSeek>>,
    line_max: usize,
    path: String,
}

impl Lines {
    pub(crate) fn of(file: Box<dyn ReadSeek>, path: &OsPath, line_max: usize) -> Self {
        let file = BufReader::with_capacity(1 << 16, file);
        Self { file, line_max: line_max.max(1), path: path.to_string() }
    }
}

impl Iterator for Lines {
    type Item = Result<Vec<u8>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        loop {
            let available = match self.file.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Some(Err(Failure::new(format!(
                        "cannot read `{}`: {error}",
                        self.path
                    ))));
                }
            };
            if available.is_empty() {
                return if line.is_empty() { None } else { Some(Ok(line)) };
            }
            let room = (self.line_max - line.len()).min(available.len());
            if let Some(end) = available[..room].iter().position(|byte| *byte == b'\n') {
                line.extend_from_slice(&available[..end]);
                self.file.consume(end + 1);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Some(Ok(line));
            }
            line.extend_from_slice(&available[..room]);
            self.file.consume(room);
            if line.len() >= self.line_max {
                return Some(Ok(line));
            }
        }
    }
}
