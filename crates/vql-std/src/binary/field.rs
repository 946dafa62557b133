//! One field: what its type makes of the bytes at its place.

use std::sync::Arc;

use parsers::profile::{Amount, Constant, Kind, StringKind, TextEnd, ValueKind, builtin, decode};
use rows::{Dict, Name, Value};

use super::array::{ArrayObject, Measured};
use super::structure::StructObject;
use super::{Overlay, TEXT_MAX_BYTES, TEXT_OPEN_BYTES, as_int};

/// What lies somewhere. Structs are kept by place and made anew when they are asked for, so that
/// nothing holds itself.
#[derive(Clone)]
pub(super) enum Found {
    /// A value without a life of its own, and how many bytes it takes.
    Plain(Value, i64),
    /// A struct of the profile.
    Struct(Arc<str>, i64),
    /// Elements one after the other.
    Array(Arc<Elements>),
    /// What a lambda gave, when it holds structs: not kept.
    Passing(Value),
}

/// The elements of an array.
pub(super) struct Elements {
    pub(super) of: Vec<Found>,
    pub(super) start: i64,
    pub(super) size: i64,
}

impl Found {
    fn null() -> Self {
        Self::Plain(Value::Null, 0)
    }

    /// The value that a query sees. Structs in it belong to `parent`.
    pub(super) fn value(
        &self,
        overlay: &Arc<Overlay>,
        parent: Option<&Arc<StructObject>>,
    ) -> Value {
        match self {
            Self::Plain(value, _) | Self::Passing(value) => value.clone(),
            Self::Struct(name, offset) => {
                StructObject::make(overlay, name, *offset, parent.cloned())
                    .map_or(Value::Null, |made| Value::Object(made))
            }
            Self::Array(elements) => {
                ArrayObject::value(overlay.clone(), elements.clone(), parent.cloned())
            }
        }
    }

    /// How many bytes it takes.
    pub(super) fn size(&self, overlay: &Arc<Overlay>, parent: Option<&Arc<StructObject>>) -> i64 {
        match self {
            Self::Plain(_, size) => *size,
            Self::Passing(_) => 0,
            Self::Struct(name, offset) => {
                StructObject::make(overlay, name, *offset, parent.cloned())
                    .map_or(0, |made| made.size())
            }
            Self::Array(elements) => elements.size,
        }
    }
}

/// What the type of that name makes of the file at `offset`: what `parse_binary` gives.
pub(crate) fn open(overlay: &Arc<Overlay>, type_name: &str, offset: i64) -> Option<Value> {
    let kind = match overlay.profile.get(type_name) {
        Some(_) => Kind::Named(type_name.to_owned()),
        None => builtin(type_name)?,
    };
    Some(overlay.read(&kind, offset, None).value(overlay, None))
}

impl Overlay {
    /// What the type makes of the bytes at `offset`. Lambdas are called with `this`.
    pub(super) fn read(
        self: &Arc<Self>,
        kind: &Kind,
        offset: i64,
        this: Option<&Arc<StructObject>>,
    ) -> Found {
        match kind {
            Kind::String(string) => self.text(string, offset, this),
            Kind::Value(ValueKind::Constant(constant)) => Found::Plain(constant_value(constant), 0),
            Kind::Value(ValueKind::Lambda(text)) => {
                let value = self.call(text, this, None);
                if value.holds_object() { Found::Passing(value) } else { Found::Plain(value, 0) }
            }
            Kind::Array { of, count, count_max, sentinel } => {
                let count = self.amount(count, this).unwrap_or(0).clamp(0, *count_max);
                self.array(of, offset, count, sentinel.as_deref(), this)
            }
            Kind::Pointer { to } => {
                let address = self.exactly(offset, 8).and_then(|b| decode::int(&b, false, false));
                self.elsewhere(to, address, this)
            }
            Kind::Elsewhere { of, offset: amount } => {
                self.elsewhere(of, self.amount(amount, this), this)
            }
            Kind::Union { selector, choices } => {
                let chosen = self.scope.materialise(&self.call(selector, this, None));
                let chosen = chosen.to_text().to_str_lossy().into_owned();
                let find = |name: &str| choices.iter().find(|(value, _)| value == name);
                match find(&chosen).or_else(|| find("default")) {
                    Some((_, kind)) => self.read(kind, offset, this),
                    None => Found::null(),
                }
            }
            Kind::Null => Found::null(),
            Kind::Named(name) => self.structure(name, offset),
            Kind::BitField { of, .. }
            | Kind::Flags { of, .. }
            | Kind::Enumeration { of, .. }
            | Kind::Epoch { of, .. }
            | Kind::FileTime { of, .. } => self.of_number(kind, of, offset, this),
            Kind::Int { .. }
            | Kind::Float { .. }
            | Kind::Leb128 { .. }
            | Kind::FatTime
            | Kind::Guid => self.plain(kind, offset),
        }
    }

    /// Types that depend on nothing but their bytes.
    fn plain(&self, kind: &Kind, offset: i64) -> Found {
        match kind {
            Kind::Int { bytes, signed, big } => {
                let size = usize::from(*bytes);
                let read = self.exactly(offset, size).and_then(|b| decode::int(&b, *signed, *big));
                Found::Plain(Value::from(read), i64::from(*bytes))
            }
            Kind::Float { bytes, big } => {
                let size = usize::from(*bytes);
                let read = self.exactly(offset, size).and_then(|b| decode::float(&b, *big));
                Found::Plain(Value::from(read), i64::from(*bytes))
            }
            Kind::Leb128 { signed } => {
                let bytes = self.source.read(offset, decode::LEB128_MAX);
                match decode::leb128(&bytes, *signed) {
                    Some((number, size)) => {
                        let size = i64::try_from(size).unwrap_or(0);
                        Found::Plain(Measured::value(number.into(), offset, size), size)
                    }
                    None => Found::null(),
                }
            }
            Kind::FatTime => {
                let bits = self.exactly(offset, 4).and_then(|b| decode::int(&b, false, false));
                let time = bits.and_then(|b| decode::fat_time(u32::try_from(b).ok()?));
                Found::Plain(Value::from(time), 4)
            }
            Kind::Guid => {
                let text = self.exactly(offset, 16).and_then(|bytes| decode::guid(&bytes));
                Found::Plain(Value::from(text), 16)
            }
            _ => Found::null(),
        }
    }

    /// So many bytes, all of them.
    fn exactly(&self, offset: i64, length: usize) -> Option<Vec<u8>> {
        Some(self.source.read(offset, length)).filter(|bytes| bytes.len() == length)
    }

    fn structure(&self, name: &str, offset: i64) -> Found {
        match self.profile.get(name) {
            Some(known) => Found::Struct(known.name.as_str().into(), offset),
            None => {
                let names = self.profile.names().join(", ");
                self.tell(format!(
                    "the type `{name}` is neither built in nor a struct of the profile; its \
                     structs are {names}"
                ));
                Found::null()
            }
        }
    }

    fn elsewhere(
        self: &Arc<Self>,
        kind: &Kind,
        offset: Option<i64>,
        this: Option<&Arc<StructObject>>,
    ) -> Found {
        let Some(_descent) = self.descend() else { return Found::null() };
        match offset {
            Some(offset) => self.read(kind, offset, this),
            None => Found::null(),
        }
    }

    /// Types that say what a number means.
    fn of_number(
        self: &Arc<Self>,
        kind: &Kind,
        of: &Kind,
        offset: i64,
        this: Option<&Arc<StructObject>>,
    ) -> Found {
        let found = self.read(of, offset, this);
        let size = found.size(self, this);
        let number = as_int(&self.scope.materialise(&found.value(self, this)));
        let Some(number) = number else { return Found::Plain(Value::Null, size) };
        let value = match kind {
            Kind::BitField { start, end, .. } => {
                let bits = number.cast_unsigned().checked_shr(*start).unwrap_or(0);
                let width = end.saturating_sub(*start);
                let mask = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
                Value::Int((bits & mask).cast_signed())
            }
            Kind::Flags { bits, .. } => {
                let set = bits.iter().filter(|(_, bit)| number >> bit & 1 == 1);
                Value::array(set.map(|(name, _)| Value::text(name.as_str())))
            }
            Kind::Enumeration { names, .. } => match names.get(&number) {
                Some(name) => Value::text(name.as_str()),
                None => Value::text(number.to_string()),
            },
            Kind::Epoch { factor, .. } => decode::epoch(number, *factor).into(),
            Kind::FileTime { factor, .. } => decode::file_time(number, *factor).into(),
            _ => Value::Null,
        };
        Found::Plain(value, size)
    }

    fn text(&self, string: &StringKind, offset: i64, this: Option<&Arc<StructObject>>) -> Found {
        let length = match &string.length {
            None => string.length_max.unwrap_or(TEXT_OPEN_BYTES),
            Some(length) => {
                let length = self.amount(length, this).unwrap_or(0);
                string.length_max.map_or(length, |most| length.min(most))
            }
        };
        if length > TEXT_MAX_BYTES {
            self.tell(format!("a text of {length} bytes is cut after {TEXT_MAX_BYTES}"));
        }
        let wanted = usize::try_from(length.clamp(0, TEXT_MAX_BYTES)).unwrap_or(0);
        let bytes = self.source.read(offset, wanted);
        let end = match &string.end {
            TextEnd::Fixed(end) => end.clone(),
            TextEnd::Lambda(text) => self.call(text, this, None).to_text().to_vec(),
        };
        let (text, used) = decode::text(&bytes, &end, string.utf16);
        // A text of a given length takes that length, whatever ends it.
        let size = match string.length {
            Some(_) => length.max(0),
            None => i64::try_from(used).unwrap_or(0),
        };
        Found::Plain(Value::Text(text), size)
    }

    fn array(
        self: &Arc<Self>,
        of: &Kind,
        start: i64,
        count: i64,
        sentinel: Option<&str>,
        this: Option<&Arc<StructObject>>,
    ) -> Found {
        let mut elements = Elements { of: Vec::new(), start, size: 0 };
        let Some(_descent) = self.descend() else { return Found::Array(Arc::new(elements)) };
        for _ in 0..count {
            if self.scope.stopped() {
                break;
            }
            let Some(offset) = start.checked_add(elements.size) else { break };
            // Behind the end there is nothing more, whatever the count says.
            if self.source.read(offset, 1).is_empty() {
                break;
            }
            let element = self.read(of, offset, this);
            if let Some(text) = sentinel {
                let value = element.value(self, this);
                if self.scope.truth(&self.call(text, this, Some(value))) {
                    break;
                }
            }
            let size = element.size(self, this);
            if size <= 0 {
                self.tell(format!(
                    "an array has elements without a size ({}) and ends there; give the struct a \
                     size",
                    type_name(of)
                ));
                break;
            }
            elements.of.push(element);
            elements.size = elements.size.saturating_add(size);
        }
        Found::Array(Arc::new(elements))
    }

    /// Where a field begins, from the start of its struct.
    pub(super) fn field_offset(&self, amount: &Amount, this: &Arc<StructObject>) -> Option<i64> {
        self.amount(amount, Some(this))
    }
}

fn type_name(kind: &Kind) -> String {
    match kind {
        Kind::Named(name) => format!("struct {name}"),
        Kind::Value(_) => "Value".to_owned(),
        _ => "of a type that takes no bytes there".to_owned(),
    }
}

fn constant_value(constant: &Constant) -> Value {
    match constant {
        Constant::Null => Value::Null,
        Constant::Bool(truth) => Value::Bool(*truth),
        Constant::Int(number) => Value::Int(*number),
        Constant::Float(number) => Value::Float(*number),
        Constant::Text(text) => Value::text(text.as_str()),
        Constant::List(items) => Value::array(items.iter().map(constant_value)),
        Constant::Map(entries) => Value::Dict(
            entries
                .iter()
                .map(|(key, value)| (Name::from(key.as_str()), constant_value(value)))
                .collect::<Dict>(),
        ),
    }
}
