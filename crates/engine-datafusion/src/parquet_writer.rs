//! Rows as a Parquet file: for demonstrations, benchmarks and exports. The format has only one home.

use std::path::Path;

use arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use loghunt::engine::EngineError;
use rows::Row;

/// A file that rows are added to. Columns are those of the first rows.
pub struct ParquetWriter {
    shown: String,
    file: Option<std::fs::File>,
    writer: Option<(SchemaRef, ArrowWriter<std::fs::File>)>,
}

impl ParquetWriter {
    /// A new file, or an emptied one.
    pub fn create(path: &Path) -> Result<Self, EngineError> {
        let shown = path.display().to_string();
        let file = crate::os::create(path).map_err(|error| {
            EngineError::transient(format!("`{shown}` cannot be written: {error}"))
        })?;
        Ok(Self { shown, file: Some(file), writer: None })
    }

    /// Adds rows.
    pub fn add(&mut self, rows: &[Row]) -> Result<(), EngineError> {
        let failed = |shown: &str, error: String| {
            EngineError::permanent(format!("`{shown}` cannot be written: {error}"))
        };
        let batch =
            rows_arrow::batch_of(rows).map_err(|error| failed(&self.shown, error.to_string()))?;
        if let Some(file) = self.file.take() {
            let level = ZstdLevel::try_new(1).unwrap_or_default();
            let properties =
                WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
            let writer = ArrowWriter::try_new(file, batch.schema(), Some(properties));
            let writer = writer.map_err(|error| failed(&self.shown, error.to_string()))?;
            self.writer = Some((batch.schema(), writer));
        }
        let Some((schema, writer)) = &mut self.writer else { return Ok(()) };
        let batch = crate::table::conformed(&batch, schema)
            .map_err(|error| failed(&self.shown, error.to_string()))?;
        writer.write(&batch).map_err(|error| failed(&self.shown, error.to_string()))
    }

    /// Writes the end of the file; without it the file cannot be read.
    pub fn finish(self) -> Result<(), EngineError> {
        let Some((_, writer)) = self.writer else { return Ok(()) };
        writer.close().map(|_| ()).map_err(|error| {
            EngineError::transient(format!("`{}` cannot be written: {error}", self.shown))
        })
    }
}
