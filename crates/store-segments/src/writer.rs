//! Writes a segment: batches in, an object out.

use arrow::datatypes::SchemaRef;
use base::Timestamp;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use flows::hot::{HotBatch, Segment, Series};
use model::store::StoreError;

use crate::place::{NewObject, Place};
use crate::shape::{ROW, Shaper, Traits};

/// The entry of a segment's metadata that says what [`Traits`] do.
pub(crate) const TRAITS: &str = "lycaon.segment";

/// Rows of a row group, the unit of work of a query.
const GROUP_ROWS: usize = 131_072;
/// Bytes of a row group, so that one of large rows fits into memory too.
const GROUP_BYTES: usize = 64 << 20;
/// Rows that become columns at once.
const SHAPED_ROWS: usize = 8_192;
const SHAPED_BYTES: usize = 8 << 20;
/// Small pages of rows: a page of a result reads few others.
const ROW_PAGE_BYTES: usize = 128 << 10;

/// A segment that is being written.
pub(crate) struct SegmentWriter {
    key: String,
    series: Series,
    object: NewObject,
    writer: ArrowWriter<Vec<u8>>,
    shaper: Shaper,
    rows: u64,
    batches: u64,
    bytes: u64,
    row_bytes: u64,
    arrivals: Option<(u64, u64)>,
}

fn bad(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::broken("write a segment", error)
}

fn properties() -> WriterProperties {
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let row = || ColumnPath::from(ROW);
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_write_batch_size(512)
        .set_column_dictionary_enabled(row(), false)
        .set_column_data_page_size_limit(row(), ROW_PAGE_BYTES)
        .build()
}

pub(crate) fn arrow_writer(schema: SchemaRef) -> Result<ArrowWriter<Vec<u8>>, StoreError> {
    ArrowWriter::try_new(Vec::new(), schema, Some(properties())).map_err(bad)
}

impl SegmentWriter {
    /// Begins a segment that keeps these columns apart.
    pub(crate) fn begin(
        place: &Place,
        key: String,
        series: Series,
        columns: &[String],
    ) -> Result<Self, StoreError> {
        let shaper = Shaper::new(columns);
        Ok(Self {
            object: place.create(&key)?,
            writer: arrow_writer(shaper.schema())?,
            key,
            series,
            shaper,
            rows: 0,
            batches: 0,
            bytes: 0,
            row_bytes: 0,
            arrivals: None,
        })
    }

    /// Bytes of the rows so far.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.row_bytes
    }

    /// Adds a batch.
    pub(crate) async fn add(&mut self, batch: &HotBatch) -> Result<(), StoreError> {
        self.shaper.add(batch);
        self.rows += batch.rows.len() as u64;
        self.row_bytes += batch.rows.iter().map(|row| row.len() as u64).sum::<u64>();
        self.batches += 1;
        let (first, last) = self.arrivals.unwrap_or((batch.arrival, batch.arrival));
        self.arrivals = Some((first.min(batch.arrival), last.max(batch.arrival)));
        if self.shaper.rows() >= SHAPED_ROWS || self.shaper.bytes() >= SHAPED_BYTES {
            self.encode().await?;
        }
        Ok(())
    }

    async fn encode(&mut self) -> Result<(), StoreError> {
        let batch = self.shaper.take().map_err(bad)?;
        self.writer.write(&batch).map_err(bad)?;
        if self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush().map_err(bad)?;
        }
        self.pass_on().await
    }

    async fn pass_on(&mut self) -> Result<(), StoreError> {
        let bytes = std::mem::take(self.writer.inner_mut());
        self.bytes += bytes.len() as u64;
        if bytes.is_empty() { Ok(()) } else { self.object.write(&bytes).await }
    }

    /// Ends the segment; its object is durable when this returns.
    pub(crate) async fn finish(mut self) -> Result<Segment, StoreError> {
        self.encode().await?;
        let Traits { whole, shadows } = self.shaper.traits();
        let text = serde_json::to_string(&(whole, shadows)).map_err(bad)?;
        self.writer.append_key_value_metadata(KeyValue::new(TRAITS.to_owned(), text));
        self.writer.finish().map_err(bad)?;
        self.pass_on().await?;
        self.object.finish().await?;
        let (first, last) = self.arrivals.unwrap_or_default();
        Ok(Segment {
            key: self.key,
            series: self.series,
            rows: self.rows,
            batches: self.batches,
            bytes: self.bytes,
            first,
            last,
            columns: self.shaper.columns(),
            registered: Timestamp::EPOCH,
        })
    }
}
