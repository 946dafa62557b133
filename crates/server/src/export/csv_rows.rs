//! Rows as CSV that a spreadsheet shows and does not run. Pure.
//!
//! A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay
//! numbers.

use std::borrow::Cow;

use model::results::ResultRow;

/// Lines that are written one after the other.
pub(crate) struct Lines(csv::Writer<Vec<u8>>);

const IN_MEMORY: &str = "a line in memory can be written";

impl Lines {
    pub(crate) fn new() -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new()))
    }

    /// Adds a cell to the line.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.write_field(&*harmless(text.into())).expect(IN_MEMORY);
    }

    /// Adds the cells of a JSON object: the value of each column, in order; nothing for columns it does
    /// not have.
    pub(crate) fn cells(&mut self, columns: &[String], json: &str) {
        let mut cells = vec![None; columns.len()];
        let mut number = 0;
        let read = flows::query::walk(json, &mut |name, raw| {
            // Rows of one source mostly have the same columns in the same order.
            let at = match columns.get(number).is_some_and(|column| column == name) {
                true => Some(number),
                false => columns.iter().position(|column| column == name),
            };
            number += 1;
            if let Some(at) = at {
                cells[at] = Some(raw);
            }
        });
        for raw in cells {
            // A row that is no object was refused when it arrived; should one be there, its cells are
            // empty.
            let raw = raw.filter(|_| read.is_ok());
            self.0.write_field(&*raw.map_or(Cow::Borrowed(""), cell)).expect(IN_MEMORY);
        }
    }

    /// Ends a line that has cells.
    pub(crate) fn end(&mut self) {
        self.0.write_record(None::<&[u8]>).expect(IN_MEMORY);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect(IN_MEMORY)
    }
}

/// Writes the line of column names.
pub fn header(columns: &[String]) -> Vec<u8> {
    texts(&columns.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Writes one row: the value of each column, in order; nothing for columns it does not have.
pub(crate) fn row(columns: &[String], row: &ResultRow) -> Vec<u8> {
    json_row(columns, &row.json)
}

/// The same for a row that is only its JSON object.
pub fn json_row(columns: &[String], json: &str) -> Vec<u8> {
    line(columns.is_empty(), |line| line.cells(columns, json))
}

/// One line of any texts.
pub(crate) fn texts(cells: &[&str]) -> Vec<u8> {
    line(cells.is_empty(), |line| cells.iter().for_each(|text| line.text(text)))
}

fn line(is_empty: bool, fill: impl FnOnce(&mut Lines)) -> Vec<u8> {
    if is_empty {
        return b"\r\n".to_vec();
    }
    let mut line = Lines::new();
    fill(&mut line);
    line.end();
    line.finish()
}

fn cell(json: &str) -> Cow<'_, str> {
    match json.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<String>(json) {
            Ok(text) => harmless(text.into()),
            // A lone surrogate: shown as it was written.
            Err(_) => harmless(json.into()),
        },
        Some(b'n') => "".into(),
        Some(b'{' | b'[' | b't' | b'f' | b'-' | b'0'..=b'9') => json.into(),
        Some(_) | None => harmless(json.into()),
    }
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: Cow<'_, str>) -> Cow<'_, str> {
    let risky = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '|' | '%' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    let first = text.chars().find(|c| !matches!(c, ' ' | '\u{a0}' | '\u{feff}' | '"' | '\''));
    let starts_badly = first.is_some_and(risky) || text.starts_with(risky);
    if starts_badly && text.parse::<f64>().is_err() { format!("'{text}").into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ClientId, FlowId, Timestamp};

    fn shown(json: &str) -> String {
        let given = ResultRow {
            client: ClientId::from_bits(1),
            flow: FlowId::from_bits(1),
            round: None,
            source: "A".into(),
            stored: Timestamp::EPOCH,
            json: json.to_owned(),
        };
        let columns = ["a".to_owned(), "b".to_owned()];
        String::from_utf8(row(&columns, &given)).unwrap()
    }

    #[test]
    fn formulas_become_texts_and_numbers_stay_numbers() {
        let check = |json: &str, line: &str| assert_eq!(shown(json), format!("{line}\r\n"));
        check(r#"{"a":"=1+1","b":"@SUM(A1)"}"#, "'=1+1,'@SUM(A1)");
        check(r#"{"a":-5,"b":"-5"}"#, "-5,-5");
        check(r#"{"a":"-cmd|' /C calc'!A0","b":"+x"}"#, "'-cmd|' /C calc'!A0,'+x");
        check(r#"{"a":"\t=1","b":" =1"}"#, "'\t=1,' =1");
        check(r#"{"b":"x, \"y\"\nz","c":1}"#, ",\"x, \"\"y\"\"\nz\"");
        check(r#"{"a":{"x":[1]},"b":null}"#, "\"{\"\"x\"\":[1]}\",");
        check(r#"{"a":true,"b":"＝1"}"#, "true,'＝1");
    }

    #[test]
    fn a_column_name_is_no_formula_either() {
        let line = String::from_utf8(header(&["=1".into(), "Name".into()])).unwrap();
        assert_eq!(line, "'=1,Name\r\n");
        assert_eq!(header(&[]), b"\r\n");
    }
}
