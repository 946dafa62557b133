//! Batches of rows as Arrow columns, in the form in which segments have them.
//!
//! Besides the row itself there is a column of cells for each of the row's columns that is kept
//! apart. What is not kept apart (beyond [`COLUMNS_MAX`], or named like a column that every row
//! has) is found in the row, and the segment says so.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int64Builder, RecordBatch, StringBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use flows::cell::Cell;
use flows::hot::{HotBatch, SegmentColumn};
use flows::query::{ORIGIN_COLUMNS, walk};

use crate::cells::{Kinds, encode};

pub(crate) const ARRIVAL: &str = "arrival";
pub(crate) const CLIENT: &str = "client";
pub(crate) const HOSTNAME: &str = "hostname";
pub(crate) const FLOW: &str = "flow";
pub(crate) const STORED: &str = "stored";
pub(crate) const ROW: &str = "row";
/// Stands before the name of a column of cells.
pub(crate) const CELLS: &str = "c.";

/// Most columns that are kept apart.
pub(crate) const COLUMNS_MAX: usize = 200;

/// What a reader must know of a segment besides its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Every value of every row is in a column of its own.
    pub(crate) whole: bool,
    /// Names of columns that every row has, and that rows here have as their own.
    pub(crate) shadows: BTreeSet<String>,
}

/// Makes columns of rows.
pub(crate) struct Shaper {
    names: Vec<String>,
    places: HashMap<String, usize>,
    schema: SchemaRef,
    arrival: UInt64Builder,
    client: StringBuilder,
    hostname: StringBuilder,
    flow: StringBuilder,
    stored: Int64Builder,
    row: StringBuilder,
    cells: Vec<BinaryBuilder>,
    kinds: Vec<Kinds>,
    traits: Traits,
    rows: usize,
    bytes: usize,
}

impl Shaper {
    /// Keeps these columns apart, as far as possible.
    pub(crate) fn new(columns: &[String]) -> Self {
        let names: Vec<String> = columns
            .iter()
            .filter(|name| !ORIGIN_COLUMNS.contains(&name.as_str()))
            .take(COLUMNS_MAX)
            .cloned()
            .collect();
        let mut fields = vec![
            Field::new(ARRIVAL, DataType::UInt64, false),
            Field::new(CLIENT, DataType::Utf8, false),
            Field::new(HOSTNAME, DataType::Utf8, false),
            Field::new(FLOW, DataType::Utf8, false),
            Field::new(STORED, DataType::Int64, false),
        ];
        let cell = |name: &String| Field::new(format!("{CELLS}{name}"), DataType::Binary, true);
        fields.extend(names.iter().map(cell));
        fields.push(Field::new(ROW, DataType::Utf8, false));
        Self {
            places: names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect(),
            schema: Arc::new(Schema::new(fields)),
            arrival: UInt64Builder::new(),
            client: StringBuilder::new(),
            hostname: StringBuilder::new(),
            flow: StringBuilder::new(),
            stored: Int64Builder::new(),
            row: StringBuilder::new(),
            cells: names.iter().map(|_| BinaryBuilder::new()).collect(),
            kinds: vec![Kinds::default(); names.len()],
            names,
            traits: Traits { whole: true, shadows: BTreeSet::new() },
            rows: 0,
            bytes: 0,
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows that wait for [`Self::take`].
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes they have.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What has been met so far.
    pub(crate) fn traits(&self) -> Traits {
        self.traits.clone()
    }

    /// The columns that are kept apart and had values so far.
    pub(crate) fn columns(&self) -> Vec<SegmentColumn> {
        let met = self.names.iter().zip(&self.kinds).filter(|(_, kinds)| kinds.any());
        met.map(|(name, kinds)| SegmentColumn { name: name.clone(), kind: kinds.kind() }).collect()
    }

    /// Adds a batch.
    pub(crate) fn add(&mut self, batch: &HotBatch) {
        let (client, flow) = (batch.client.to_string(), batch.flow.to_string());
        let mut scratch = Vec::new();
        for json in &batch.rows {
            self.arrival.append_value(batch.arrival);
            self.client.append_value(&client);
            self.hostname.append_value(&batch.hostname);
            self.flow.append_value(&flow);
            self.stored.append_value(batch.stored.as_micros());
            self.row.append_value(json);
            self.add_cells(json, &mut scratch);
            self.rows += 1;
            self.bytes += json.len() * 2;
        }
    }

    fn add_cells(&mut self, json: &str, scratch: &mut Vec<u8>) {
        let mut found: Vec<Option<&str>> = vec![None; self.names.len()];
        let (names, places, traits) = (&self.names, &self.places, &mut self.traits);
        let mut next = 0;
        let walked = walk(json, &mut |name, raw| {
            // Rows mostly have the same columns in the same order.
            let at = match names.get(next) {
                Some(expected) if expected == name => Some(next),
                _ => places.get(name).copied(),
            };
            let Some(at) = at else {
                traits.whole = false;
                if ORIGIN_COLUMNS.contains(&name) {
                    traits.shadows.insert(name.to_owned());
                }
                return;
            };
            next = at + 1;
            // Of two values under one name the last counts, except for searches.
            traits.whole &= found[at].is_none();
            found[at] = Some(raw);
        });
        if walked.is_err() {
            // Was refused when it arrived; should one be here, it has no columns.
            found.fill(None);
            traits.whole = false;
        }
        for ((builder, kinds), raw) in self.cells.iter_mut().zip(&mut self.kinds).zip(found) {
            scratch.clear();
            match raw {
                Some(raw) if encode(&Cell::from_json(raw), scratch) => {
                    kinds.note(raw);
                    builder.append_value(&*scratch);
                }
                _ => builder.append_null(),
            }
        }
    }

    /// The columns of the rows that wait.
    pub(crate) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        (self.rows, self.bytes) = (0, 0);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.arrival.finish()),
            Arc::new(self.client.finish()),
            Arc::new(self.hostname.finish()),
            Arc::new(self.flow.finish()),
            Arc::new(self.stored.finish()),
        ];
        columns.extend(self.cells.iter_mut().map(|cells| Arc::new(cells.finish()) as ArrayRef));
        columns.push(Arc::new(self.row.finish()));
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}
