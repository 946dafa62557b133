//! Text files by lines.

use std::sync::Arc;

use rows::{Dict, OsPath};
use vql_plugin::{Catalog, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::reading;

pub(crate) fn catalog() -> Catalog {
    Catalog::new().plugin(ParseLines)
}

plugin_args! {
    /// The lines of text files: one row with the column `Line` per line, without its end.
    ///
    /// A line longer than `buffer_size` comes in pieces, one row each.
    pub struct ParseLinesArgs for "parse_lines" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// The longest line in one row, in bytes.
        buffer_size: i64 = 1_048_576,
    }
}

struct ParseLines;

impl Plugin for ParseLines {
    type Args = ParseLinesArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseLinesArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let lines = of_files("parse_lines", scope, args.filename, args.accessor, args.buffer_size);
        Ok(Box::new(lines.map(|line| Dict::new().with("Line", line))))
    }
}

/// The lines of several files, one after the other. A file that cannot be read is logged and
/// does not keep the others from being read.
pub(crate) fn of_files(
    name: &'static str,
    scope: &Scope,
    files: Vec<Arc<OsPath>>,
    accessor: String,
    line_max: i64,
) -> impl Iterator<Item = Vec<u8>> + Send + 'static + use<> {
    let scope = scope.clone();
    let line_max = usize::try_from(line_max.clamp(64, 64 << 20)).unwrap_or(1 << 20);
    files.into_iter().flat_map(move |path| {
        let opened = reading::open(&scope, &accessor, &path);
        let lines: Box<dyn Iterator<Item = Result<Vec<u8>, Failure>> + Send> = match opened {
            Ok(file) => Box::new(reading::Lines::of(file, &path, line_max)),
            Err(failure) => Box::new(std::iter::once(Err(failure))),
        };
        readable(name, &scope, lines)
    })
}

/// What can be read; a failure is logged and ends the file.
fn readable(
    name: &'static str,
    scope: &Scope,
    mut lines: Box<dyn Iterator<Item = Result<Vec<u8>, Failure>> + Send>,
) -> impl Iterator<Item = Vec<u8>> + Send + 'static + use<> {
    let scope = scope.clone();
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed || scope.stopped() {
            return None;
        }
        match lines.next()? {
            Ok(line) => Some(line),
            Err(failure) => {
                scope.log(Level::Default, &format!("{name}: {failure}"));
                failed = true;
                None
            }
        }
    })
}
