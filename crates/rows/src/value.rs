//! The value type, its truth, its text form and its size.

use std::fmt;
use std::sync::Arc;

use crate::{Dict, Name, Object, ObjectKind, OsPath, Text, Time, go_float, json};

/// A value of a query.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer; overflow wraps.
    Int(i64),
    /// A double.
    Float(f64),
    /// Bytes, usually UTF-8.
    Text(Text),
    /// Values in order.
    Array(Arc<Vec<Value>>),
    /// Named values in order.
    Dict(Dict),
    /// A moment.
    Time(Time),
    /// A structured path.
    Path(Arc<OsPath>),
    /// Something that is not plain data.
    Object(Arc<dyn Object>),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// An array of these values.
    pub fn array<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::Array(Arc::new(values.into_iter().map(Into::into).collect()))
    }

    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name of the type as `%T` prints it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Null => "Null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Array(_) => "[]interface {}",
            Self::Dict(_) => "*ordereddict.Dict",
            Self::Time(_) => "time.Time",
            Self::Path(_) => "*accessors.OSPath",
            Self::Object(object) => object.type_name(),
        }
    }

    /// The kind of object this is, if it is one.
    pub fn object_kind(&self) -> Option<ObjectKind> {
        match self {
            Self::Object(object) => Some(object.kind()),
            _ => None,
        }
    }

    /// Whether the value counts as true. A query is asked by whoever can run it.
    pub fn truth(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number > 0,
            Self::Float(number) => *number > 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Array(values) => !values.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Time(time) => *time > Time::EPOCH,
            Self::Path(path) => !path.components().is_empty() || path.delegate().is_some(),
            Self::Object(object) => object.truth(),
        }
    }

    /// The text form: what `%v` prints. NULL is `Null`, arrays are `[1 2]`, dicts are JSON.
    pub fn to_text(&self) -> Text {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => Text::of_int(*number),
            _ => {
                let mut out = Vec::new();
                self.print(&mut out);
                Text::from(out)
            }
        }
    }

    /// Appends the text form.
    pub fn print(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"Null"),
            Self::Bool(truth) => out.extend_from_slice(truth.to_string().as_bytes()),
            Self::Int(number) => out.extend_from_slice(&Text::of_int(*number)),
            Self::Float(number) => out.extend_from_slice(go_float(*number).as_bytes()),
            Self::Text(text) => out.extend_from_slice(text),
            Self::Array(values) => {
                out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(b' ');
                    }
                    value.print(out);
                }
                out.push(b']');
            }
            Self::Dict(_) => json::write_json(self, out),
            Self::Time(time) => out.extend_from_slice(time.to_string().as_bytes()),
            Self::Path(path) => out.extend_from_slice(&path.to_text()),
            Self::Object(object) => out.extend_from_slice(&object.to_text()),
        }
    }

    /// Plain data: no object is left anywhere inside.
    #[must_use]
    pub fn materialise(&self) -> Value {
        match self {
            Self::Object(object) => object.materialise(),
            Self::Array(values) if values.iter().any(Value::holds_object) => {
                Self::array(values.iter().map(Value::materialise).collect::<Vec<_>>())
            }
            Self::Dict(dict) if dict.values().any(Value::holds_object) => {
                let mut plain = dict.clone();
                plain.map_values(|_, value| *value = value.materialise());
                Self::Dict(plain)
            }
            _ => self.clone(),
        }
    }

    /// Whether an object is anywhere inside.
    pub fn holds_object(&self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Array(values) => values.iter().any(Value::holds_object),
            Self::Dict(dict) => dict.values().any(Value::holds_object),
            _ => false,
        }
    }

    /// Like [`size_bytes`](Self::size_bytes), but gives up: `None` when the value is larger than
    /// `bytes_max` or nested deeper than `depth_max`. Parts that are shared count every time, so
    /// that printing or walking the value is bounded as well.
    pub fn measure(&self, bytes_max: usize, depth_max: usize) -> Option<usize> {
        fn walk(value: &Value, left: &mut usize, depth: usize) -> Option<()> {
            let own = match value {
                Value::Array(_) | Value::Dict(_) => size_of::<Value>() + 64,
                flat => flat.size_bytes(),
            };
            *left = left.checked_sub(own)?;
            match value {
                Value::Array(values) => {
                    let depth = depth.checked_sub(1)?;
                    values.iter().try_for_each(|value| walk(value, left, depth))
                }
                Value::Dict(dict) => {
                    let depth = depth.checked_sub(1)?;
                    *left = left.checked_sub(dict.shape().bytes() + 40 * dict.len())?;
                    dict.values().try_for_each(|value| walk(value, left, depth))
                }
                _ => Some(()),
            }
        }
        let mut left = bytes_max;
        walk(self, &mut left, depth_max)?;
        Some(bytes_max - left)
    }

    /// About how many bytes of memory the value keeps alive; shared parts count fully.
    pub fn size_bytes(&self) -> usize {
        const SELF: usize = size_of::<Value>();
        SELF + match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Time(_) => 0,
            Self::Text(text) => text.len() + 16,
            Self::Array(values) => values.iter().map(Value::size_bytes).sum::<usize>() + 40,
            Self::Dict(dict) => {
                dict.values().map(|value| 40 + value.size_bytes()).sum::<usize>()
                    + dict.shape().bytes()
                    + 80
            }
            Self::Path(path) => path.components().iter().map(|part| part.len() + 24).sum::<usize>(),
            Self::Object(object) => match object.rows() {
                Some(rows) => {
                    rows.iter().map(|row| Value::Dict(row.clone()).size_bytes()).sum::<usize>()
                }
                None => 64,
            },
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_text(), f)
    }
}

impl PartialEq for Value {
    /// The `=` of the language, so it is not symmetric for every pair of types.
    fn eq(&self, other: &Self) -> bool {
        crate::equal(self, other)
    }
}

macro_rules! from_plain {
    ($($from:ty => |$value:ident| $make:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $make
            }
        })*
    };
}

from_plain! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(i64::from(value));
    u32 => |value| Self::Int(i64::from(value));
    u16 => |value| Self::Int(i64::from(value));
    u8 => |value| Self::Int(i64::from(value));
    u64 => |value| Self::Int(value.cast_signed());
    usize => |value| Self::Int(i64::try_from(value).unwrap_or(i64::MAX));
    f64 => |value| Self::Float(value);
    &str => |value| Self::text(value);
    String => |value| Self::text(value);
    Text => |value| Self::Text(value);
    Vec<u8> => |value| Self::text(value);
    &[u8] => |value| Self::text(value);
    Dict => |value| Self::Dict(value);
    Time => |value| Self::Time(value);
    OsPath => |value| Self::Path(Arc::new(value));
    Arc<OsPath> => |value| Self::Path(value);
    Arc<dyn Object> => |value| Self::Object(value);
    Vec<Value> => |value| Self::Array(Arc::new(value));
    Name => |value| Self::text(value.as_str());
    &Name => |value| Self::text(value.as_str());
    () => |_value| Self::Null;
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
