//! Reads a segment: which batches it has, its columns, its rows.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::types::{Int32Type, Int64Type, UInt64Type};
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use base::{ClientId, FlowId, Timestamp};
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection,
};
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::parquet::basic::Encoding;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use flows::hot::Segment;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use model::store::StoreError;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::place::{Place, path_of};
use crate::shape::{ARRIVAL, CELLS, CLIENT, FLOW, HOSTNAME, ROW, STORED, Traits};
use crate::trouble::{Seen, Trouble};
use crate::writer::TRAITS;

/// Rows that are read at once where nothing else says so.
const ROWS: usize = 8_192;

/// One batch of a segment: its rows stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Its arrival number.
    pub(crate) arrival: u64,
    /// The first of its rows in the segment.
    pub(crate) first: u32,
    /// How many rows it has.
    pub(crate) rows: u32,
    /// Its client, as a place in [`SegmentFile::clients`].
    pub(crate) client: u32,
    pub(crate) flow: FlowId,
    pub(crate) stored: Timestamp,
}

impl Run {
    pub(crate) fn end(&self) -> u32 {
        self.first + self.rows
    }
}

/// A client that has rows in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentClient {
    pub(crate) id: ClientId,
    pub(crate) hostname: String,
}

/// An open segment.
pub(crate) struct SegmentFile {
    pub(crate) segment: Segment,
    input: Input,
    trouble: Arc<Trouble>,
    metadata: ArrowReaderMetadata,
    /// Columns of cells by the names that rows have for them: their places in the file.
    pub(crate) cells: HashMap<String, usize>,
    pub(crate) traits: Traits,
    /// In the order of rows.
    pub(crate) runs: Vec<Run>,
    pub(crate) clients: Vec<SegmentClient>,
}

/// An object as the decoder reads it.
#[derive(Clone)]
struct Input {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    size: u64,
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Input {
    fn get_bytes(
        &mut self,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<bytes::Bytes, ParquetError>> {
        async move { self.store.get_range(&self.path, range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<bytes::Bytes>, ParquetError>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new()
                .with_offset_index_policy(PageIndexPolicy::Optional)
                .with_metadata_options(options.map(|options| options.metadata_options().clone()))
                .with_prefetch_hint(Some(256 << 10));
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

fn broken(
    segment: &Segment,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    let error = error.into();
    let doing = format!("read segment {}", segment.key);
    // What an object store says when it cannot be reached, in whatever it is wrapped.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(inner) = cause {
        if let Some(object_store::Error::Generic { .. }) = inner.downcast_ref() {
            return StoreError::away(doing, error);
        }
        cause = inner.source();
    }
    StoreError::broken(doing, error)
}

/// Whether an object is not there any more.
pub(crate) fn is_gone(error: &StoreError) -> bool {
    let StoreError::Broken { source, .. } = error else { return false };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**source);
    while let Some(error) = cause {
        if let Some(object_store::Error::NotFound { .. }) = error.downcast_ref() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl SegmentFile {
    /// Opens a segment and reads which batches it has.
    pub(crate) async fn open(place: &Place, segment: &Segment) -> Result<Self, StoreError> {
        let opened = Self::read(place, segment).await;
        opened.inspect_err(|error| place.trouble().unreadable(segment, error, Seen::AtOnce))
    }

    async fn read(place: &Place, segment: &Segment) -> Result<Self, StoreError> {
        let path = path_of(&segment.key)?;
        let mut input = Input { store: place.store().clone(), path, size: segment.bytes };
        let options = ArrowReaderOptions::new();
        let metadata = ArrowReaderMetadata::load_async(&mut input, options).await;
        let metadata = metadata.map_err(|error| broken(segment, error))?;
        let fields = metadata.schema().fields().iter().enumerate();
        let cells = fields
            .filter_map(|(at, field)| Some((field.name().strip_prefix(CELLS)?.to_owned(), at)))
            .collect();
        let mut file = Self {
            traits: traits_of(metadata.metadata()).ok_or_else(|| {
                broken(segment, "it has no word about its columns; it is not a segment")
            })?,
            segment: segment.clone(),
            trouble: place.trouble().clone(),
            input,
            metadata,
            cells,
            runs: Vec::new(),
            clients: Vec::new(),
        };
        file.find_runs().await?;
        file.check()?;
        Ok(file)
    }

    /// Refuses an object that is not what was registered: it would make answers that look whole.
    fn check(&self) -> Result<(), StoreError> {
        let rows: u64 = self.runs.iter().map(|run| u64::from(run.rows)).sum();
        let within = self.segment.first..=self.segment.last;
        let strange = self.runs.iter().find(|run| !within.contains(&run.arrival));
        if rows == self.segment.rows && strange.is_none() {
            return Ok(());
        }
        let wanted = self.segment.rows;
        let why = format!("its object has {rows} rows, and {wanted} others were registered");
        Err(broken(&self.segment, why))
    }

    /// About how much memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let hostnames: usize = self.clients.iter().map(|client| 64 + client.hostname.len()).sum();
        self.metadata.metadata().memory_size()
            + self.runs.len() * size_of::<Run>()
            + hostnames
            + self.cells.len() * 128
    }

    /// How many row groups there are, and the rows of each.
    pub(crate) fn groups(&self) -> Vec<Range<u32>> {
        let mut first = 0;
        let groups = self.metadata.metadata().row_groups().iter();
        groups
            .map(|group| {
                let end = first + u32::try_from(group.num_rows()).unwrap_or(0);
                let range = first..end;
                first = end;
                range
            })
            .collect()
    }

    /// The runs that have rows of a range.
    pub(crate) fn runs_of(&self, rows: Range<u32>) -> &[Run] {
        let from = self.runs.partition_point(|run| run.end() <= rows.start);
        let to = self.runs.partition_point(|run| run.first < rows.end);
        self.runs.get(from..to).unwrap_or(&[])
    }

    async fn find_runs(&mut self) -> Result<(), StoreError> {
        let mut finder = RunFinder::default();
        for group in 0..self.metadata.metadata().num_row_groups() {
            let names = [ARRIVAL, CLIENT, HOSTNAME, FLOW, STORED];
            let batch = self.group(group, &names).await?;
            finder
                .add(&batch)
                .ok_or_else(|| broken(&self.segment, "a column is not what it should be"))?;
        }
        (self.runs, self.clients) = (finder.runs, finder.clients);
        Ok(())
    }

    fn mask(&self, columns: &[&str]) -> ProjectionMask {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let chosen = fields.filter(|(_, field)| columns.contains(&field.name().as_str()));
        ProjectionMask::roots(self.metadata.parquet_schema(), chosen.map(|(at, _)| at))
    }

    /// Reads columns: of all rows, of a row group, or of some rows.
    fn stream(
        &self,
        columns: &[&str],
        group: Option<usize>,
        at_once: usize,
        rows: Option<RowSelection>,
    ) -> Result<
        impl futures_util::Stream<Item = Result<RecordBatch, ParquetError>> + use<> + Unpin + Send,
        StoreError,
    > {
        let metadata = match group {
            Some(group) => self.with_dictionaries(group, columns),
            None => self.metadata.clone(),
        };
        let mut builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(self.input.clone(), metadata)
                .with_projection(self.mask(columns))
                .with_batch_size(at_once);
        if let Some(group) = group {
            builder = builder.with_row_groups(vec![group]);
        }
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        builder.build().map_err(|error| broken(&self.segment, error))
    }

    /// Metadata by which cells that are a dictionary in a row group stay one, so that each value is
    /// looked at once.
    fn with_dictionaries(&self, group: usize, columns: &[&str]) -> ArrowReaderMetadata {
        let row_group = self.metadata.metadata().row_group(group);
        let is_one = |at: usize| {
            let column = row_group.column(at);
            column.dictionary_page_offset().is_some()
                && column.page_encoding_stats_mask().is_some_and(|mask| {
                    mask.is_only(Encoding::RLE_DICTIONARY)
                        || mask.is_only(Encoding::PLAIN_DICTIONARY)
                })
        };
        let fields = self.metadata.schema().fields().iter().enumerate();
        let fields: Vec<Arc<Field>> = fields
            .map(|(at, field)| {
                let name = field.name().as_str();
                let of_values = matches!(field.data_type(), DataType::Binary | DataType::Utf8);
                if of_values && name != ROW && columns.contains(&name) && is_one(at) {
                    let values = Box::new(field.data_type().clone());
                    let kind = DataType::Dictionary(Box::new(DataType::Int32), values);
                    Arc::new(Field::new(field.name(), kind, field.is_nullable()))
                } else {
                    field.clone()
                }
            })
            .collect();
        let schema = Schema::new_with_metadata(fields, self.metadata.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        ArrowReaderMetadata::try_new(self.metadata.metadata().clone(), options)
            .unwrap_or_else(|_| self.metadata.clone())
    }

    /// Columns of a row group, in one piece.
    pub(crate) async fn group(
        &self,
        group: usize,
        columns: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let read = self.read_group(group, columns).await;
        read.inspect_err(|error| self.trouble.unreadable(&self.segment, error, Seen::Later))
    }

    async fn read_group(&self, group: usize, columns: &[&str]) -> Result<RecordBatch, StoreError> {
        let rows = self.metadata.metadata().row_group(group).num_rows();
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let mut stream = self.stream(columns, Some(group), rows.max(1), None)?;
        let first =
            stream.next().await.ok_or_else(|| broken(&self.segment, "it has an empty part"))?;
        let first = first.map_err(|error| broken(&self.segment, error))?;
        if first.num_rows() == rows {
            return Ok(first);
        }
        let mut found = first.num_rows();
        let mut parts = vec![first];
        while let Some(more) = stream.next().await {
            let more = more.map_err(|error| broken(&self.segment, error))?;
            found += more.num_rows();
            parts.push(more);
        }
        if found != rows {
            return Err(broken(&self.segment, format!("a part has {found} of {rows} rows")));
        }
        arrow::compute::concat_batches(&parts[0].schema(), &parts)
            .map_err(|error| broken(&self.segment, error))
    }

    /// Calls `visit` with each row of ascending ranges, in order.
    pub(crate) async fn rows(
        &self,
        ranges: &[Range<u32>],
        visit: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), StoreError> {
        let read = self.read_rows(ranges, visit).await;
        read.inspect_err(|error| self.trouble.unreadable(&self.segment, error, Seen::Later))
    }

    /// Reads everything, and keeps nothing of it.
    pub(crate) async fn read_all(&self) -> Result<(), StoreError> {
        let fields = self.metadata.schema().fields().iter();
        let columns: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        let mut stream = self.stream(&columns, None, ROWS, None)?;
        while let Some(batch) = stream.next().await {
            batch.map_err(|error| broken(&self.segment, error))?;
        }
        Ok(())
    }

    async fn read_rows(
        &self,
        ranges: &[Range<u32>],
        visit: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), StoreError> {
        let wide = |range: &Range<u32>| range.start as usize..range.end as usize;
        let total: usize = self.groups().last().map_or(0, |last| last.end as usize);
        let selection = RowSelection::from_consecutive_ranges(ranges.iter().map(wide), total);
        let wanted: usize = ranges.iter().map(|range| range.len()).sum();
        let mut found = 0;
        let mut stream = self.stream(&[ROW], None, ROWS, Some(selection))?;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| broken(&self.segment, error))?;
            let rows: &StringArray = batch
                .column(0)
                .as_string_opt()
                .ok_or_else(|| broken(&self.segment, "its rows are not texts"))?;
            (0..rows.len()).for_each(|row| visit(rows.value(row)));
            found += rows.len();
        }
        if found != wanted {
            return Err(broken(&self.segment, format!("{found} of {wanted} rows are there")));
        }
        Ok(())
    }
}

/// Finds batches, a row group after the other.
#[derive(Default)]
struct RunFinder {
    runs: Vec<Run>,
    clients: Vec<SegmentClient>,
    places: HashMap<(String, String), u32>,
    rows: u32,
}

impl RunFinder {
    /// `None` when the columns are not those of a segment.
    fn add(&mut self, batch: &RecordBatch) -> Option<()> {
        let arrival = batch.column_by_name(ARRIVAL)?.as_primitive_opt::<UInt64Type>()?;
        let stored = batch.column_by_name(STORED)?.as_primitive_opt::<Int64Type>()?;
        let [client, hostname, flow] =
            [CLIENT, HOSTNAME, FLOW].map(|name| batch.column_by_name(name));
        let (client, hostname, flow) = (client?, hostname?, flow?);
        for row in 0..batch.num_rows() {
            let number = arrival.value(row);
            if let Some(run) = self.runs.last_mut().filter(|run| run.arrival == number) {
                run.rows += 1;
            } else {
                let client = self.client(text_at(client, row)?, text_at(hostname, row)?)?;
                self.runs.push(Run {
                    arrival: number,
                    first: self.rows,
                    rows: 1,
                    client,
                    flow: text_at(flow, row)?.parse().ok()?,
                    stored: Timestamp::from_micros(stored.value(row)),
                });
            }
            self.rows += 1;
        }
        Some(())
    }

    fn client(&mut self, id: &str, hostname: &str) -> Option<u32> {
        let key = (id.to_owned(), hostname.to_owned());
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        let place = u32::try_from(self.clients.len()).ok()?;
        self.clients.push(SegmentClient { id: id.parse().ok()?, hostname: key.1.clone() });
        self.places.insert(key, place);
        Some(place)
    }
}

/// A text of a column, whether it is a dictionary or not.
fn text_at(array: &dyn Array, row: usize) -> Option<&str> {
    if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
        let code = usize::try_from(dictionary.keys().value(row)).ok()?;
        return Some(dictionary.values().as_string_opt::<i32>()?.value(code));
    }
    Some(array.as_string_opt::<i32>()?.value(row))
}

fn traits_of(metadata: &ParquetMetaData) -> Option<Traits> {
    let entries = metadata.file_metadata().key_value_metadata()?;
    let text = entries.iter().find(|entry| entry.key == TRAITS)?.value.as_ref()?;
    let (whole, shadows): (bool, BTreeSet<String>) = serde_json::from_str(text).ok()?;
    Some(Traits { whole, shadows })
}
