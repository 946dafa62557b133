//! The plugin `parse_lines`: the lines of text files: one row with the column `Line` per line, without its end.

use std::sync::Arc;

use rows::{Dict, OsPath, Shape};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::lines::of_files;

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseLines)
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
        let columns = Shape::of(["Line"]);
        Ok(Box::new(lines.map(move |line| Dict::of_shape(&columns, [line.into()]))))
    }
}
