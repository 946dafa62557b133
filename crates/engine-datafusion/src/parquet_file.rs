//! Parquet files as batches: only the columns and row groups that can matter.
//!
//! Texts that a file keeps as a dictionary stay one, so that the matcher looks at each value once.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, statistics::StatisticsConverter,
};
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::parquet::basic::Encoding;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use loghunt::engine::EngineError;
use model::log::{Position, Window};
use object_store::{ObjectStore, ObjectStoreExt};

use crate::files::LogFile;
use crate::place::unreachable;
use crate::reading::{Chunk, Io, Take, Wanted, corrupt};

/// Rows of a batch.
const ROWS: usize = 8_192;

/// A file in a store.
struct Stored {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    size: u64,
}

impl Stored {
    fn of(file: &LogFile, io: &Io) -> Self {
        Self { store: io.store.clone(), path: file.path.clone(), size: file.size }
    }
}

impl AsyncFileReader for Stored {
    fn get_bytes(
        &mut self,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<bytes::Bytes, ParquetError>> {
        let got = async move { self.store.get_range(&self.path, range).await };
        got.map(|got| got.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<bytes::Bytes>, ParquetError>> {
        let got = async move { self.store.get_ranges(&self.path, &ranges).await };
        got.map(|got| got.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new()
                .with_metadata_options(options.map(|options| options.metadata_options().clone()))
                .with_prefetch_hint(Some(64 << 10));
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

/// Reads a file.
pub(crate) fn read(
    file: &LogFile,
    wanted: &Wanted,
    io: &Io,
    take: &mut Take<'_>,
) -> Result<(), EngineError> {
    let bad = |error: ParquetError| failed(file, error);
    let input = Stored::of(file, io);
    // The decoder asserts where it could refuse; a hostile file must not take the process with it.
    let guarded = std::panic::AssertUnwindSafe(|| {
        let mut input = input;
        let options = ArrowReaderOptions::new();
        let metadata = ArrowReaderMetadata::load_async(&mut input, options);
        let metadata = io.handle.block_on(metadata).map_err(bad)?;
        let groups = groups(metadata.metadata(), metadata.schema(), wanted);
        if groups.is_empty() {
            return Ok(());
        }
        let metadata = if wanted.dictionaries {
            let schema = with_dictionaries(metadata.metadata(), metadata.schema(), &groups);
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            // A file whose types cannot be read like that is read as it is.
            ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).unwrap_or(metadata)
        } else {
            metadata
        };
        let fields = metadata.schema().fields();
        let chosen: Vec<usize> =
            (0..fields.len()).filter(|at| wanted.wants(fields[*at].name())).collect();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), chosen);
        let bytes: i64 = groups
            .iter()
            .flat_map(|group| metadata.metadata().row_group(*group).columns().iter().enumerate())
            .filter(|(leaf, _)| mask.leaf_included(*leaf))
            .map(|(_, column)| column.compressed_size())
            .sum();
        io.stop.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
        let stream = ParquetRecordBatchStreamBuilder::new_with_metadata(input, metadata)
            .with_row_groups(groups)
            .with_projection(mask)
            .with_batch_size(ROWS)
            .build();
        let mut stream = stream.map_err(bad)?;
        while let Some(batch) = io.handle.block_on(stream.next()) {
            if io.stop.is_asked() {
                return Ok(());
            }
            if let ControlFlow::Break(()) = take(Chunk { batch: batch.map_err(bad)?, rows: None })?
            {
                return Ok(());
            }
        }
        Ok(())
    });
    match std::panic::catch_unwind(guarded) {
        Ok(outcome) => outcome,
        Err(_) => Err(corrupt(file, "its metadata contradicts its pages")),
    }
}

fn failed(file: &LogFile, error: ParquetError) -> EngineError {
    if let ParquetError::External(inner) = &error
        && let Some(store) = inner.downcast_ref::<object_store::Error>()
    {
        return unreachable(file.path.as_ref(), store);
    }
    corrupt(file, error)
}

/// The schema of a file, without its rows.
pub(crate) fn schema(file: &LogFile, io: &Io) -> Result<Arc<Schema>, EngineError> {
    let mut input = Stored::of(file, io);
    let guarded = std::panic::AssertUnwindSafe(|| {
        let metadata = ArrowReaderMetadata::load_async(&mut input, ArrowReaderOptions::new());
        io.handle.block_on(metadata).map(|metadata| metadata.schema().clone())
    });
    match std::panic::catch_unwind(guarded) {
        Ok(outcome) => outcome.map_err(|error| failed(file, error)),
        Err(_) => Err(corrupt(file, "its metadata contradicts itself")),
    }
}

/// The row groups that may have rows of the window.
fn groups(metadata: &ParquetMetaData, schema: &Schema, wanted: &Wanted) -> Vec<usize> {
    let all = (0..metadata.num_row_groups()).collect();
    let Some((column, window)) = &wanted.prune else { return all };
    let Some(outside) = outside(metadata, schema, column, *window) else { return all };
    (0..metadata.num_row_groups())
        .filter(|group| !outside.get(*group).is_some_and(|out| *out))
        .collect()
}

/// Of each row group, whether all its rows certainly stand outside of the window.
fn outside(
    metadata: &ParquetMetaData,
    schema: &Schema,
    column: &str,
    window: Window,
) -> Option<Vec<bool>> {
    let field = schema.field_with_name(column).ok()?;
    // Of other types the order of values is not that of the moments which they spell.
    if !matches!(field.data_type(), DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64)
    {
        return None;
    }
    let parquet = metadata.file_metadata().schema_descr();
    let statistics = StatisticsConverter::try_new(column, schema, parquet).ok()?;
    let groups = || metadata.row_groups().iter();
    let least = rows_arrow::moments(&statistics.row_group_mins(groups()).ok()?);
    let most = rows_arrow::moments(&statistics.row_group_maxes(groups()).ok()?);
    let nulls = statistics.row_group_null_counts(groups()).ok()?;
    let has_nulls = |group: usize| nulls.iter().nth(group).flatten().is_none_or(|count| count > 0);
    let wants_nulls = window.contains(Position::MIN);
    let of_group = |group: usize| {
        use arrow::array::Array;
        if least.is_null(group) || most.is_null(group) {
            return false;
        }
        let before = most.value(group) < window.from().0;
        let after = least.value(group) >= window.to().0;
        (before || after) && !(wants_nulls && has_nulls(group))
    };
    Some((0..metadata.num_row_groups()).map(of_group).collect())
}

/// The schema with dictionaries for texts that are dictionaries in all chosen row groups.
fn with_dictionaries(metadata: &ParquetMetaData, schema: &Schema, groups: &[usize]) -> Schema {
    let parquet = metadata.file_metadata().schema_descr();
    let kept = |name: &str| {
        let leaf = (0..parquet.num_columns()).find(|leaf| {
            let parts = parquet.column(*leaf);
            let parts = parts.path().parts().to_vec();
            parts.len() == 1 && parts[0] == name
        });
        leaf.is_some_and(|leaf| {
            groups.iter().all(|group| {
                let column = metadata.row_group(*group).column(leaf);
                column.dictionary_page_offset().is_some()
                    && column.page_encoding_stats_mask().is_some_and(|mask| {
                        mask.is_only(Encoding::RLE_DICTIONARY)
                            || mask.is_only(Encoding::PLAIN_DICTIONARY)
                    })
            })
        })
    };
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 if kept(field.name()) => {
            let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(Field::new(field.name(), kind, field.is_nullable()))
        }
        _ => field.clone(),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}
