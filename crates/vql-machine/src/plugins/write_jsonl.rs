//! The plugin `write_jsonl`: writes the rows of a query to a file, one JSON object per line, and yields them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use rows::Row;
use vql_plugin::{Entry, Failure, Permission, Plugin, Query, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::writing::pass_through;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WriteJsonl)
}

plugin_args! {
    /// Writes the rows of a query to a file, one JSON object per line, and yields them.
    pub struct WriteJsonlArgs for "write_jsonl" {
        /// The file on the disk of this machine.
        filename: String,
        /// Only files of the machine can be written: empty, `auto` or `file`.
        accessor: String = "",
        /// The rows.
        query: Query,
    }
}

struct WriteJsonl;

impl Plugin for WriteJsonl {
    type Args = WriteJsonlArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn rows(&self, args: WriteJsonlArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let write = |row: &Row, out: &mut BufWriter<File>| -> std::io::Result<()> {
            out.write_all(rows_json::row_to_json(row).as_bytes())?;
            out.write_all(b"\n")
        };
        pass_through("write_jsonl", &args.filename, &args.accessor, args.query, scope, write)
    }
}
