//! One schema for files that differ: columns that some lack are NULL, types that do not fit become
//! texts.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StringBuilder,
    StructArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use rows::{Value, write_json};

/// A schema with the columns of both.
pub(crate) fn merged(one: &Schema, other: &Schema) -> Schema {
    Schema::new(merged_fields(one.fields(), other.fields()))
}

fn merged_fields(one: &Fields, other: &Fields) -> Fields {
    let mut fields: Vec<Arc<Field>> = one.iter().map(|field| nullable(field)).collect();
    for field in other {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            None => fields.push(nullable(field)),
            Some(known) => {
                let both = joined(known.data_type(), field.data_type());
                *known = Arc::new(Field::new(field.name(), both, true));
            }
        }
    }
    Fields::from(fields)
}

fn nullable(field: &Field) -> Arc<Field> {
    Arc::new(Field::new(field.name(), simple(field.data_type()), true))
}

/// The type without what does not matter to queries.
fn simple(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => simple(values),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        other => other.clone(),
    }
}

/// The type that has the values of both.
fn joined(one: &DataType, other: &DataType) -> DataType {
    let (one, other) = (simple(one), simple(other));
    match (&one, &other) {
        (a, b) if a == b => one,
        (DataType::Null, _) => other,
        (_, DataType::Null) => one,
        (DataType::Timestamp(a, _), DataType::Timestamp(b, _)) => {
            let fine = [TimeUnit::Nanosecond, TimeUnit::Microsecond];
            let unit = fine.into_iter().find(|unit| a == unit || b == unit);
            let zone = Some("UTC".into());
            DataType::Timestamp(unit.unwrap_or(TimeUnit::Microsecond), zone)
        }
        (a, b) if a.is_integer() && b.is_integer() => match (a, b) {
            // Half of its numbers do not fit into the other.
            (DataType::UInt64, _) | (_, DataType::UInt64) => DataType::Utf8,
            _ => DataType::Int64,
        },
        (a, b) if is_number(a) && is_number(b) => DataType::Float64,
        (DataType::Struct(a), DataType::Struct(b)) => DataType::Struct(merged_fields(a, b)),
        (DataType::List(a), DataType::List(b)) => {
            let both = joined(a.data_type(), b.data_type());
            DataType::List(Arc::new(Field::new("item", both, true)))
        }
        _ => DataType::Utf8,
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating()
}

/// The batch in a schema that was merged from its own and others.
pub(crate) fn conformed(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        Some(column) => fitted(column, field.data_type()),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

fn fitted(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match (column.data_type(), wanted) {
        (own, wanted) if own == wanted => Ok(column.clone()),
        (DataType::Null, wanted) => Ok(new_null_array(wanted, column.len())),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let own = column.as_struct();
            let inner = fields.iter().map(|field| match own.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), own.len())),
                Some(inner) => fitted(inner, field.data_type()),
            });
            let inner = inner.collect::<Result<_, _>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), inner, own.nulls().cloned())?))
        }
        (DataType::List(_), DataType::List(field)) => {
            let own = column.as_list::<i32>();
            let inner = fitted(own.values(), field.data_type())?;
            let (offsets, nulls) = (own.offsets().clone(), own.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(field.clone(), offsets, inner, nulls)?))
        }
        (own, DataType::Utf8) if !simple(own).equals_datatype(&DataType::Utf8) => Ok(texts(column)),
        (_, wanted) => cast(column, wanted),
    }
}

/// Values as their texts; nested ones as JSON.
fn texts(column: &ArrayRef) -> ArrayRef {
    let mut texts = StringBuilder::new();
    for row in 0..column.len() {
        let value = rows_arrow::value(column, row);
        texts.append_option(match &value {
            Value::Null => None,
            Value::Array(_) => {
                let mut json = Vec::new();
                write_json(&value, &mut json);
                Some(String::from_utf8_lossy(&json).into_owned())
            }
            other => Some(other.to_text().to_str_lossy().into_owned()),
        });
    }
    Arc::new(texts.finish())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use rows::{Dict, Row};
    use rows_arrow::{Cells, batch_of};

    use super::*;

    fn check(files: &[&[Row]], expected: &Expect) {
        let batches: Vec<RecordBatch> = files.iter().map(|rows| batch_of(rows).unwrap()).collect();
        let schema = batches.iter().fold(Schema::empty(), |all, one| merged(&all, &one.schema()));
        let schema = Arc::new(schema);
        let mut shown: String =
            schema.fields().iter().map(|f| format!("{}: {}\n", f.name(), f.data_type())).collect();
        for batch in batches {
            for row in Cells::of(&conformed(&batch, &schema).unwrap()).unwrap().rows() {
                shown.push_str(&format!("{}\n", Value::Dict(row)));
            }
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn files_with_different_columns_and_types() {
        let one =
            [Dict::new().with("a", 1_i64).with("b", "x").with("n", Dict::new().with("p", 1_i64))];
        let other = [
            Dict::new().with("a", 0.5).with("c", Value::array([1_i64])),
            Dict::new().with("b", 7_i64).with("n", Dict::new().with("q", "y").with("p", "z")),
        ];
        let third = [Dict::new().with("c", Dict::new().with("d", 1_i64))];
        check(
            &[&one, &other, &third],
            &expect![[r#"
            a: Float64
            b: Utf8
            n: Struct("p": Utf8, "q": Utf8)
            c: Utf8
            {"a":1,"b":"x","n":{"p":"1","q":null},"c":null}
            {"a":0.5,"b":null,"n":null,"c":"[1]"}
            {"a":null,"b":"7","n":{"p":"z","q":"y"},"c":null}
            {"a":null,"b":null,"n":null,"c":"{\"d\":1}"}
        "#]],
        );
    }
}
