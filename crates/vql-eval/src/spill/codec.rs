//! The form in which plain values are stored for a while. Private to one run: written and read by
//! the same program, and never kept.
//!
//! A byte says what follows. Numbers are digits of 7 bits, the least first; signed ones are folded
//! so that small negative ones are short. The names of a dict are written once and then
//! referred to, so writer and reader remember the same list.

use std::collections::HashMap;
use std::sync::Arc;

use rows::{Dict, Name, OsPath, PathStyle, Row, Shape, Text, Time, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const ARRAY: u8 = 6;
const DICT: u8 = 7;
const TIME: u8 = 8;
const PATH: u8 = 9;

/// So many lists of names are remembered.
const SHAPES_MAX: usize = 4_096;

const STYLES: [PathStyle; 5] = [
    PathStyle::Unix,
    PathStyle::Windows,
    PathStyle::Registry,
    PathStyle::Relative,
    PathStyle::Opaque,
];

/// Appends a number.
pub(super) fn number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unfolded(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Writes values.
#[derive(Default)]
pub(super) struct Encoder {
    shapes: Vec<Shape>,
    places: HashMap<Vec<Name>, usize>,
    last: usize,
}

impl Encoder {
    /// Appends a value. An object is written as NULL: it has to be plain before.
    pub(super) fn value(&mut self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Null | Value::Object(_) => out.push(NULL),
            Value::Bool(false) => out.push(FALSE),
            Value::Bool(true) => out.push(TRUE),
            Value::Int(int) => {
                out.push(INT);
                number(folded(*int), out);
            }
            Value::Float(float) => {
                out.push(FLOAT);
                out.extend_from_slice(&float.to_bits().to_le_bytes());
            }
            Value::Text(text) => {
                out.push(TEXT);
                bytes(text, out);
            }
            Value::Array(items) => {
                out.push(ARRAY);
                number(items.len() as u64, out);
                items.iter().for_each(|item| self.value(item, out));
            }
            Value::Dict(dict) => {
                out.push(DICT);
                self.row(dict, out);
            }
            Value::Time(time) => {
                out.push(TIME);
                out.extend_from_slice(&time.unix_nanos().to_le_bytes());
            }
            Value::Path(path) => {
                out.push(PATH);
                self.path(path, out);
            }
        }
    }

    pub(super) fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        let shape = row.shape();
        match self.known(shape) {
            Some(place) => number(place as u64 + 1, out),
            None => {
                number(0, out);
                number(shape.names().len() as u64, out);
                shape.names().iter().for_each(|name| bytes(name.as_str().as_bytes(), out));
            }
        }
        row.values().for_each(|value| self.value(value, out));
    }

    /// Where these names were written before; remembers them otherwise.
    fn known(&mut self, shape: &Shape) -> Option<usize> {
        if self.shapes.get(self.last).is_some_and(|last| last.same(shape)) {
            return Some(self.last);
        }
        if let Some(place) = self.places.get(shape.names()) {
            self.last = *place;
            self.shapes[*place] = shape.clone();
            return Some(*place);
        }
        if self.shapes.len() < SHAPES_MAX {
            self.last = self.shapes.len();
            self.places.insert(shape.names().to_vec(), self.last);
            self.shapes.push(shape.clone());
        }
        None
    }

    fn path(&mut self, path: &OsPath, out: &mut Vec<u8>) {
        let style = STYLES.iter().position(|style| *style == path.style()).unwrap_or(0);
        number(style as u64, out);
        number(path.components().len() as u64, out);
        path.components().iter().for_each(|part| bytes(part, out));
        match path.delegate() {
            None => out.push(0),
            Some(delegate) => {
                out.push(1);
                bytes(delegate.accessor.as_str().as_bytes(), out);
                bytes(&delegate.path, out);
            }
        }
    }
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads what an [`Encoder`] wrote, in the same order. `None` when it is something else.
#[derive(Default)]
pub(super) struct Decoder {
    shapes: Vec<Shape>,
}

type Input<'i, 'b> = &'i mut &'b [u8];

impl Decoder {
    pub(super) fn value(&mut self, input: Input<'_, '_>) -> Option<Value> {
        Some(match take(input, 1)?[0] {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(unfolded(read_number(input)?)),
            FLOAT => {
                let bits = u64::from_le_bytes(take(input, 8)?.try_into().ok()?);
                Value::Float(f64::from_bits(bits))
            }
            TEXT => Value::Text(Text::from(read_bytes(input)?)),
            ARRAY => {
                let count = read_length(input)?;
                let items: Option<Vec<_>> = (0..count).map(|_| self.value(input)).collect();
                Value::Array(Arc::new(items?))
            }
            DICT => Value::Dict(self.row(input)?),
            TIME => {
                let nanos = i128::from_le_bytes(take(input, 16)?.try_into().ok()?);
                Value::Time(Time::from_unix_nanos(nanos))
            }
            PATH => Value::Path(Arc::new(read_path(input)?)),
            _ => return None,
        })
    }

    pub(super) fn row(&mut self, input: Input<'_, '_>) -> Option<Row> {
        let place = usize::try_from(read_number(input)?).ok()?;
        let shape = match place.checked_sub(1) {
            Some(place) => self.shapes.get(place)?.clone(),
            None => {
                let count = read_length(input)?;
                let names: Option<Vec<Name>> = (0..count).map(|_| read_name(input)).collect();
                let shape = Shape::of(names?);
                if self.shapes.len() < SHAPES_MAX {
                    self.shapes.push(shape.clone());
                }
                shape
            }
        };
        let count = shape.names().len();
        let values: Option<Vec<Value>> = (0..count).map(|_| self.value(input)).collect();
        Some(Dict::of_shape(&shape, values?))
    }
}

fn read_path(input: Input<'_, '_>) -> Option<OsPath> {
    let style = *STYLES.get(usize::try_from(read_number(input)?).ok()?)?;
    let count = read_length(input)?;
    let parts: Option<Vec<Text>> =
        (0..count).map(|_| Some(Text::from(read_bytes(input)?))).collect();
    let path = OsPath::new(style, parts?);
    Some(match take(input, 1)?[0] {
        0 => path,
        _ => {
            let accessor = read_name(input)?;
            path.inside(accessor, Text::from(read_bytes(input)?))
        }
    })
}

fn read_name(input: Input<'_, '_>) -> Option<Name> {
    Some(Name::from(std::str::from_utf8(read_bytes(input)?).ok()?))
}

fn take<'b>(input: Input<'_, 'b>, count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

fn read_bytes<'b>(input: Input<'_, 'b>) -> Option<&'b [u8]> {
    let count = read_length(input)?;
    take(input, count)
}

/// A number of things that are still to be read; never more than there are bytes.
fn read_length(input: Input<'_, '_>) -> Option<usize> {
    let count = usize::try_from(read_number(input)?).ok()?;
    (count <= input.len()).then_some(count)
}

fn read_number(input: Input<'_, '_>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(input, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_text() -> impl Strategy<Value = Text> {
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Text::from)
    }

    fn any_path() -> impl Strategy<Value = Value> {
        let delegate = prop::option::of(("[a-z]{1,5}", any_text()));
        let parts = prop::collection::vec(any_text(), 0..4);
        (0..STYLES.len(), parts, delegate).prop_map(|(style, parts, delegate)| {
            let path = OsPath::new(STYLES[style], parts);
            Value::from(match delegate {
                Some((accessor, inside)) => path.inside(accessor.as_str(), inside),
                None => path,
            })
        })
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let flat = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            any_text().prop_map(Value::Text),
            (any::<i64>(), 0..1_000_000_000)
                .prop_map(|(s, n)| Value::Time(Time::from_unix(s >> 20, n))),
            any_path(),
        ];
        flat.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a-c]{0,2}", inner), 0..5)
                    .prop_map(|pairs| Value::Dict(pairs.into_iter().collect())),
            ]
        })
    }

    /// What tells values apart to the bit.
    fn shown(value: &Value) -> String {
        match value {
            Value::Float(float) => format!("{:x}", float.to_bits()),
            Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
            Value::Dict(dict) => {
                dict.iter().map(|(name, value)| format!("{name}={};", shown(value))).collect()
            }
            other => format!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(values in prop::collection::vec(any_value(), 0..8)) {
            let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
            let mut out = Vec::new();
            values.iter().for_each(|value| encoder.value(value, &mut out));
            let mut input = &out[..];
            for value in &values {
                let read = decoder.value(&mut input).unwrap();
                prop_assert_eq!(shown(&read), shown(value));
            }
            prop_assert!(input.is_empty());
        }

        #[test]
        fn damaged_bytes_are_refused_or_something_else(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Decoder::default().value(&mut &bytes[..]);
        }
    }
}
