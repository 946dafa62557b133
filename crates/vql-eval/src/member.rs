//! Members, indexes and slices.

use rows::{ObjectKind, OsPath, Text, Time, Value};
use std::sync::Arc;

use crate::objects::StoredQuery;
use crate::scope::Env;

impl Env {
    /// `value.name`. `None` when there is no such member.
    pub(crate) fn member(&self, value: &Value, name: &str) -> Option<Value> {
        match value {
            Value::Dict(dict) => match dict.get(name) {
                Some(found) => Some(self.forced(found.clone())),
                None if name.starts_with('@') => dict_method(value, name),
                None => None,
            },
            Value::Array(items) => {
                let mut found = Vec::with_capacity(items.len());
                for item in items.iter() {
                    match item {
                        Value::Dict(dict) => match dict.get(name) {
                            Some(Value::Object(_)) | None => found.extend(self.member(item, name)),
                            Some(plain) => found.push(plain.clone()),
                        },
                        _ => found.extend(self.member(item, name)),
                    }
                }
                (!found.is_empty()).then(|| Value::from(found))
            }
            Value::Time(time) => time_member(*time, name),
            Value::Path(path) => path.member(name),
            Value::Object(object) => match object.kind() {
                ObjectKind::Query => {
                    let query = StoredQuery::of(value)?;
                    let column = self.rows_of_query(query).map(|row| {
                        row.get(name).map_or(Value::Null, |value| self.settle(value.clone()))
                    });
                    Some(Value::from(column.collect::<Vec<_>>()))
                }
                ObjectKind::Rows => {
                    let rows = self.rows_in_memory(object)?;
                    let column = rows.iter().map(|row| row.get(name).cloned().unwrap_or_default());
                    Some(Value::from(column.collect::<Vec<_>>()))
                }
                // A lazy value may know more than the value behind it, such as where it lies.
                ObjectKind::Lazy => {
                    object.member(name).or_else(|| self.member(&object.force()?, name))
                }
                ObjectKind::Record | ObjectKind::Scope => object.member(name),
            },
            _ => None,
        }
    }

    /// `value[index]`; NULL when there is nothing.
    pub(crate) fn index(&self, value: &Value, index: &Value) -> Value {
        let number = match index {
            Value::Int(number) => *number,
            Value::Float(number) => *number as i64,
            Value::Text(name) => {
                let name = name.to_str_lossy();
                let as_number = || match value {
                    Value::Array(_) => name.parse().ok(),
                    Value::Object(object) if object.kind() == ObjectKind::Rows => name.parse().ok(),
                    _ => None,
                };
                match as_number() {
                    Some(number) => number,
                    None => return self.member(value, &name).unwrap_or_default(),
                }
            }
            _ => return Value::Null,
        };
        match value {
            Value::Array(items) => wrapped(number, items.len())
                .and_then(|at| items.get(at).cloned())
                .map_or(Value::Null, |item| self.forced(item)),
            Value::Text(text) => {
                from_end(number, text.len()).map_or(Value::Null, |at| Value::from(text[at]))
            }
            Value::Path(path) => from_end(number, path.components().len())
                .map_or(Value::Null, |at| path.components()[at].clone().into()),
            Value::Object(object) => match object.kind() {
                ObjectKind::Query => {
                    let (Some(query), Ok(at)) = (StoredQuery::of(value), usize::try_from(number))
                    else {
                        return Value::Null;
                    };
                    self.rows_of_query(query).nth(at).map_or(Value::Null, Value::Dict)
                }
                ObjectKind::Rows => {
                    let Some(rows) = self.rows_in_memory(object) else { return Value::Null };
                    wrapped(number, rows.len())
                        .and_then(|at| rows.get(at).cloned())
                        .map_or(Value::Null, Value::Dict)
                }
                ObjectKind::Lazy => {
                    object.force().map_or(Value::Null, |value| self.index(&value, index))
                }
                ObjectKind::Record | ObjectKind::Scope => Value::Null,
            },
            _ => Value::Null,
        }
    }

    /// `value[from:to]`.
    pub(crate) fn slice(&self, value: &Value, from: Option<i64>, to: Option<i64>) -> Value {
        match value {
            Value::Array(items) => Value::from(items[range(from, to, items.len())].to_vec()),
            Value::Text(text) => Value::text(&text[range(from, to, text.len())]),
            Value::Path(path) => sub_path(path, from, to),
            Value::Object(object) => match object.kind() {
                ObjectKind::Rows => {
                    let Some(rows) = self.rows_in_memory(object) else { return Value::Null };
                    Value::array(rows[range(from, to, rows.len())].to_vec())
                }
                ObjectKind::Lazy => {
                    object.force().map_or(Value::Null, |value| self.slice(&value, from, to))
                }
                _ => Value::Null,
            },
            _ => Value::Null,
        }
    }

    /// A lazy value is computed; everything else is left as it is.
    pub(crate) fn forced(&self, value: Value) -> Value {
        match &value {
            Value::Object(object) if object.kind() == ObjectKind::Lazy => {
                self.forced(object.force().unwrap_or_default())
            }
            _ => value,
        }
    }
}

fn sub_path(path: &Arc<OsPath>, from: Option<i64>, to: Option<i64>) -> Value {
    let components = path.components();
    let part: Vec<Text> = components[range(from, to, components.len())].to_vec();
    path.with_components(part).into()
}

/// An index into an array: negative from the end, and around as often as needed.
fn wrapped(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok().filter(|length| *length > 0)?;
    usize::try_from(index.rem_euclid(length)).ok()
}

/// An index from the end when negative; `None` outside.
fn from_end(index: i64, length: usize) -> Option<usize> {
    let at = if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// The half-open range of a slice, held inside; empty when it runs backwards.
fn range(from: Option<i64>, to: Option<i64>, length: usize) -> std::ops::Range<usize> {
    let held = |index: i64| {
        let size = i64::try_from(length).unwrap_or(i64::MAX);
        let at = if index < 0 { index.saturating_add(size) } else { index };
        usize::try_from(at.clamp(0, size)).unwrap_or(0)
    };
    let start = from.map_or(0, held);
    let end = to.map_or(length, held);
    start..end.max(start)
}

fn dict_method(value: &Value, name: &str) -> Option<Value> {
    let Value::Dict(dict) = value else { return None };
    Some(match name {
        "@Keys" => Value::array(dict.keys()),
        "@Values" => Value::array(dict.values().cloned()),
        "@Items" => {
            let item = |(key, value): (&rows::Name, &Value)| {
                Value::from(rows::Dict::new().with("Key", key).with("Value", value.clone()))
            };
            Value::from(dict.iter().map(item).collect::<Vec<_>>())
        }
        "@Len" => dict.len().into(),
        "@String" => value.to_text().into(),
        "@ToMap" => value.clone(),
        _ => return None,
    })
}

fn time_member(time: Time, name: &str) -> Option<Value> {
    let civil = time.civil();
    Some(match name {
        "Unix" => time.unix().into(),
        "UnixNano" => i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX).into(),
        "UnixMicro" => i64::try_from(time.unix_nanos() / 1_000).unwrap_or(i64::MAX).into(),
        "UnixMilli" => i64::try_from(time.unix_nanos() / 1_000_000).unwrap_or(i64::MAX).into(),
        "Year" => i32::from(civil.year()).into(),
        "Month" => i32::from(civil.month()).into(),
        "Day" => i32::from(civil.day()).into(),
        "Hour" => i32::from(civil.hour()).into(),
        "Minute" => i32::from(civil.minute()).into(),
        "Second" => i32::from(civil.second()).into(),
        "Nanosecond" => civil.subsec_nanosecond().into(),
        "Weekday" => i32::from(civil.weekday().to_sunday_zero_offset()).into(),
        "YearDay" => i32::from(civil.day_of_year()).into(),
        "String" => Value::text(time.to_string()),
        "UTC" | "Local" => time.into(),
        "IsZero" => (time == Time::zero()).into(),
        _ => return None,
    })
}
