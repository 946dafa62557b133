//! Writing rows to files while they pass through.

use std::fs::File;
use std::io::{BufWriter, Write};

use rows::{Name, Row, Value};
use vql_plugin::{
    Catalog, Failure, Level, Permission, Plugin, Query, RowStream, Scope, plugin_args,
};

pub(crate) fn catalog() -> Catalog {
    Catalog::new().plugin(WriteCsv).plugin(WriteJsonl)
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

fn line(cells: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let cells: Vec<Vec<u8>> = cells.collect();
    let mut line = cells.join(&b","[..]);
    line.push(b'\n');
    line
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

/// Rows on their way to a file. The file is complete when the stream has ended or is dropped.
struct Passing<W> {
    name: &'static str,
    rows: RowStream,
    out: BufWriter<File>,
    scope: Scope,
    write: W,
    failed: bool,
}

fn pass_through<W>(
    name: &'static str,
    filename: &str,
    accessor: &str,
    query: Query,
    scope: &Scope,
    write: W,
) -> Result<RowStream, Failure>
where
    W: FnMut(&Row, &mut BufWriter<File>) -> std::io::Result<()> + Send + 'static,
{
    if !matches!(accessor, "" | "auto" | "file") {
        return Err(Failure::new(format!("the accessor `{accessor}` cannot be written to")));
    }
    let file = File::create(filename)
        .map_err(|error| Failure::new(format!("cannot write `{filename}`: {error}")))?;
    let (rows, scope) = (query.rows(scope), scope.clone());
    Ok(Box::new(Passing { name, rows, out: BufWriter::new(file), scope, write, failed: false }))
}

impl<W> Passing<W> {
    fn check(&mut self, outcome: std::io::Result<()>) {
        if let Err(error) = outcome
            && !self.failed
        {
            self.failed = true;
            self.scope.log(Level::Error, &format!("{}: cannot write: {error}", self.name));
        }
    }
}

impl<W> Iterator for Passing<W>
where
    W: FnMut(&Row, &mut BufWriter<File>) -> std::io::Result<()>,
{
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let Some(row) = self.rows.next() else {
            let flushed = self.out.flush();
            self.check(flushed);
            return None;
        };
        let plain = match self.scope.materialise(&Value::Dict(row)) {
            Value::Dict(row) => row,
            _ => Row::new(),
        };
        if !self.failed {
            let written = (self.write)(&plain, &mut self.out);
            self.check(written);
        }
        Some(plain)
    }
}
