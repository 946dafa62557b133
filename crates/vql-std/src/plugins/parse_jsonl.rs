//! The plugin `parse_jsonl`: reads a file with one JSON object per line: one row per line.

use std::sync::Arc;

use rows::OsPath;
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseJsonl)
}

plugin_args! {
    /// Reads a file with one JSON object per line: one row per line.
    ///
    /// A line that is no JSON object is logged and skipped.
    pub struct ParseJsonlArgs for "parse_jsonl" {
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
    }
}

struct ParseJsonl;

const LINE_MAX_BYTES: usize = 16 << 20;

impl Plugin for ParseJsonl {
    type Args = ParseJsonlArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseJsonlArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let file = reading::open(scope, &args.accessor, &args.filename)?;
        let lines = reading::Lines::of(file, &args.filename, LINE_MAX_BYTES);
        let log = scope.clone();
        let path = args.filename.to_string();
        let rows = lines.zip(1u64..).filter_map(move |(line, number)| {
            let line = match line {
                Ok(line) => line,
                Err(failure) => return Some(Err(failure)),
            };
            if line.trim_ascii().is_empty() {
                return None;
            }
            match rows_json::row_from_json(&line) {
                Ok(row) => Some(Ok(row)),
                Err(error) => {
                    let text = format!("parse_jsonl: line {number} of `{path}`: {error}");
                    log.log(Level::Default, &text);
                    None
                }
            }
        });
        Ok(stream::fallible("parse_jsonl", scope, rows))
    }
}
