//! Rows as CSV that a spreadsheet shows and does not run. Pure.
//!
//! A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay
//! numbers.

use model::results::ResultRow;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Writes the line of column names.
pub fn header(columns: &[String]) -> Vec<u8> {
    line(columns.iter().map(|column| harmless(column.clone())))
}

/// Writes one row: the value of each column, in order; nothing for columns it does not have.
pub(crate) fn row(columns: &[String], row: &ResultRow) -> Vec<u8> {
    json_row(columns, &row.json)
}

/// The same for a row that is only its JSON object.
pub fn json_row(columns: &[String], json: &str) -> Vec<u8> {
    // A row that is no object was refused when it arrived; should one be there, its cells are empty.
    let cells: HashMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    line(columns.iter().map(|column| cells.get(column).map_or_else(String::new, |raw| cell(raw))))
}

/// One line of any texts.
pub(crate) fn texts(cells: &[&str]) -> Vec<u8> {
    line(cells.iter().map(|text| harmless((*text).to_owned())))
}

fn cell(raw: &RawValue) -> String {
    let json = raw.get();
    match json.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<String>(json) {
            Ok(text) => harmless(text),
            // A lone surrogate: shown as it was written.
            Err(_) => harmless(json.to_owned()),
        },
        Some(b'n') => String::new(),
        Some(b'{' | b'[' | b't' | b'f' | b'-' | b'0'..=b'9') => json.to_owned(),
        Some(_) | None => harmless(json.to_owned()),
    }
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    let risky = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '|' | '%' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    let first = text.chars().find(|c| !matches!(c, ' ' | '\u{a0}' | '\u{feff}' | '"' | '\''));
    let starts_badly = first.is_some_and(risky) || text.starts_with(risky);
    if starts_badly && text.parse::<f64>().is_err() { format!("'{text}") } else { text }
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut any = false;
    for cell in cells {
        any = true;
        writer.write_field(cell).expect("a line in memory can be written");
    }
    if !any {
        return b"\r\n".to_vec();
    }
    writer.write_record(None::<&[u8]>).expect("a line in memory can be written");
    writer.into_inner().expect("a line in memory can be written")
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
