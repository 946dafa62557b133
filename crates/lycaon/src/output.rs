//! How records are printed: a table for a person, JSON, JSON lines or CSV for a program.
//!
//! # Invariants
//!
//! - What a client says is shown, never obeyed: control characters do not reach a terminal, and a
//!   CSV cell never begins as a formula.
//! - JSON lines are written as they come; a table looks at the first rows to choose its widths.
//!
//! # Not here
//!
//! Progress and notes for a person: they go to stderr, from whoever has something to say.

use std::io::{BufWriter, IsTerminal, Stdout, Write};

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::complaint::Outcome;

/// One record: columns in order.
pub(crate) type Record = Map<String, Value>;

/// `--format`, for every command that prints records.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct OutputArgs {
    /// How to print records [default: table on a terminal, jsonl otherwise]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns that fit the terminal
    Table,
    /// One JSON list
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

impl OutputArgs {
    /// The format that was asked for, or the one that fits where the output goes.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(if std::io::stdout().is_terminal() {
            Format::Table
        } else {
            Format::Jsonl
        })
    }

    /// A table, whatever the output is: for what only a person reads.
    pub(crate) fn table() -> Self {
        Self { format: Some(Format::Table) }
    }

    /// Whether records become a table.
    pub(crate) fn is_table(&self) -> bool {
        self.format() == Format::Table
    }

    /// Begins a list of records. `columns` come first and in this order; records may have more.
    pub(crate) fn records(&self, columns: &[&str]) -> Records {
        Records::new(self.format(), columns, BufWriter::new(std::io::stdout()))
    }

    /// Prints one record: in a table its fields stand below one another.
    pub(crate) fn one(&self, record: Record) -> Outcome {
        let mut out = BufWriter::new(std::io::stdout());
        match self.format() {
            Format::Table => {
                let width = record.keys().map(|key| key.chars().count()).max().unwrap_or(0);
                for (key, value) in &record {
                    let text = indented(&plain(value), width + 2);
                    writeln!(out, "{:width$}  {text}", clean(key))?;
                }
            }
            Format::Json => writeln!(out, "{:#}", Value::Object(record))?,
            Format::Jsonl => writeln!(out, "{}", Value::Object(record))?,
            Format::Csv => {
                let mut records = Records::new(Format::Csv, &[], out);
                records.push(record)?;
                return records.finish();
            }
        }
        Ok(out.flush()?)
    }
}

/// A serialisable thing as a record.
pub(crate) fn record_of(thing: &impl serde::Serialize) -> Record {
    match serde_json::to_value(thing) {
        Ok(Value::Object(record)) => record,
        Ok(other) => Map::from_iter([("value".to_owned(), other)]),
        // The types of the API have string keys and finite numbers, so this cannot be met.
        Err(_) => Map::new(),
    }
}

/// So many rows decide how wide a table's columns are.
const ROWS_TO_MEASURE: usize = 200;
/// A table's column is never wider than this while others want room.
const COLUMN_WIDTH_MAX: usize = 60;

/// A list of records on its way out.
pub(crate) struct Records<W: Write = BufWriter<Stdout>> {
    format: Format,
    columns: Vec<String>,
    /// So many columns from the left are never left out of a table. Zero: none is.
    kept: usize,
    left_out: Vec<String>,
    held: Vec<Record>,
    widths: Vec<usize>,
    written: usize,
    out: W,
}

impl<W: Write> Records<W> {
    fn new(format: Format, columns: &[&str], out: W) -> Self {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let (kept, left_out, held, widths) = (columns.len(), vec![], vec![], vec![]);
        Self { format, columns, kept, left_out, held, widths, written: 0, out }
    }

    /// One more record.
    pub(crate) fn push(&mut self, record: Record) -> Outcome {
        match self.format {
            Format::Jsonl => writeln!(self.out, "{}", Value::Object(record))?,
            Format::Json => {
                let before = if self.written == 0 { "[\n" } else { ",\n" };
                write!(self.out, "{before}{}", Value::Object(record))?;
            }
            Format::Table if !self.widths.is_empty() => self.table_line(&record)?,
            Format::Table | Format::Csv => {
                self.learn_columns(&record);
                self.held.push(record);
                if self.format == Format::Table && self.held.len() >= ROWS_TO_MEASURE {
                    self.begin_table()?;
                }
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Shows what there is, although more will come. A table's columns are those of now.
    pub(crate) fn flush(&mut self) -> Outcome {
        if self.format == Format::Table && self.widths.is_empty() && self.written > 0 {
            self.begin_table()?;
        }
        Ok(self.out.flush()?)
    }

    /// Writes what is still held.
    pub(crate) fn finish(mut self) -> Outcome {
        match self.format {
            Format::Jsonl => {}
            Format::Json if self.written == 0 => writeln!(self.out, "[]")?,
            Format::Json => writeln!(self.out, "\n]")?,
            Format::Table if self.widths.is_empty() && self.written > 0 => self.begin_table()?,
            Format::Table => {}
            Format::Csv => self.write_csv()?,
        }
        if !self.left_out.is_empty() {
            let names = self.left_out.join(", ");
            writeln!(self.out, "(no room for: {names}; `--format json` has them)")?;
        }
        Ok(self.out.flush()?)
    }

    fn learn_columns(&mut self, record: &Record) {
        for key in record.keys() {
            if !self.columns.contains(key) {
                self.columns.push(key.clone());
            }
        }
    }

    fn begin_table(&mut self) -> Outcome {
        let room = terminal_width();
        self.left_out = leave_out(&mut self.columns, self.kept, &self.held, room);
        self.widths = widths(&self.columns, &self.held, room);
        let header: Record =
            self.columns.iter().map(|name| (name.clone(), Value::String(name.clone()))).collect();
        self.table_line(&header)?;
        let rule: Vec<String> = self.widths.iter().map(|width| "─".repeat(*width)).collect();
        writeln!(self.out, "{}", rule.join("  "))?;
        for record in std::mem::take(&mut self.held) {
            self.table_line(&record)?;
        }
        Ok(())
    }

    fn table_line(&mut self, record: &Record) -> Outcome {
        let cells: Vec<String> = self
            .columns
            .iter()
            .zip(&self.widths)
            .map(|(column, width)| {
                let value = record.get(column).unwrap_or(&Value::Null);
                let text = cut_in_the_middle(&one_line(&plain(value)), *width);
                let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
                if value.is_number() {
                    format!("{blanks}{text}")
                } else {
                    format!("{text}{blanks}")
                }
            })
            .collect();
        writeln!(self.out, "{}", cells.join("  ").trim_end())?;
        Ok(())
    }

    fn write_csv(&mut self) -> Outcome {
        let wrong = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => crate::complaint::Complaint::failed(format!("cannot write CSV: {other:?}")),
        };
        let mut writer = csv::Writer::from_writer(&mut self.out);
        if !self.columns.is_empty() {
            writer.write_record(&self.columns).map_err(wrong)?;
        }
        for record in &self.held {
            let cells = self.columns.iter().map(|name| csv_cell(record.get(name)));
            writer.write_record(cells).map_err(wrong)?;
        }
        Ok(writer.flush()?)
    }
}

/// Takes columns from the right until the others have room, but not the first `kept`.
fn leave_out(columns: &mut Vec<String>, kept: usize, rows: &[Record], room: usize) -> Vec<String> {
    let mut wanted: Vec<usize> =
        columns.iter().map(|column| wanted(column, rows).min(COLUMN_WIDTH_MAX)).collect();
    let mut left_out = Vec::new();
    while kept > 0
        && columns.len() > kept
        && wanted.iter().map(|want| want + 2).sum::<usize>() > room + 2
    {
        wanted.pop();
        left_out.extend(columns.pop());
    }
    left_out.reverse();
    left_out
}

/// How wide a column would like to be.
fn wanted(column: &str, rows: &[Record]) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column));
    let widest = cells.map(|value| one_line(&plain(value)).chars().count()).max().unwrap_or(0);
    widest.max(column.chars().count())
}

/// An id is copied into the next command: half of it is of no use.
fn holds_ids(column: &str, rows: &[Record]) -> bool {
    let is_id = |value: &Value| {
        value.as_str().and_then(|text| text.split_once('.')).is_some_and(|(kind, digits)| {
            kind.len() == 1 && digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    let mut cells = rows.iter().filter_map(|row| row.get(column)).filter(|value| !value.is_null());
    cells.next().is_some_and(is_id)
}

/// How wide each column is: as its content wants, less where the terminal has no room. Ids stay
/// whole.
fn widths(columns: &[String], rows: &[Record], room: usize) -> Vec<usize> {
    let wanted: Vec<(usize, bool)> =
        columns.iter().map(|column| (wanted(column, rows), holds_ids(column, rows))).collect();
    let given = |limit: usize| {
        wanted.iter().map(move |(want, whole)| if *whole { *want } else { *want.min(&limit) })
    };
    let mut limit = wanted.iter().map(|(want, _)| *want).max().unwrap_or(0);
    let gaps = 2 * columns.len().saturating_sub(1);
    while limit > 8 && given(limit).sum::<usize>() + gaps > room {
        limit -= if limit > COLUMN_WIDTH_MAX { limit - COLUMN_WIDTH_MAX } else { 1 };
    }
    given(limit).collect()
}

fn terminal_width() -> usize {
    if !std::io::stdout().is_terminal() {
        return 200;
    }
    crossterm::terminal::size().map_or(120, |(columns, _)| usize::from(columns).max(40))
}

/// A value as people read it: text without quotes, nothing for null, JSON for what is nested.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean(text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => clean(&other.to_string()),
    }
}

/// Without the characters that a terminal would obey; line ends stay.
pub(crate) fn clean(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { '·' } else { c }).collect()
}

fn one_line(text: &str) -> String {
    text.trim_end().replace('\n', "⏎")
}

fn indented(text: &str, by: usize) -> String {
    text.trim_end().replace('\n', &format!("\n{}", " ".repeat(by)))
}

fn cut_in_the_middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let head = width.saturating_sub(1).div_ceil(2);
    let tail = width.saturating_sub(1) - head;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

/// A cell that no spreadsheet takes for a formula.
fn csv_cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return other.to_string(),
    };
    let formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    if formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(format: Format, rows: &[Value]) -> String {
        let mut out = Vec::new();
        let mut records = Records::new(format, &["Name"], &mut out);
        for row in rows {
            records.push(row.as_object().unwrap().clone()).unwrap();
        }
        records.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_shows_every_column_that_any_row_has() {
        let rows =
            [json!({"Name": "a", "Size": 7}), json!({"Name": "long one", "Tags": ["x", "y"]})];
        assert_eq!(
            printed(Format::Table, &rows),
            "Name      Size  Tags\n────────  ────  ────\na            7\nlong one        x, y\n"
        );
    }

    #[test]
    fn programs_get_json_and_csv() {
        let rows = [json!({"Name": "a"}), json!({"Name": "b", "N": {"x": 1}})];
        assert_eq!(
            printed(Format::Jsonl, &rows),
            "{\"Name\":\"a\"}\n{\"Name\":\"b\",\"N\":{\"x\":1}}\n"
        );
        assert_eq!(
            printed(Format::Json, &rows),
            "[\n{\"Name\":\"a\"},\n{\"Name\":\"b\",\"N\":{\"x\":1}}\n]\n"
        );
        assert_eq!(printed(Format::Csv, &rows), "Name,N\na,\nb,\"{\"\"x\"\":1}\"\n");
    }

    #[test]
    fn nothing_is_an_empty_list() {
        assert_eq!(printed(Format::Json, &[]), "[]\n");
        assert_eq!(printed(Format::Jsonl, &[]), "");
        assert_eq!(printed(Format::Table, &[]), "");
        assert_eq!(printed(Format::Csv, &[]), "Name\n");
    }

    #[test]
    fn what_a_client_says_is_not_obeyed() {
        assert_eq!(plain(&json!("a\u{1b}[2Jb\u{202e}")), "a·[2Jb·");
        assert_eq!(csv_cell(Some(&json!("=cmd()"))), "'=cmd()");
        assert_eq!(csv_cell(Some(&json!("-5"))), "-5");
        assert_eq!(csv_cell(Some(&json!(-5))), "-5");
    }

    #[test]
    fn a_narrow_terminal_cuts_long_cells_in_the_middle() {
        let columns = ["A".to_owned(), "B".to_owned()];
        let rows = [json!({"A": "x".repeat(100), "B": "short"}).as_object().unwrap().clone()];
        assert_eq!(widths(&columns, &rows, 40), [33, 5]);
        assert_eq!(cut_in_the_middle("abcdefghij", 5), "ab…ij");
    }
    #[test]
    fn a_narrow_terminal_keeps_ids_whole_and_leaves_out_the_last_columns() {
        let id = format!("H.{}", "0".repeat(32));
        let rows = [json!({"id": id, "name": "n".repeat(30), "created": "2026-01-01T00:00:00Z"})
            .as_object()
            .unwrap()
            .clone()];
        let mut columns: Vec<String> = rows[0].keys().cloned().collect();
        assert_eq!(leave_out(&mut columns.clone(), 2, &rows, 200), [""; 0]);
        assert_eq!(leave_out(&mut columns, 2, &rows, 80), ["created"]);
        assert_eq!(widths(&columns, &rows, 50), [34, 14]);
    }
}
