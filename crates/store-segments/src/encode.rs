//! Rows that leave as a Parquet file, in pieces.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use flows::cell::Cell;
use flows::hot::ColumnKind;
use flows::query::walk;
use flows::results::{NamedRow, TableEncoder};
use model::store::StoreError;

use crate::typed::{TypedBuilder, data_type};

const TEXTS: [&str; 4] = ["_client", "_hostname", "_flow", "_source"];
/// Rows of a row group.
const GROUP_ROWS: usize = 32_768;
/// Memory of a row group that is being made; it is there twice when it is passed on.
const GROUP_BYTES: usize = 6 << 20;
/// Rows that become columns at once.
const SHAPED_ROWS: usize = 2_048;
/// Memory for the different values of one column of a row group.
const VALUES_BYTES: usize = 128 << 10;
/// Memory of one page of one column; each column has a page that is being made.
const PAGE_BYTES: usize = 256 << 10;
/// The row itself: nearly every one is different.
const JSON: &str = "_json";

/// A Parquet file that is being made.
pub(crate) struct ParquetEncoder {
    columns: Vec<(String, ColumnKind)>,
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

fn bad(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::broken("make a Parquet file", error)
}

impl ParquetEncoder {
    pub(crate) fn new(columns: Vec<(String, ColumnKind)>) -> Result<Self, StoreError> {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields: Vec<Field> = TEXTS.map(text).to_vec();
        fields.push(Field::new("_round", DataType::Int64, true));
        fields.push(Field::new("_stored", moment, false));
        fields.extend(columns.iter().map(|(name, kind)| Field::new(name, data_type(*kind), true)));
        fields.push(text(JSON));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_dictionary_page_size_limit(VALUES_BYTES)
            .set_data_page_size_limit(PAGE_BYTES)
            // What is said about each page is kept until the file ends, and grows with it.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_column_statistics_enabled(ColumnPath::from(JSON), EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_column_dictionary_enabled(ColumnPath::from(JSON), false)
            .build();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
        Ok(Self { columns, schema, writer: writer.map_err(bad)? })
    }

    fn batch(&self, rows: &[NamedRow<'_>]) -> Result<RecordBatch, StoreError> {
        let mut texts = TEXTS.map(|_| StringBuilder::new());
        let mut round = Int64Builder::new();
        let mut stored = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let mut json = StringBuilder::new();
        let mut own: Vec<TypedBuilder> =
            self.columns.iter().map(|(_, kind)| TypedBuilder::new(*kind)).collect();
        for together in rows.chunk_by(|one, next| one.row.arrived_with(next.row)) {
            let (client, flow) =
                (together[0].row.client.to_string(), together[0].row.flow.to_string());
            for NamedRow { row, hostname } in together {
                texts[0].append_value(&client);
                texts[1].append_value(hostname);
                texts[2].append_value(&flow);
                texts[3].append_value(&row.source);
                round.append_option(row.round.map(i64::from));
                stored.append_value(row.stored.as_micros());
                json.append_value(&row.json);
                let mut cells = vec![Cell::Nothing; self.columns.len()];
                // A row that cannot be read was refused when it arrived.
                let _ = walk(&row.json, &mut |name, raw| {
                    let at = self.columns.iter().position(|(column, _)| column == name);
                    if let Some(at) = at {
                        cells[at] = Cell::from_json(raw);
                    }
                });
                own.iter_mut().zip(&cells).for_each(|(builder, cell)| builder.push(cell));
            }
        }
        let mut columns: Vec<ArrayRef> =
            texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
        columns.push(Arc::new(round.finish()));
        columns.push(Arc::new(stored.finish()));
        columns.extend(own.iter_mut().map(TypedBuilder::finish));
        columns.push(Arc::new(json.finish()));
        RecordBatch::try_new(self.schema.clone(), columns).map_err(bad)
    }
}

impl TableEncoder for ParquetEncoder {
    fn add(&mut self, rows: &[NamedRow<'_>]) -> Result<Vec<u8>, StoreError> {
        for some in rows.chunks(SHAPED_ROWS) {
            let batch = self.batch(some)?;
            self.writer.write(&batch).map_err(bad)?;
            if self.writer.in_progress_size() >= GROUP_BYTES {
                self.writer.flush().map_err(bad)?;
            }
        }
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, StoreError> {
        self.writer.finish().map_err(bad)?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}
