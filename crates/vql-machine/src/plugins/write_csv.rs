//! The plugin `write_csv`: writes the rows of a query to a file as comma-separated values, and yields them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use rows::{Name, Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, Query, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::writing::{line, pass_through};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WriteCsv)
}

plugin_args! {
    /// Writes the rows of a query to a file as comma-separated values, and yields them.
    ///
    /// The columns are those of the first row.
    pub struct WriteCsvArgs for "write_csv" {
        /// The file on the disk of this machine.
        filename: String,
        /// Only files of the machine can be written: empty, `auto` or `file`.
        accessor: String = "",
        /// The rows.
        query: Query,
    }
}

struct WriteCsv;

impl Plugin for WriteCsv {
    type Args = WriteCsvArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn rows(&self, args: WriteCsvArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let mut columns: Vec<Name> = Vec::new();
        let write = move |row: &Row, out: &mut BufWriter<File>| -> std::io::Result<()> {
            if columns.is_empty() {
                columns = row.keys().cloned().collect();
                let names = columns.iter().map(|name| cell(name.as_bytes()));
                out.write_all(&line(names))?;
            }
            let cells = columns.iter().map(|name| match row.get(name) {
                None | Some(Value::Null) => Vec::new(),
                Some(value) => cell(&value.to_text()),
            });
            out.write_all(&line(cells))
        };
        pass_through("write_csv", &args.filename, &args.accessor, args.query, scope, write)
    }
}

/// A cell, quoted where it must be.
fn cell(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        return text.to_vec();
    }
    let mut quoted = vec![b'"'];
    for byte in text {
        if *byte == b'"' {
            quoted.push(b'"');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    quoted
}
