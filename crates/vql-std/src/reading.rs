//! Opening files through the accessors of the program, and reading lines and wholes within bounds.

use std::io::Read;

use rows::{OsPath, Text};
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
    file: Box<dyn ReadSeek>,
    line_max: usize,
    path: String,
    buffer: Vec<u8>,
    /// What of the buffer has been read and not been taken.
    start: usize,
    end: usize,
    at_end: bool,
    /// The last one was a piece, so an end of the line that follows at once is no line of its own.
    was_piece: bool,
}

/// How much of a file is read at once.
const BUFFER_BYTES: usize = 256 << 10;

impl Lines {
    pub(crate) fn of(file: Box<dyn ReadSeek>, path: &OsPath, line_max: usize) -> Self {
        Self {
            file,
            line_max: line_max.max(1),
            path: path.to_string(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            at_end: false,
            was_piece: false,
        }
    }

    /// Reads more behind what is there.
    fn fill(&mut self) -> Result<(), Failure> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < BUFFER_BYTES / 2 {
            let length = (self.buffer.len() * 2).max(BUFFER_BYTES);
            self.buffer.resize(length.min(self.line_max.saturating_add(BUFFER_BYTES)), 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.at_end = true;
                    return Err(Failure::new(format!("cannot read `{}`: {error}", self.path)));
                }
            }
            return Ok(());
        }
    }

    /// Takes so many bytes, and passes over `skipped` behind them.
    fn take(&mut self, length: usize, skipped: usize) -> Text {
        let mut line = &self.buffer[self.start..self.start + length];
        if skipped > 0 {
            line = line.strip_suffix(b"\r").unwrap_or(line);
        }
        let text = Text::from(line);
        self.start += length + skipped;
        text
    }
}

impl Iterator for Lines {
    type Item = Result<Text, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        // What has been searched for the end of the line.
        let mut searched = 0;
        loop {
            let rest = &self.buffer[self.start..self.end];
            match memchr::memchr(b'\n', &rest[searched..]).map(|at| at + searched) {
                Some(length) if length <= self.line_max => {
                    let line = self.take(length, 1);
                    if std::mem::take(&mut self.was_piece) && line.is_empty() {
                        searched = 0;
                        continue;
                    }
                    return Some(Ok(line));
                }
                _ if rest.len() >= self.line_max => {
                    self.was_piece = true;
                    return Some(Ok(self.take(self.line_max, 0)));
                }
                _ => {}
            }
            searched = rest.len();
            if self.at_end {
                return (searched > 0).then(|| Ok(self.take(searched, 0)));
            }
            if let Err(failure) = self.fill() {
                return Some(Err(failure));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use rows::PathStyle;

    use super::*;

    /// Gives at most a few bytes at once.
    struct Slow(Cursor<Vec<u8>>, usize);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    impl std::io::Seek for Slow {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn lines(text: &str, line_max: usize, step: usize) -> Vec<String> {
        let file = Box::new(Slow(Cursor::new(text.as_bytes().to_vec()), step));
        let lines = Lines::of(file, &OsPath::parse(PathStyle::Unix, b"/x"), line_max);
        lines.map(|line| line.unwrap().to_string()).collect()
    }

    #[test]
    fn lines_end_at_their_ends_and_long_ones_come_in_pieces() {
        let check = |text: &str, line_max: usize, wanted: &[&str]| {
            assert_eq!(lines(text, line_max, 3), wanted, "{text:?}");
        };
        check("a\r\nb\n\nc", 10, &["a", "b", "", "c"]);
        check("abcdef\ngh", 3, &["abc", "def", "gh"]);
        check("abcdefg\n", 3, &["abc", "def", "g"]);
        check("abc", 3, &["abc"]);
        check("", 3, &[]);
        check("\n", 3, &[""]);
        check("a\r", 3, &["a\r"]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_a_file_is_read(text in "[ab\r\n]{0,40}", step in 1usize..9) {
            let wanted: Vec<String> = text
                .split_terminator('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
                .collect();
            let mut found = lines(&text, 100, step);
            // Behind the last end of a line a carriage return is a letter like any other.
            if !text.ends_with('\n') && text.ends_with('\r') {
                let last = found.pop().unwrap();
                found.push(last.strip_suffix('\r').unwrap().to_owned());
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
