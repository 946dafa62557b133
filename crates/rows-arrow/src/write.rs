//! One batch out of many rows.
//!
//! A column's type is what all its values have in common. Integers and floats together are floats as
//! long as no integer is too large to be one exactly; otherwise different types become texts.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, ListArray, NullArray,
    RecordBatch, RecordBatchOptions, StringBuilder, StructArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;
use rows::{Name, Row, Text, Value, write_json};

use crate::read::DEPTH_MAX;

/// One batch with a column for each key of any row, in the order in which they come.
pub fn batch_of(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let plain: Vec<Row> = rows
        .iter()
        .map(|row| match Value::Dict(row.clone()).materialise() {
            Value::Dict(row) => row,
            _ => row.clone(),
        })
        .collect();
    let values: Vec<Option<&Row>> = plain.iter().map(Some).collect();
    let (fields, columns) = columns_of(&values, DEPTH_MAX)?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn columns_of(rows: &[Option<&Row>], depth: usize) -> Result<(Fields, Vec<ArrayRef>), ArrowError> {
    let mut names: indexmap::IndexSet<Name> = indexmap::IndexSet::new();
    for row in rows.iter().flatten() {
        for name in row.keys() {
            if !names.contains(name) {
                names.insert(name.clone());
            }
        }
    }
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for name in &names {
        let cells: Vec<&Value> =
            rows.iter().map(|row| row.and_then(|row| row.get(name)).unwrap_or(&NULL)).collect();
        let column = column_of(&cells, depth)?;
        fields.push(Field::new(name.as_str(), column.data_type().clone(), true));
        columns.push(column);
    }
    Ok((Fields::from(fields), columns))
}

static NULL: Value = Value::Null;

/// What the values of a column have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Nothing,
    Bool,
    /// All of them are doubles as well, or not.
    Int {
        narrow: bool,
    },
    Float,
    Time,
    Text {
        utf8: bool,
    },
    Array,
    Dict,
}

impl Kind {
    fn of(value: &Value) -> Self {
        /// Up to here every integer is a double.
        const NARROW_MAX: u64 = 1 << 53;
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Int(number) => Self::Int { narrow: number.unsigned_abs() <= NARROW_MAX },
            Value::Float(_) => Self::Float,
            Value::Time(_) => Self::Time,
            Value::Text(text) => Self::Text { utf8: text.as_str().is_some() },
            Value::Array(_) => Self::Array,
            Value::Dict(_) => Self::Dict,
            Value::Path(_) | Value::Object(_) => {
                Self::Text { utf8: value.to_text().as_str().is_some() }
            }
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (Self::Int { narrow: a }, Self::Int { narrow: b }) => Self::Int { narrow: a && b },
            (Self::Int { narrow: true }, Self::Float)
            | (Self::Float, Self::Int { narrow: true }) => Self::Float,
            (Self::Text { utf8: a }, Self::Text { utf8: b }) => Self::Text { utf8: a && b },
            (Self::Text { utf8 }, _) | (_, Self::Text { utf8 }) => Self::Text { utf8 },
            (a, b) if a == b => a,
            _ => Self::Text { utf8: true },
        }
    }
}

fn column_of(cells: &[&Value], depth: usize) -> Result<ArrayRef, ArrowError> {
    let kind = cells.iter().fold(Kind::Nothing, |kind, cell| kind.with(Kind::of(cell)));
    let leaf = depth <= 1;
    match kind {
        Kind::Nothing => Ok(Arc::new(NullArray::new(cells.len()))),
        Kind::Array if !leaf => array_column(cells, depth - 1),
        Kind::Dict if !leaf => dict_column(cells, depth - 1),
        Kind::Array | Kind::Dict => Ok(text_column(cells)),
        Kind::Text { utf8: true } => Ok(text_column(cells)),
        Kind::Text { utf8: false } => {
            let mut column = BinaryBuilder::new();
            for cell in cells {
                column.append_option(text(cell).as_ref().map(Text::as_bytes));
            }
            Ok(Arc::new(column.finish()))
        }
        Kind::Bool => {
            let mut column = BooleanBuilder::new();
            for cell in cells {
                column.append_option(if let Value::Bool(truth) = cell {
                    Some(*truth)
                } else {
                    None
                });
            }
            Ok(Arc::new(column.finish()))
        }
        Kind::Int { .. } => {
            let mut column = Int64Builder::new();
            for cell in cells {
                column.append_option(if let Value::Int(number) = cell {
                    Some(*number)
                } else {
                    None
                });
            }
            Ok(Arc::new(column.finish()))
        }
        Kind::Float => {
            let mut column = Float64Builder::new();
            for cell in cells {
                column.append_option(match cell {
                    Value::Float(number) => Some(*number),
                    Value::Int(number) => Some(*number as f64),
                    _ => None,
                });
            }
            Ok(Arc::new(column.finish()))
        }
        Kind::Time => {
            let mut column = TimestampMicrosecondBuilder::new()
                .with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
            for cell in cells {
                column.append_option(match cell {
                    Value::Time(time) => i64::try_from(time.unix_nanos().div_euclid(1_000)).ok(),
                    _ => None,
                });
            }
            Ok(Arc::new(column.finish()))
        }
    }
}

fn array_column(cells: &[&Value], depth: usize) -> Result<ArrayRef, ArrowError> {
    let mut inner: Vec<&Value> = Vec::new();
    let mut lengths = Vec::with_capacity(cells.len());
    for cell in cells {
        let before = inner.len();
        if let Value::Array(values) = cell {
            inner.extend(values.iter());
        }
        lengths.push(inner.len() - before);
    }
    let values = column_of(&inner, depth)?;
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls(cells))?))
}

fn dict_column(cells: &[&Value], depth: usize) -> Result<ArrayRef, ArrowError> {
    let inner: Vec<Option<&Row>> = cells
        .iter()
        .map(|cell| if let Value::Dict(dict) = cell { Some(dict) } else { None })
        .collect();
    let (fields, columns) = columns_of(&inner, depth)?;
    if fields.is_empty() {
        // Many who read Arrow do not know structs without fields.
        return Ok(text_column(cells));
    }
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls(cells))?))
}

fn nulls(cells: &[&Value]) -> Option<NullBuffer> {
    Some(NullBuffer::from_iter(cells.iter().map(|cell| !cell.is_null())))
}

fn text_column(cells: &[&Value]) -> ArrayRef {
    let mut column = StringBuilder::new();
    for cell in cells {
        column.append_option(text(cell).map(|text| text.to_str_lossy().into_owned()));
    }
    Arc::new(column.finish())
}

fn text(value: &Value) -> Option<Text> {
    match value {
        Value::Null => None,
        Value::Array(_) => {
            let mut json = Vec::new();
            write_json(value, &mut json);
            Some(Text::from(json))
        }
        other => Some(other.to_text()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use rows::{Dict, Time};

    use super::*;
    use crate::Cells;

    fn check(rows: &[Row], expected: &Expect) {
        let batch = batch_of(rows).unwrap();
        let mut shown: String = batch
            .schema()
            .fields()
            .iter()
            .map(|f| format!("{}: {}\n", f.name(), f.data_type()))
            .collect();
        for row in Cells::of(&batch).unwrap().rows() {
            shown.push_str(&format!("{}\n", Value::Dict(row)));
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn different_types_become_texts() {
        let rows = [
            Dict::new().with("a", 1_i64).with("b", 1_i64).with("c", i64::MAX),
            Dict::new().with("b", 0.5).with("a", "x").with("c", 0.5),
            Dict::new().with("a", Value::array([1_i64, 2])),
        ];
        check(
            &rows,
            &expect![[r#"
            a: Utf8
            b: Float64
            c: Utf8
            {"a":"1","b":1,"c":"9223372036854775807"}
            {"a":"x","b":0.5,"c":"0.5"}
            {"a":"[1,2]","b":null,"c":null}
        "#]],
        );
    }

    #[test]
    fn nested_rows_and_rows_without_columns() {
        let rows = [
            Dict::new().with("p", Dict::new().with("q", 1_i64)).with("l", Value::array(["x"])),
            Dict::new().with("p", Dict::new().with("r", Time::EPOCH)).with("e", Dict::new()),
        ];
        check(
            &rows,
            &expect![[r#"
            p: Struct("q": Int64, "r": Timestamp(µs, "UTC"))
            l: List(Utf8)
            e: Utf8
            {"p":{"q":1,"r":null},"l":["x"],"e":null}
            {"p":{"q":null,"r":"1970-01-01T00:00:00Z"},"l":null,"e":"{}"}
        "#]],
        );
        assert_eq!(batch_of(&[Dict::new(), Dict::new()]).unwrap().num_rows(), 2);
        assert_eq!(batch_of(&[]).unwrap().num_rows(), 0);
    }

    fn cell() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e9..1e9).prop_map(Value::Float),
            "\\PC{0,8}".prop_map(Value::text),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::text),
            any::<i64>()
                .prop_map(|n| Value::Time(Time::from_unix_nanos(i128::from(n / 1_000) * 1_000))),
            prop::collection::vec(any::<i64>(), 0..3).prop_map(Value::array),
        ]
    }

    proptest! {
        #[test]
        fn a_column_of_one_type_comes_back_as_it_was(cells in prop::collection::vec(cell(), 0..12), kind in 0_usize..7) {
            let kinds: [fn(&Value) -> bool; 7] = [
                |v| matches!(v, Value::Bool(_)), |v| matches!(v, Value::Int(_)), |v| matches!(v, Value::Float(_)),
                |v| matches!(v, Value::Text(_)), |v| matches!(v, Value::Time(_)), |v| matches!(v, Value::Array(_)), |_| false,
            ];
            let rows: Vec<Row> = cells.iter().filter(|v| v.is_null() || kinds[kind](v))
                .map(|v| Dict::new().with("c", v.clone())).collect();
            let back: Vec<Row> = Cells::of(&batch_of(&rows).unwrap()).unwrap().rows().collect();
            prop_assert_eq!(format!("{rows:?}"), format!("{back:?}"));
        }

        #[test]
        fn any_rows_become_a_batch_with_as_many_rows(
            rows in prop::collection::vec(prop::collection::vec(("[a-c]", cell()), 0..4), 0..6),
        ) {
            let rows: Vec<Row> = rows.into_iter()
                .map(|cells| cells.into_iter().fold(Dict::new(), |row, (name, value)| row.with(name, value))).collect();
            let batch = batch_of(&rows).unwrap();
            prop_assert_eq!(batch.num_rows(), rows.len());
            for (row, back) in rows.iter().zip(Cells::of(&batch).unwrap().rows()) {
                for (name, value) in row.iter() {
                    prop_assert_eq!(value.is_null(), back.get(name).unwrap().is_null());
                }
            }
        }
    }
}
