//! Cells of Arrow arrays as values.
//!
//! | Arrow | value |
//! |---|---|
//! | integers of all widths | integer; an unsigned one that is too large: its digits |
//! | floats | float, without a change |
//! | decimals | integer where there is no fraction in the type; float up to 15 digits; else digits |
//! | timestamps, dates | moment, floored to microseconds; without a zone it is UTC |
//! | texts, binaries | text |
//! | lists of all kinds | array |
//! | structs, maps | dict |
//! | dictionaries, run ends, unions | what they stand for |
//! | times of day, durations, intervals | their text |

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, GenericListViewArray, OffsetSizeTrait, RecordBatch,
    RunArray, StructArray, types::*,
};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use rows::{Dict, Name, Row, Shape, Text, Time, Value};

/// Types may be nested so deep.
pub const DEPTH_MAX: usize = 64;

/// A column whose type is nested too deep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the type of column `{0}` is nested deeper than {DEPTH_MAX}; flatten it")]
pub struct TooDeep(pub String);

/// A batch, row by row.
pub struct Cells {
    columns: Vec<ArrayRef>,
    /// Which columns make the rows, in order.
    shown: Vec<usize>,
    shape: Shape,
    rows: usize,
}

impl Cells {
    /// All columns of a batch.
    pub fn of(batch: &RecordBatch) -> Result<Self, TooDeep> {
        Self::some_of(batch, |_| true)
    }

    /// The columns of a batch that are wanted. Of several with one name the first counts.
    pub fn some_of(batch: &RecordBatch, wanted: impl Fn(&str) -> bool) -> Result<Self, TooDeep> {
        check_depth(&batch.schema())?;
        let schema = batch.schema();
        let mut names: Vec<Name> = Vec::new();
        let mut shown = Vec::new();
        for (place, field) in schema.fields().iter().enumerate() {
            if wanted(field.name()) && !names.iter().any(|name| name.is(field.name())) {
                names.push(Name::from(field.name().as_str()));
                shown.push(place);
            }
        }
        let columns = batch.columns().to_vec();
        Ok(Self { columns, shown, shape: Shape::of(names), rows: batch.num_rows() })
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> Row {
        let cells = self.shown.iter().map(|place| value(&self.columns[*place], row));
        Dict::of_shape(&self.shape, cells)
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.rows).map(|row| self.row(row))
    }
}

/// Refuses types that are nested too deep.
pub fn check_depth(schema: &Schema) -> Result<(), TooDeep> {
    let deep = |data_type: &DataType| deeper_than(data_type, DEPTH_MAX);
    match schema.fields().iter().find(|field| deep(field.data_type())) {
        Some(field) => Err(TooDeep(field.name().clone())),
        None => Ok(()),
    }
}

fn deeper_than(data_type: &DataType, depth: usize) -> bool {
    let Some(left) = depth.checked_sub(1) else { return true };
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => deeper_than(field.data_type(), left),
        DataType::Struct(fields) => fields.iter().any(|f| deeper_than(f.data_type(), left)),
        DataType::Union(fields, _) => fields.iter().any(|(_, f)| deeper_than(f.data_type(), left)),
        DataType::Dictionary(_, values) => deeper_than(values, left),
        DataType::RunEndEncoded(_, values) => deeper_than(values.data_type(), left),
        _ => false,
    }
}

/// The value of one cell.
///
/// # Panics
/// When there is no such row.
pub fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Value::Int(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::Int(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::Int(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => {
            let number = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(number).map_or_else(|_| Value::text(number.to_string()), Value::Int)
        }
        DataType::Float16 => {
            Value::Float(array.as_primitive::<Float16Type>().value(row).to_f32().into())
        }
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::text(array.as_string_view().value(row)),
        DataType::Binary => Value::text(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Value::text(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Value::text(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Value::text(array.as_fixed_size_binary().value(row)),
        DataType::Timestamp(unit, _) => moment(timestamp_nanos(array, *unit, row)),
        DataType::Date32 => {
            moment(i128::from(array.as_primitive::<Date32Type>().value(row)) * NANOS_PER_DAY)
        }
        DataType::Date64 => {
            moment(i128::from(array.as_primitive::<Date64Type>().value(row)) * 1_000_000)
        }
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => decimal(array, *scale, row),
        _ => nested(array, row),
    }
}

const NANOS_PER_DAY: i128 = 86_400 * 1_000_000_000;

fn nested(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>(), row),
        DataType::LargeList(_) => list(array.as_list::<i64>(), row),
        DataType::ListView(_) => list_view(array.as_list_view::<i32>(), row),
        DataType::LargeListView(_) => list_view(array.as_list_view::<i64>(), row),
        DataType::FixedSizeList(_, _) => {
            let list = array.as_fixed_size_list();
            let start = usize::try_from(list.value_offset(row)).unwrap_or(0);
            let length = usize::try_from(list.value_length()).unwrap_or(0);
            values(list.values(), start, start + length)
        }
        DataType::Struct(_) => Value::Dict(of_struct(array.as_struct(), row)),
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (from, to) = (map.value_offsets()[row], map.value_offsets()[row + 1]);
            let mut dict = Dict::new();
            for entry in usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0) {
                let key = value(map.keys(), entry).to_text();
                dict.update(key.to_str_lossy().as_ref(), value(map.values(), entry));
            }
            Value::Dict(dict)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            match value(dictionary.keys(), row) {
                Value::Int(key) => value(dictionary.values(), usize::try_from(key).unwrap_or(0)),
                _ => Value::Null,
            }
        }
        DataType::RunEndEncoded(ends, _) => run(array, ends.data_type(), row),
        DataType::Union(_, _) => {
            let union = array.as_union();
            value(union.child(union.type_id(row)), union.value_offset(row))
        }
        _ => as_text(array, row),
    }
}

fn run(array: &dyn Array, ends: &DataType, row: usize) -> Value {
    macro_rules! of {
        ($Ends:ty) => {
            array
                .as_any()
                .downcast_ref::<RunArray<$Ends>>()
                .map_or(Value::Null, |runs| value(runs.values(), runs.get_physical_index(row)))
        };
    }
    match ends {
        DataType::Int16 => of!(Int16Type),
        DataType::Int32 => of!(Int32Type),
        _ => of!(Int64Type),
    }
}

fn list<O: OffsetSizeTrait>(list: &GenericListArray<O>, row: usize) -> Value {
    let offsets = list.value_offsets();
    values(list.values(), offsets[row].as_usize(), offsets[row + 1].as_usize())
}

fn list_view<O: OffsetSizeTrait>(list: &GenericListViewArray<O>, row: usize) -> Value {
    let start = list.value_offset(row).as_usize();
    values(list.values(), start, start + list.value_size(row).as_usize())
}

fn values(array: &dyn Array, start: usize, end: usize) -> Value {
    Value::array((start..end).map(|row| value(array, row)))
}

fn of_struct(array: &StructArray, row: usize) -> Dict {
    let mut dict = Dict::with_capacity(array.num_columns());
    for (field, column) in array.fields().iter().zip(array.columns()) {
        dict.update(field.name().as_str(), value(column, row));
    }
    dict
}

/// A timestamp in nanoseconds since 1970.
fn timestamp_nanos(array: &dyn Array, unit: TimeUnit, row: usize) -> i128 {
    let (number, scale) = match unit {
        TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000),
        TimeUnit::Millisecond => {
            (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000)
        }
        TimeUnit::Microsecond => {
            (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000)
        }
        TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1),
    };
    i128::from(number) * scale
}

fn moment(nanos: i128) -> Value {
    Value::Time(Time::from_unix_nanos(nanos.div_euclid(1_000) * 1_000))
}

fn decimal(array: &dyn Array, scale: i8, row: usize) -> Value {
    let text = as_text(array, row);
    let Value::Text(digits) = &text else { return text };
    let digits = digits.to_str_lossy();
    if scale <= 0 {
        return digits.parse().map_or(text, Value::Int);
    }
    let significant = digits.bytes().filter(u8::is_ascii_digit).skip_while(|b| *b == b'0').count();
    // A double keeps 15 decimal digits, whatever they are.
    if significant <= 15 { digits.parse().map_or(text, Value::Float) } else { text }
}

/// Whatever Arrow itself writes.
fn as_text(array: &dyn Array, row: usize) -> Value {
    let options = FormatOptions::default().with_display_error(true);
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => Value::text(formatter.value(row).to_string()),
        Err(_) => Value::Text(Text::default()),
    }
}

#[cfg(test)]
mod tests;
