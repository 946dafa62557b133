//! The plugin `parse_csv`: the rows of comma-separated text.

use std::sync::Arc;

use rows::{Name, OsPath, Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{numbers, reading};

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseCsv)
}

plugin_args! {
    /// The rows of comma-separated text.
    ///
    /// The first line names the columns, unless `columns` or `auto_headers` say otherwise. Cells
    /// that are written like a number, a truth value, or a JSON object or array become that;
    /// a number with leading zeros stays text. A record that cannot be read is logged and skipped.
    pub struct ParseCsvArgs for "parse_csv" {
        /// The files. With the accessor `data`, the text itself.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// The file has no line with names; columns are called `Col0`, `Col1`, ...
        auto_headers: bool = false,
        /// The character between cells; `auto` guesses it from the first lines.
        separator: String = ",",
        /// Lines that begin with this character are skipped.
        comment: String = "",
        /// Names of the columns; the file then has no line with names.
        columns: Option<Vec<String>>,
    }
}

struct ParseCsv;

/// The character that an argument names.
fn one_byte(name: &str, text: &str) -> Result<Option<u8>, Failure> {
    match text.as_bytes() {
        [] => Ok(None),
        [byte] => Ok(Some(*byte)),
        _ => Err(Failure::new(format!("{name} can only be one character, not `{text}`"))),
    }
}

impl Plugin for ParseCsv {
    type Args = ParseCsvArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseCsvArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let form = Arc::new(CsvForm {
            separator: if args.separator == "auto" {
                None
            } else {
                Some(one_byte("separator", &args.separator)?.unwrap_or(b','))
            },
            comment: one_byte("comment", &args.comment)?,
            columns: args.columns.filter(|columns| !columns.is_empty()),
            auto_headers: args.auto_headers,
        });
        let scope = scope.clone();
        let accessor = args.accessor;
        let files = args.filename.into_iter().flat_map(move |path| -> RowStream {
            let rows = match CsvRows::open(&scope, &accessor, &path, form.clone()) {
                Ok(rows) => rows,
                Err(failure) => {
                    return stream::fallible("parse_csv", &scope, std::iter::once(Err(failure)));
                }
            };
            stream::fallible("parse_csv", &scope, rows)
        });
        Ok(Box::new(files))
    }
}

struct CsvForm {
    separator: Option<u8>,
    comment: Option<u8>,
    columns: Option<Vec<String>>,
    auto_headers: bool,
}

struct CsvRows {
    records: csv::ByteRecordsIntoIter<Box<dyn vql_plugin::ReadSeek>>,
    names: Vec<Name>,
    scope: Scope,
    path: String,
}

impl CsvRows {
    fn open(
        scope: &Scope,
        accessor: &str,
        path: &OsPath,
        form: Arc<CsvForm>,
    ) -> Result<Self, Failure> {
        use std::io::{Read, Seek};
        let mut file = reading::open(scope, accessor, path)?;
        let unreadable = |error| Failure::new(format!("cannot read `{path}`: {error}"));
        // The beginning is read to skip a byte order mark and to guess the separator.
        let mut head = Vec::new();
        file.by_ref().take(1 << 16).read_to_end(&mut head).map_err(unreadable)?;
        let mark = if head.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        file.seek(std::io::SeekFrom::Start(mark)).map_err(unreadable)?;
        let separator =
            form.separator.unwrap_or_else(|| guess(&head[mark as usize..], form.comment));
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .comment(form.comment)
            .has_headers(false)
            .flexible(true)
            .from_reader(file);
        let mut names: Vec<Name> = Vec::new();
        if let Some(columns) = &form.columns {
            names = columns.iter().map(|name| Name::from(name.as_str())).collect();
        } else if !form.auto_headers {
            let mut first = csv::ByteRecord::new();
            reader.read_byte_record(&mut first)?;
            names = first
                .iter()
                .map(|name| Name::from(String::from_utf8_lossy(name.trim_ascii())))
                .collect();
        }
        let records = reader.into_byte_records();
        Ok(Self { records, names, scope: scope.clone(), path: path.to_string() })
    }
}

/// Guesses the separator from the lines that are no comments.
fn guess(head: &[u8], comment: Option<u8>) -> u8 {
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    let kept = lines.filter(|line| comment.is_none() || line.first().copied() != comment);
    parsers::separators::sniff(&kept.collect::<Vec<_>>().concat())
}

impl Iterator for CsvRows {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.records.next()? {
                Ok(record) => record,
                Err(error) if matches!(error.kind(), csv::ErrorKind::Io(_)) => {
                    return Some(Err(Failure::new(format!(
                        "cannot read `{}`: {error}",
                        self.path
                    ))));
                }
                Err(error) => {
                    let text = format!("parse_csv: `{}`: {error}", self.path);
                    self.scope.log(vql_plugin::Level::Default, &text);
                    continue;
                }
            };
            while self.names.len() < record.len() {
                self.names.push(Name::from(format!("Col{}", self.names.len())));
            }
            let cells = self.names.iter().zip(record.iter());
            return Some(Ok(cells.map(|(name, text)| (name, cell(text))).collect()));
        }
    }
}

/// What a cell holds.
fn cell(text: &[u8]) -> Value {
    let trimmed = text.trim_ascii_start();
    match trimmed.first() {
        Some(b'0'..=b'9' | b'-' | b'.') => number(trimmed),
        Some(b'{' | b'[') => rows_json::from_json(trimmed).ok(),
        Some(b't' | b'T' | b'f' | b'F') => match trimmed {
            b"true" | b"TRUE" | b"True" => Some(Value::Bool(true)),
            b"false" | b"FALSE" | b"False" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
    .unwrap_or_else(|| Value::text(trimmed))
}

/// Only what prints as it was written, so that `007` and `1e5` keep their text.
fn number(text: &[u8]) -> Option<Value> {
    let written = std::str::from_utf8(text).ok()?;
    if let Ok(number) = written.parse::<i64>() {
        return (number.to_string() == written).then_some(Value::Int(number));
    }
    let bare = written.strip_prefix('-').unwrap_or(written);
    let (whole, fraction) = bare.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let padded = whole.len() > 1 && whole.starts_with('0');
    if !digits(whole) || !digits(fraction) || padded || bare.len() > 16 {
        return None;
    }
    numbers::parse_float(text).map(Value::Float)
}
