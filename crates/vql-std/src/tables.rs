//! Tables in text: comma-separated values, and records whose fields a regular expression splits.

use std::sync::Arc;

use rows::{Dict, Name, OsPath, Row, Text, Value};
use vql_plugin::{
    Catalog, Failure, Pattern, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::{numbers, reading};

pub(crate) fn catalog() -> Catalog {
    Catalog::new().plugin(ParseCsv).plugin(SplitRecords)
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

plugin_args! {
    /// Splits the records of text files into columns by a regular expression.
    pub struct SplitRecordsArgs for "split_records" {
        /// The files. With the accessor `data`, the text itself.
        filenames: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// What stands between the fields of a record.
        regex: String = "[ \\t]+",
        /// Names of the columns; `Column0`, `Column1`, ... when left out.
        columns: Option<Vec<String>>,
        /// The first record of each file names the columns.
        first_row_is_headers: bool = false,
        /// Split into at most so many fields; the last one keeps the rest. 0 is no limit.
        count: i64 = 0,
        /// What stands between the records; the end of a line when left out.
        record_regex: Option<Arc<Pattern>>,
        /// The longest record, in bytes.
        buffer_size: i64 = 1_048_576,
    }
}

struct SplitRecords;

impl Plugin for SplitRecords {
    type Args = SplitRecordsArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: SplitRecordsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let regex = scope.pattern(&Text::from(args.regex.as_str()), true)?;
        let args = Arc::new(args);
        let scope = scope.clone();
        let files = args.filenames.clone().into_iter().flat_map(move |path| -> RowStream {
            let mut fields = Fields::of(&args, regex.clone());
            let records = records(&scope, &args, path);
            Box::new(records.filter_map(move |record| fields.row(&record)))
        });
        Ok(Box::new(files))
    }
}

fn records(
    scope: &Scope,
    args: &SplitRecordsArgs,
    path: Arc<OsPath>,
) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
    const NAME: &str = "split_records";
    let Some(between) = args.record_regex.clone() else {
        let size = args.buffer_size;
        let lines = crate::lines::of_files(NAME, scope, vec![path], args.accessor.clone(), size);
        return Box::new(lines);
    };
    match reading::whole(scope, &args.accessor, &path) {
        Ok(text) => {
            let mut cuts: Vec<_> = between.find_all(&text).filter(|cut| !cut.is_empty()).collect();
            cuts.push(text.len()..text.len());
            let mut start = 0;
            Box::new(cuts.into_iter().filter_map(move |cut| {
                let record = text[start..cut.start].to_vec();
                start = cut.end;
                (!record.is_empty()).then_some(record)
            }))
        }
        Err(failure) => {
            scope.log(vql_plugin::Level::Default, &format!("{NAME}: {failure}"));
            Box::new(std::iter::empty())
        }
    }
}

/// Splits the records of one file.
struct Fields {
    regex: Arc<Pattern>,
    names: Vec<Name>,
    header_expected: bool,
    count: usize,
}

impl Fields {
    fn of(args: &SplitRecordsArgs, regex: Arc<Pattern>) -> Self {
        let names = args.columns.iter().flatten().map(|name| Name::from(name.as_str())).collect();
        Self {
            regex,
            names,
            header_expected: args.first_row_is_headers,
            count: usize::try_from(args.count)
                .ok()
                .filter(|count| *count > 0)
                .unwrap_or(usize::MAX),
        }
    }

    fn split(&self, record: &[u8]) -> Vec<Text> {
        let mut fields = Vec::new();
        let mut start = 0;
        for cut in self.regex.find_all(record).filter(|cut| !cut.is_empty()) {
            if fields.len() + 1 >= self.count {
                break;
            }
            fields.push(Text::from(&record[start..cut.start]));
            start = cut.end;
        }
        fields.push(Text::from(&record[start..]));
        fields
    }

    /// The row of a record; `None` for the record that names the columns.
    fn row(&mut self, record: &[u8]) -> Option<Row> {
        let fields = self.split(record);
        if self.header_expected {
            self.header_expected = false;
            self.names = fields.iter().map(Name::from).collect();
            return None;
        }
        while self.names.len() < fields.len() {
            self.names.push(Name::from(format!("Column{}", self.names.len())));
        }
        Some(self.names.iter().zip(fields).collect::<Dict>())
    }
}
