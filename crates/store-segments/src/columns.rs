//! Columns of cells of a row group, wherever they come from, and conditions on them.

use std::ops::Range;

use arrow::array::types::Int32Type;
use arrow::array::{Array, AsArray, BinaryArray, BinaryBuilder, Int32Array, RecordBatch};
use base::Timestamp;
use flows::cell::{Cell, Condition};
use flows::query::{Conditions, ORIGIN_COLUMNS, Origin, of_origin, walk};
use model::store::StoreError;

use crate::cells::{decode, encode};
use crate::file::{Run, SegmentFile};
use crate::shape::{CELLS, ROW};

/// Cells by row. Each different one may be there once only, and rows name it by number.
pub(crate) struct Column {
    values: BinaryArray,
    codes: Option<Int32Array>,
}

impl Column {
    /// Of so many rows that have nothing.
    fn nothing(rows: usize) -> Self {
        let values = BinaryBuilder::new().finish();
        Self { values, codes: Some(Int32Array::new_null(rows)) }
    }

    fn of_cells<'a>(cells: impl Iterator<Item = Cell<'a>>) -> BinaryArray {
        let mut builder = BinaryBuilder::new();
        let mut scratch = Vec::new();
        for cell in cells {
            scratch.clear();
            if encode(&cell, &mut scratch) {
                builder.append_value(&scratch);
            } else {
                builder.append_null();
            }
        }
        builder.finish()
    }

    /// The number of a row's cell among the values; `None` for nothing.
    pub(crate) fn code(&self, row: usize) -> Option<usize> {
        let code = match &self.codes {
            None => row,
            Some(codes) if codes.is_null(row) => return None,
            Some(codes) => usize::try_from(codes.value(row)).ok()?,
        };
        self.values.is_valid(code).then_some(code)
    }

    /// The bytes of a value.
    pub(crate) fn value(&self, code: usize) -> &[u8] {
        self.values.value(code)
    }

    /// How many values there are.
    pub(crate) fn values(&self) -> usize {
        self.values.len()
    }

    /// The bytes of a row's cell; `None` for nothing.
    pub(crate) fn bytes(&self, row: usize) -> Option<&[u8]> {
        self.code(row).map(|code| self.value(code))
    }

    /// Takes from `kept` the rows that do not pass.
    fn retain(&self, condition: &Condition, kept: &mut [bool]) {
        let mut passing = self.passing(condition);
        kept.iter_mut().enumerate().for_each(|(row, kept)| *kept = *kept && passing(row));
    }

    /// Says of a row whether it passes; each value is looked at once.
    fn passing<'c>(&'c self, condition: &'c Condition) -> impl FnMut(usize) -> bool + 'c {
        let nothing = condition.passes(&Cell::Nothing);
        let mut known: Vec<Option<bool>> =
            if self.codes.is_some() { vec![None; self.values.len()] } else { Vec::new() };
        move |row| {
            let Some(code) = self.code(row) else { return nothing };
            let judge = || condition.passes(&decode(self.value(code)));
            match known.get_mut(code) {
                Some(known) => *known.get_or_insert_with(judge),
                None => judge(),
            }
        }
    }
}

/// Where a column of rows is in a segment.
enum Where {
    /// Every row has it, and it is known of whole batches.
    Origin,
    /// In a column of the file.
    Cells,
    /// No row has it.
    Nowhere,
    /// To be found in the rows themselves.
    Rows,
}

fn place_of(file: &SegmentFile, name: &str) -> Where {
    if file.traits.shadows.contains(name) {
        Where::Rows
    } else if ORIGIN_COLUMNS.contains(&name) {
        Where::Origin
    } else if file.cells.contains_key(name) {
        Where::Cells
    } else if file.traits.whole {
        Where::Nowhere
    } else {
        Where::Rows
    }
}

/// What a question needs of each row.
pub(crate) struct Need {
    /// Which rows pass.
    pub(crate) conditions: Conditions,
    /// The columns that are wanted of them.
    pub(crate) columns: Vec<String>,
    /// The rows themselves too.
    pub(crate) rows: bool,
}

/// A row group, read for a question.
pub(crate) struct Piece<'f> {
    pub(crate) file: &'f SegmentFile,
    /// Its rows in the segment.
    pub(crate) range: Range<u32>,
    /// The columns that were wanted.
    pub(crate) columns: Vec<Column>,
    /// Which rows pass.
    pub(crate) kept: Vec<bool>,
    batch: RecordBatch,
}

impl<'f> Piece<'f> {
    /// Reads a row group.
    pub(crate) async fn read(
        file: &'f SegmentFile,
        group: usize,
        need: &Need,
    ) -> Result<Self, StoreError> {
        let range = file.groups().get(group).cloned().unwrap_or(0..0);
        let filters = need.conditions.filters();
        let names = filters.iter().map(|(name, _)| name).chain(&need.columns);
        let mut wanted: Vec<String> = Vec::new();
        let mut rows = need.rows;
        for name in names {
            match place_of(file, name) {
                Where::Cells => wanted.push(format!("{CELLS}{name}")),
                Where::Rows => rows = true,
                Where::Origin | Where::Nowhere => {}
            }
        }
        if need.conditions.search().is_some() {
            if file.traits.whole {
                wanted.extend(file.cells.keys().map(|name| format!("{CELLS}{name}")));
            } else {
                rows = true;
            }
        }
        if rows {
            wanted.push(ROW.to_owned());
        }
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let batch = if wanted.is_empty() {
            RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()))
        } else {
            file.group(group, &wanted).await?
        };
        let mut piece = Self { file, columns: Vec::new(), kept: Vec::new(), batch, range };
        piece.kept = piece.passing(&need.conditions);
        piece.columns = need.columns.iter().map(|name| piece.column(name)).collect();
        Ok(piece)
    }

    pub(crate) fn rows(&self) -> usize {
        self.range.len()
    }

    /// The row itself, if it was wanted.
    pub(crate) fn json(&self, row: usize) -> Option<&str> {
        Some(self.batch.column_by_name(ROW)?.as_string_opt::<i32>()?.value(row))
    }

    /// The batches of the row group.
    pub(crate) fn runs(&self) -> &'f [Run] {
        self.file.runs_of(self.range.clone())
    }

    /// The rows of a batch, as places in this piece.
    pub(crate) fn rows_of(&self, run: &Run) -> Range<usize> {
        let from = run.first.max(self.range.start) - self.range.start;
        let to = run.end().min(self.range.end) - self.range.start;
        from as usize..to as usize
    }

    fn passing(&self, conditions: &Conditions) -> Vec<bool> {
        let mut kept = vec![true; self.rows()];
        for (name, condition) in conditions.filters() {
            self.column(name).retain(condition, &mut kept);
        }
        let Some(search) = conditions.search() else { return kept };
        if self.file.traits.whole {
            let mut found = vec![false; self.rows()];
            for name in self.file.cells.keys() {
                let column = self.column(name);
                let mut passing = column.passing(search);
                for (row, found) in found.iter_mut().enumerate().filter(|(row, _)| kept[*row]) {
                    *found = *found || passing(row);
                }
            }
            kept.iter_mut().zip(found).for_each(|(kept, found)| *kept = *kept && found);
        } else {
            let judge = |row: usize| {
                let mut found = false;
                let walked = walk(self.json(row).unwrap_or(""), &mut |_, raw| {
                    found = found || search.passes(&Cell::from_json(raw));
                });
                walked.is_ok() && found
            };
            kept.iter_mut().enumerate().for_each(|(row, kept)| *kept = *kept && judge(row));
        }
        kept
    }

    /// A column by the name that rows have for it.
    fn column(&self, name: &str) -> Column {
        let rows = self.rows();
        match place_of(self.file, name) {
            Where::Nowhere => Column::nothing(rows),
            Where::Origin => self.origin(name),
            Where::Cells => {
                let found = self.batch.column_by_name(&format!("{CELLS}{name}"));
                let column = found.and_then(|array| of_array(array.as_ref()));
                column.unwrap_or_else(|| Column::nothing(rows))
            }
            Where::Rows => {
                let runs =
                    self.runs().iter().flat_map(|run| self.rows_of(run).map(move |row| (run, row)));
                let texts: Vec<(Texts, &str)> = runs
                    .map(|(run, row)| (Texts::of(self.file, run), self.json(row).unwrap_or("")))
                    .collect();
                let cells = texts.iter().map(|(texts, json)| {
                    let mut cell = of_origin(texts.origin(&self.file.segment.series.source), name);
                    // A row that cannot be read was refused when it arrived.
                    let _ = walk(json, &mut |found, raw| {
                        if found == name {
                            cell = Cell::from_json(raw);
                        }
                    });
                    cell
                });
                Column { values: Column::of_cells(cells), codes: None }
            }
        }
    }

    /// A column that every row has: one value for each batch.
    fn origin(&self, name: &str) -> Column {
        let source = &self.file.segment.series.source;
        let texts: Vec<Texts> = self.runs().iter().map(|run| Texts::of(self.file, run)).collect();
        let cells = texts.iter().map(|texts| of_origin(texts.origin(source), name));
        let values = Column::of_cells(cells);
        let mut codes = vec![0; self.rows()];
        for (code, run) in self.runs().iter().enumerate() {
            codes[self.rows_of(run)].fill(i32::try_from(code).unwrap_or(i32::MAX));
        }
        Column { values, codes: Some(codes.into()) }
    }
}

fn of_array(array: &dyn Array) -> Option<Column> {
    if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
        let values = dictionary.values().as_binary_opt::<i32>()?.clone();
        return Some(Column { values, codes: Some(dictionary.keys().clone()) });
    }
    let values = array.as_binary_opt::<i32>()?.clone();
    Some(Column { values, codes: None })
}

/// What all rows of a batch are compared with, besides their own columns.
struct Texts {
    client: String,
    hostname: String,
    flow: String,
    round: u32,
    stored: Timestamp,
}

impl Texts {
    fn of(file: &SegmentFile, run: &Run) -> Self {
        let client = file.clients.get(run.client as usize);
        Self {
            client: client.map(|client| client.id.to_string()).unwrap_or_default(),
            hostname: client.map(|client| client.hostname.clone()).unwrap_or_default(),
            flow: run.flow.to_string(),
            round: file.segment.series.round,
            stored: run.stored,
        }
    }

    fn origin<'t>(&'t self, source: &'t str) -> Origin<'t> {
        Origin {
            client: &self.client,
            hostname: &self.hostname,
            flow: &self.flow,
            round: Some(self.round),
            source,
            stored: self.stored,
            observed: None,
        }
    }
}
