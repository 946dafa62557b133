//! Chunks of files as rows of a stream: where each row stands, and which belong to a window.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray,
    make_array, types::Int64Type,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, filter, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use loghunt::engine::Source;
use model::log::{Position, Window};
use rows::{Dict, Name, Row, Time, Value};
use rows_arrow::Cells;
use sigma::Fields;

use crate::reading::{Chunk, cell};

/// Rows of a window.
pub(crate) struct Piece {
    pub(crate) batch: RecordBatch,
    /// As the file has them, where it is made of rows.
    pub(crate) rows: Option<Vec<Row>>,
    /// By row.
    pub(crate) positions: Vec<i64>,
    /// By row, where the source has such a column; microseconds.
    pub(crate) events: Option<Int64Array>,
    /// What the folders say.
    pub(crate) partitions: Vec<(String, Value)>,
    /// Of all rows of the chunk, also those outside of the window.
    pub(crate) zone: Zone,
}

/// Where the rows of a chunk, or of a whole file, stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) rows: u64,
    /// Rows without a position that can be read.
    pub(crate) unreadable: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Zone {
    pub(crate) const EMPTY: Self = Self { rows: 0, unreadable: 0, first: i64::MAX, last: i64::MIN };

    fn of(positions: &[i64]) -> Self {
        let mut zone = Self { rows: positions.len() as u64, ..Self::EMPTY };
        for position in positions {
            if *position == i64::MIN {
                zone.unreadable += 1;
            } else {
                zone.first = zone.first.min(*position);
                zone.last = zone.last.max(*position);
            }
        }
        zone
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            unreadable: self.unreadable + other.unreadable,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Whether a row may stand in the window.
    pub(crate) fn meets(self, window: Window) -> bool {
        let readable =
            self.first <= self.last && self.first < window.to().0 && self.last >= window.from().0;
        readable || self.unreadable > 0 && window.contains(Position::MIN)
    }
}

/// What folders say, as values.
pub(crate) fn partitions(said: &[(String, String)]) -> Vec<(String, Value)> {
    said.iter().map(|(name, value)| (name.clone(), cell(value.as_bytes()))).collect()
}

/// Keeps the rows of a chunk that belong to the window. `fixed` is the position of all rows where
/// the file has one.
pub(crate) fn dress(
    chunk: Chunk,
    said: &[(String, Value)],
    source: &Source,
    window: Window,
    fixed: Option<Position>,
) -> Result<Piece, ArrowError> {
    let read = chunk.batch.num_rows();
    let batch = with_partitions(chunk.batch, said)?;
    let moments = |column: &str| match column_at(&batch, column) {
        Some(array) => rows_arrow::moments(&array),
        None => Int64Array::new_null(read),
    };
    let events = source.event_time.as_deref().map(moments);
    let positions: Vec<i64> = match (fixed, source.position_column()) {
        (Some(position), _) => vec![position.0; read],
        (None, Some(column)) if source.domain.is_time() => {
            let known = source.event_time.as_deref() == Some(column);
            let own = events.clone().filter(|_| known).unwrap_or_else(|| moments(column));
            own.iter().map(|micros| micros.unwrap_or(i64::MIN)).collect()
        }
        (None, Some(column)) => numbers(column_at(&batch, column), read)?,
        (None, None) => vec![i64::MIN; read],
    };
    let zone = Zone::of(&positions);
    let inside: BooleanArray =
        positions.iter().map(|position| Some(window.contains(Position(*position)))).collect();
    let piece =
        Piece { batch, rows: chunk.rows, positions, events, partitions: said.to_vec(), zone };
    if inside.true_count() == read { Ok(piece) } else { piece.only(&inside) }
}

impl Piece {
    fn only(self, kept: &BooleanArray) -> Result<Self, ArrowError> {
        let mut keep = kept.values().iter();
        let rows = self.rows.map(|rows| {
            rows.into_iter().filter(|_| keep.next().unwrap_or(false)).collect::<Vec<_>>()
        });
        let mut keep = kept.values().iter();
        let positions =
            self.positions.into_iter().filter(|_| keep.next().unwrap_or(false)).collect();
        let events = match self.events {
            Some(events) => Some(filter(&events, kept)?.as_primitive::<Int64Type>().clone()),
            None => None,
        };
        let batch = filter_record_batch(&self.batch, kept)?;
        Ok(Self { batch, rows, positions, events, ..self })
    }

    /// When a row happened.
    pub(crate) fn event(&self, row: usize) -> Option<i64> {
        self.events.as_ref().filter(|events| events.is_valid(row)).map(|events| events.value(row))
    }
}

fn numbers(column: Option<ArrayRef>, rows: usize) -> Result<Vec<i64>, ArrowError> {
    let Some(column) = column else { return Ok(vec![i64::MIN; rows]) };
    let numbers = cast(&column, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    Ok(numbers.iter().map(|number| number.unwrap_or(i64::MIN)).collect())
}

/// A column by its name, or by a path into structs.
pub(crate) fn column_at(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    if let Some(column) = batch.column_by_name(name) {
        return Some(column.clone());
    }
    let (first, mut path) = name.split_once('.')?;
    let mut column = batch.column_by_name(first)?.clone();
    loop {
        let inside = column.as_struct_opt()?;
        let (found, rest) = match inside.column_by_name(path) {
            Some(found) => (found, None),
            None => {
                let (first, rest) = path.split_once('.')?;
                (inside.column_by_name(first)?, Some(rest))
            }
        };
        let nulls = NullBuffer::union(inside.nulls(), found.nulls());
        let data = found.to_data().into_builder().nulls(nulls).build().ok()?;
        column = make_array(data);
        match rest {
            None => return Some(column),
            Some(rest) => path = rest,
        }
    }
}

fn with_partitions(
    batch: RecordBatch,
    said: &[(String, Value)],
) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let missing: Vec<_> =
        said.iter().filter(|(name, _)| schema.field_with_name(name).is_err()).collect();
    if missing.is_empty() {
        return Ok(batch);
    }
    let one = missing.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Dict>();
    let same = rows_arrow::batch_of(&vec![one; batch.num_rows()])?;
    let fields = schema.fields().iter().chain(same.schema_ref().fields()).cloned();
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = batch.columns().iter().chain(same.columns()).cloned().collect();
    RecordBatch::try_new(Arc::new(schema), columns)
}

/// The batch with its clocks as moments; what is none becomes NULL.
pub(crate) fn with_clocks(batch: &RecordBatch, source: &Source) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<Arc<Field>> = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for clock in clocks(source) {
        let Ok(place) = batch.schema().index_of(clock) else { continue };
        if matches!(columns[place].data_type(), DataType::Timestamp(_, _)) {
            continue;
        }
        let moments = rows_arrow::moments(&columns[place]).reinterpret_cast();
        let moments: TimestampMicrosecondArray = moments;
        let moments: ArrayRef = Arc::new(moments.with_timezone("UTC"));
        fields[place] = Arc::new(Field::new(clock, moments.data_type().clone(), true));
        columns[place] = moments;
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The columns that are moments whatever their type.
fn clocks(source: &Source) -> impl Iterator<Item = &str> {
    [&source.event_time, &source.ingest_time].into_iter().flatten().map(|name| &**name)
}

/// Makes rows of a piece as rules see them.
pub(crate) struct Rows<'p> {
    piece: &'p Piece,
    cells: Option<Cells>,
    source: &'p Source,
}

impl<'p> Rows<'p> {
    pub(crate) fn of(piece: &'p Piece, source: &'p Source) -> Result<Self, rows_arrow::TooDeep> {
        let cells = match piece.rows {
            Some(_) => None,
            None => Some(Cells::of(&piece.batch)?),
        };
        Ok(Self { piece, cells, source })
    }

    /// A row with some columns, or with all of them.
    pub(crate) fn row(&self, row: usize, columns: &[Name]) -> Row {
        let mut own = match (&self.piece.rows, &self.cells) {
            (Some(rows), _) => rows[row].clone(),
            (None, Some(cells)) => cells.row(row),
            (None, None) => Row::new(),
        };
        for (name, value) in &self.piece.partitions {
            if !own.contains(name) {
                own.set(name.as_str(), value.clone());
            }
        }
        for clock in clocks(self.source) {
            let micros = own.get(clock).filter(|cell| !matches!(cell, Value::Time(_)));
            if let Some(micros) = micros.and_then(rows_arrow::moment_of) {
                let nanos = i128::from(micros) * 1_000;
                own.update(clock, Value::Time(Time::from_unix_nanos(nanos)));
            }
        }
        let mut row =
            if columns.is_empty() { self.renamed(&own) } else { self.chosen(&own, columns) };
        // By these columns of the table findings are told apart.
        for name in self.source.identity.iter() {
            if !row.contains(name)
                && let Some(value) = own.field(name)
            {
                row.set(name.as_str(), value);
            }
        }
        row
    }

    fn chosen(&self, own: &Row, columns: &[Name]) -> Row {
        let mut row = Row::with_capacity(columns.len());
        for name in columns {
            row.set(name.clone(), own.field(self.source.column(name)).unwrap_or_default());
        }
        row
    }

    /// With the names of rules: a mapped name hides a column of the same name.
    fn renamed(&self, own: &Row) -> Row {
        let mapping = &self.source.columns;
        if mapping.iter().all(|(name, column)| name == column) {
            return own.clone();
        }
        let mut row = Row::with_capacity(own.len());
        for (name, value) in own.iter() {
            let mut taken = false;
            for (rule, column) in mapping.iter() {
                if name.is(column) {
                    row.set(rule.as_str(), value.clone());
                    taken = true;
                }
            }
            if !taken && !mapping.iter().any(|(rule, _)| name.is(rule)) {
                row.set(name.clone(), value.clone());
            }
        }
        for (rule, column) in mapping.iter().filter(|(_, column)| !own.contains(column)) {
            if let Some(value) = own.field(column) {
                row.set(rule.as_str(), value);
            }
        }
        row
    }
}
