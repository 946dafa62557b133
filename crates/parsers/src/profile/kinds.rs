//! The types of a profile.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::text::{Item, Node, integer};

/// A number that the profile says, or the lambda that computes it from the struct.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// A number.
    Fixed(i64),
    /// A lambda of VQL, called with the struct.
    Lambda(Arc<str>),
}

impl Amount {
    /// The lambda, if it is one.
    pub fn lambda(&self) -> Option<&Arc<str>> {
        match self {
            Self::Fixed(_) => None,
            Self::Lambda(text) => Some(text),
        }
    }

    pub(super) fn of(node: &Node) -> Result<Self, String> {
        match &node.item {
            Item::Int(number) => Ok(Self::Fixed(*number)),
            Item::Float(number) => Ok(Self::Fixed(*number as i64)),
            Item::Text(text) if text.contains("=>") => Ok(Self::Lambda(text.as_str().into())),
            Item::Text(text) => match integer(text.trim()) {
                Some(number) => Ok(Self::Fixed(number)),
                None => {
                    Err(format!("`{text}` is neither a number nor a lambda such as x=>x.Length"))
                }
            },
            other => Err(format!(
                "a number or a lambda such as x=>x.Length is wanted, not {}",
                other.what()
            )),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(number) => number.fmt(f),
            Self::Lambda(text) => f.write_str(text),
        }
    }
}

/// A constant in the options of `Value`.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Constant>),
    /// Keys and values.
    Map(Vec<(String, Constant)>),
}

impl Constant {
    pub(super) fn of(item: &Item) -> Self {
        match item {
            Item::Null => Self::Null,
            Item::Bool(truth) => Self::Bool(*truth),
            Item::Int(number) => Self::Int(*number),
            Item::Float(number) => Self::Float(*number),
            Item::Text(text) => Self::Text(text.clone()),
            Item::List(nodes) => {
                Self::List(nodes.iter().map(|node| Self::of(&node.item)).collect())
            }
            Item::Map(entries) => Self::Map(
                entries.iter().map(|(key, node)| (key.clone(), Self::of(&node.item))).collect(),
            ),
        }
    }
}

/// What a field of the type `Value` is.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueKind {
    /// Always the same.
    Constant(Constant),
    /// What the lambda makes of the struct.
    Lambda(Arc<str>),
}

/// Where a text ends.
#[derive(Debug, Clone, PartialEq)]
pub enum TextEnd {
    /// Before these bytes; empty for texts that are as long as they say.
    Fixed(Vec<u8>),
    /// Before what the lambda gives.
    Lambda(Arc<str>),
}

/// How a text is read.
#[derive(Debug, Clone, PartialEq)]
pub struct StringKind {
    /// How many bytes; `None` for up to its end mark.
    pub length: Option<Amount>,
    /// At most so many bytes.
    pub length_max: Option<i64>,
    /// What ends it.
    pub end: TextEnd,
    /// Little-endian UTF-16.
    pub utf16: bool,
}

/// A type, with its options.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A whole number.
    Int {
        /// How many bytes it has.
        bytes: u8,
        /// It may be negative.
        signed: bool,
        /// The most significant byte comes first.
        big: bool,
    },
    /// A number with a fraction.
    Float {
        /// Four or eight.
        bytes: u8,
        /// The most significant byte comes first.
        big: bool,
    },
    /// A whole number of seven bits a byte.
    Leb128 {
        /// It may be negative.
        signed: bool,
    },
    /// A text.
    String(StringKind),
    /// A value that is computed or given.
    Value(ValueKind),
    /// Several of one kind, one after the other.
    Array {
        /// What they are.
        of: Arc<Kind>,
        /// How many.
        count: Amount,
        /// At most so many.
        count_max: i64,
        /// Ends the array before the element for which it is true.
        sentinel: Option<Arc<str>>,
    },
    /// Some bits of a number.
    BitField {
        /// The number.
        of: Arc<Kind>,
        /// The first bit.
        start: u32,
        /// The bit behind the last.
        end: u32,
    },
    /// The names of the bits that are set.
    Flags {
        /// The number.
        of: Arc<Kind>,
        /// Names and bits, sorted by name.
        bits: Vec<(String, u32)>,
    },
    /// The name of a number.
    Enumeration {
        /// The number.
        of: Arc<Kind>,
        /// Names by number.
        names: BTreeMap<i64, String>,
    },
    /// Eight bytes that say where something is.
    Pointer {
        /// What is there.
        to: Arc<Kind>,
    },
    /// One of several types, chosen by a lambda.
    Union {
        /// Gives the choice.
        selector: Arc<str>,
        /// Types by what the selector gives; `default` is for everything else.
        choices: Vec<(String, Arc<Kind>)>,
    },
    /// Something elsewhere in the file.
    Elsewhere {
        /// What is there.
        of: Arc<Kind>,
        /// Where, from the start of the file.
        offset: Amount,
    },
    /// Seconds since 1970, or fractions of them.
    Epoch {
        /// The number.
        of: Arc<Kind>,
        /// How many of its units are a second.
        factor: i64,
    },
    /// Tenths of microseconds since 1601.
    FileTime {
        /// The number.
        of: Arc<Kind>,
        /// How many of its units are a tenth of a microsecond.
        factor: i64,
    },
    /// Date and time as FAT keeps them: four bytes.
    FatTime,
    /// Sixteen bytes as Windows prints them.
    Guid,
    /// NULL.
    Null,
    /// A struct of the profile.
    Named(String),
}

impl Kind {
    /// How many bytes it has, when that is always the same.
    pub fn fixed_size(&self) -> Option<i64> {
        Some(match self {
            Self::Int { bytes, .. } | Self::Float { bytes, .. } => i64::from(*bytes),
            Self::BitField { of, .. }
            | Self::Flags { of, .. }
            | Self::Enumeration { of, .. }
            | Self::Epoch { of, .. }
            | Self::FileTime { of, .. } => return of.fixed_size(),
            Self::Pointer { .. } => 8,
            Self::FatTime => 4,
            Self::Guid => 16,
            Self::Value(_) | Self::Null | Self::Elsewhere { .. } => 0,
            Self::Leb128 { .. }
            | Self::String(_)
            | Self::Array { .. }
            | Self::Union { .. }
            | Self::Named(_) => return None,
        })
    }

    /// Adds the lambdas in its options.
    pub(super) fn lambdas(&self, all: &mut Vec<Arc<str>>) {
        let mut amount = |amount: &Amount| all.extend(amount.lambda().cloned());
        match self {
            Self::String(StringKind { length, end, .. }) => {
                length.iter().for_each(&mut amount);
                if let TextEnd::Lambda(text) = end {
                    all.push(text.clone());
                }
            }
            Self::Value(ValueKind::Lambda(text)) => all.push(text.clone()),
            Self::Array { of, count, sentinel, .. } => {
                amount(count);
                all.extend(sentinel.clone());
                of.lambdas(all);
            }
            Self::Union { selector, choices } => {
                all.push(selector.clone());
                choices.iter().for_each(|(_, kind)| kind.lambdas(all));
            }
            Self::Elsewhere { of, offset } => {
                amount(offset);
                of.lambdas(all);
            }
            Self::BitField { of, .. }
            | Self::Flags { of, .. }
            | Self::Enumeration { of, .. }
            | Self::Epoch { of, .. }
            | Self::FileTime { of, .. }
            | Self::Pointer { to: of } => of.lambdas(all),
            _ => {}
        }
    }
}

/// How many elements an array has at most when the profile does not say.
pub(super) const COUNT_MAX: i64 = 1_000;

/// The type of that name that needs no options; a name that is not built in is a struct's.
pub fn builtin(name: &str) -> Option<Kind> {
    let int = |bytes, signed, big| Some(Kind::Int { bytes, signed, big });
    match name {
        "uint8" | "uint8b" | "byte" | "unsigned char" => int(1, false, false),
        "int8" | "int8b" | "char" => int(1, true, false),
        "uint16" | "unsigned short" => int(2, false, false),
        "uint32" | "unsigned int" | "unsigned long" => int(4, false, false),
        "uint64" | "unsigned long long" => int(8, false, false),
        "int16" | "short" | "short int" => int(2, true, false),
        "int32" | "int" | "long" => int(4, true, false),
        "int64" | "long long" => int(8, true, false),
        "uint16b" | "uint16be" => int(2, false, true),
        "uint32b" | "uint32be" => int(4, false, true),
        "uint64b" | "uint64be" => int(8, false, true),
        "int16b" | "int16be" => int(2, true, true),
        "int32b" | "int32be" => int(4, true, true),
        "int64b" | "int64be" => int(8, true, true),
        "float" | "float32" => Some(Kind::Float { bytes: 4, big: false }),
        "float32b" | "float32be" | "floatb" => Some(Kind::Float { bytes: 4, big: true }),
        "double" | "float64" => Some(Kind::Float { bytes: 8, big: false }),
        "float64b" | "float64be" | "doubleb" => Some(Kind::Float { bytes: 8, big: true }),
        "leb128" | "varint" => Some(Kind::Leb128 { signed: false }),
        "sleb128" => Some(Kind::Leb128 { signed: true }),
        "FatTimestamp" => Some(Kind::FatTime),
        "GUID" | "UUID" => Some(Kind::Guid),
        "Null" => Some(Kind::Null),
        _ => None,
    }
}
