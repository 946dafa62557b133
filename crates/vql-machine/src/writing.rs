//! Writing rows to files while they pass through.

use std::fs::File;
use std::io::{BufWriter, Write};

use rows::{Row, Value};
use vql_plugin::{Failure, Level, Query, RowStream, Scope};

pub(crate) fn line(cells: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let cells: Vec<Vec<u8>> = cells.collect();
    let mut line = cells.join(&b","[..]);
    line.push(b'\n');
    line
}

/// Rows on their way to a file. The file is complete when the stream has ended or is dropped.
pub(crate) struct Passing<W> {
    name: &'static str,
    rows: RowStream,
    out: BufWriter<File>,
    scope: Scope,
    write: W,
    failed: bool,
}

pub(crate) fn pass_through<W>(
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
