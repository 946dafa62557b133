//! Arrow batches as rows.

use std::ops::ControlFlow;

use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use rows::Value;
use rows_arrow::read::check_depth;

use crate::answer::RowSink;

/// Hands over the rows of a batch.
pub(crate) fn hand_over(batch: &RecordBatch, rows: &mut dyn RowSink) -> ControlFlow<()> {
    for row in 0..batch.num_rows() {
        let cells = batch.columns().iter().map(|column| rows_arrow::value(column, row));
        let cells: Vec<Value> = cells.collect();
        if rows.row(cells).is_break() {
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

/// The names of columns, if all of their types can be read.
pub(crate) fn names(schema: &Schema) -> Result<Vec<String>, String> {
    check_depth(schema).map_err(|error| error.to_string())?;
    Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
}

/// Columns with names of types as conditions know them.
pub(crate) fn columns(schema: &Schema) -> Vec<(String, String)> {
    let fields = schema.fields().iter();
    fields.map(|field| (field.name().clone(), kind(field.data_type()).to_owned())).collect()
}

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Boolean => "boolean",
        DataType::Timestamp(_, Some(_)) => "timestamp",
        DataType::Timestamp(_, None) => "timestamp_ntz",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => "decimal",
        DataType::Dictionary(_, values) => kind(values),
        other if other.is_integer() => "bigint",
        other if other.is_floating() => "double",
        _ => "struct",
    }
}
