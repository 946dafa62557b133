//! The plugin `split_records`: splits the records of text files into columns by a regular expression.

use std::sync::Arc;

use rows::{Dict, Name, OsPath, Row, Text};
use vql_plugin::{Entry, Failure, Pattern, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::plugin(SplitRecords)
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

fn records(
    scope: &Scope,
    args: &SplitRecordsArgs,
    path: Arc<OsPath>,
) -> Box<dyn Iterator<Item = Text> + Send> {
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
                let record = Text::from(&text[start..cut.start]);
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
