//! The options of a type: which there are, and what they may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ProfileError;
use super::kinds::{Amount, COUNT_MAX, Constant, Kind, StringKind, TextEnd, ValueKind, builtin};
use super::text::{Item, Node, Place, integer};

type Read<T> = Result<T, ProfileError>;

/// The type of that name with its options. What is only odd goes to `problems`.
pub(super) fn read(
    name: &str,
    options: Option<&Node>,
    place: Place,
    problems: &mut Vec<ProfileError>,
) -> Read<Kind> {
    let (entries, place): (&[(String, Node)], Place) = match options.map(|node| (node, &node.item))
    {
        None => (&[], place),
        Some((node, Item::Map(entries))) => (entries, node.place),
        Some((node, Item::Null)) => (&[], node.place),
        Some((node, other)) => {
            return Err(node.place.error(format!("options are a map, not {}", other.what())));
        }
    };
    let options = Options { kind: name, entries, place };
    let (known, kind) = options.kind(problems)?;
    for (option, node) in entries {
        if !known.contains(&option.as_str()) {
            let wanted = match known {
                [] => "it takes no options".to_owned(),
                known => format!("its options are {}", known.join(", ")),
            };
            problems.push(node.place.error(format!("{name} has no option `{option}`; {wanted}")));
        }
    }
    Ok(kind)
}

/// The options of one type.
struct Options<'n> {
    kind: &'n str,
    entries: &'n [(String, Node)],
    place: Place,
}

impl<'n> Options<'n> {
    /// The type, and the names of the options that it takes.
    fn kind(&self, problems: &mut Vec<ProfileError>) -> Read<(&'static [&'static str], Kind)> {
        Ok(match self.kind {
            "String" => (
                &[
                    "encoding",
                    "term",
                    "term_hex",
                    "term_exp",
                    "length",
                    "max_length",
                    "byte_string",
                ],
                Kind::String(self.string()?),
            ),
            "Value" => (&["value"], self.value()?),
            "Union" => (&["selector", "choices"], self.union()?),
            "Array" => (
                &["type", "type_options", "count", "max_count", "sentinel"],
                Kind::Array {
                    of: self.inner(problems)?,
                    count: self.amount("count")?.unwrap_or(Amount::Fixed(0)),
                    count_max: self.int("max_count")?.filter(|n| *n > 0).unwrap_or(COUNT_MAX),
                    sentinel: self.text("sentinel")?.map(Into::into),
                },
            ),
            "Pointer" => (&["type", "type_options"], Kind::Pointer { to: self.inner(problems)? }),
            "Profile" => (
                &["type", "type_options", "offset"],
                Kind::Elsewhere {
                    of: self.inner(problems)?,
                    offset: self.amount("offset")?.ok_or_else(|| self.missing("offset"))?,
                },
            ),
            _ => return self.kind_of_number(problems),
        })
    }

    /// The types that say what a number means, and those without options.
    fn kind_of_number(
        &self,
        problems: &mut Vec<ProfileError>,
    ) -> Read<(&'static [&'static str], Kind)> {
        Ok(match self.kind {
            "BitField" => (
                &["type", "type_options", "start_bit", "end_bit"],
                Kind::BitField {
                    of: self.inner(problems)?,
                    start: self.bit("start_bit")?.unwrap_or(0),
                    end: self.bit("end_bit")?.unwrap_or(64),
                },
            ),
            "Flags" => (
                &["type", "type_options", "bitmap"],
                Kind::Flags { of: self.inner(problems)?, bits: self.bitmap()? },
            ),
            "Enumeration" => (
                &["type", "type_options", "choices", "map"],
                Kind::Enumeration { of: self.inner(problems)?, names: self.names()? },
            ),
            "Timestamp" | "EpochTimestamp" | "UnixTime" => (
                &["type", "type_options", "factor"],
                Kind::Epoch { of: self.number(problems)?, factor: self.factor()? },
            ),
            "WinFileTime" => (
                &["type", "type_options", "factor"],
                Kind::FileTime { of: self.number(problems)?, factor: self.factor()? },
            ),
            other => (&[], builtin(other).unwrap_or_else(|| Kind::Named(other.to_owned()))),
        })
    }

    fn get(&self, name: &str) -> Option<&'n Node> {
        let found = self.entries.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, node)| node).filter(|node| node.item != Item::Null)
    }

    fn missing(&self, name: &str) -> ProfileError {
        self.place.error(format!("{} needs the option `{name}`", self.kind))
    }

    fn wrong(&self, name: &str, node: &Node, wanted: &str) -> ProfileError {
        let (kind, found) = (self.kind, node.item.what());
        node.place.error(format!("option `{name}` of {kind} is {wanted}, not {found}"))
    }

    fn text(&self, name: &str) -> Read<Option<&'n str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Node { item: Item::Text(text), .. }) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, other, "a text")),
        }
    }

    fn int(&self, name: &str) -> Read<Option<i64>> {
        match self.amount(name)? {
            None => Ok(None),
            Some(Amount::Fixed(number)) => Ok(Some(number)),
            Some(Amount::Lambda(_)) => {
                let node = self.get(name).expect("it has just been read");
                Err(self.wrong(name, node, "a number and no lambda"))
            }
        }
    }

    fn amount(&self, name: &str) -> Read<Option<Amount>> {
        let Some(node) = self.get(name) else { return Ok(None) };
        let wrong = |what| node.place.error(format!("option `{name}` of {}: {what}", self.kind));
        Amount::of(node).map(Some).map_err(wrong)
    }

    fn map(&self, name: &str) -> Read<&'n [(String, Node)]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Node { item: Item::Map(entries), .. }) => Ok(entries),
            Some(other) => Err(self.wrong(name, other, "a map")),
        }
    }

    /// The type in `type`, with the options in `type_options`.
    fn inner(&self, problems: &mut Vec<ProfileError>) -> Read<Arc<Kind>> {
        let name = self.text("type")?.ok_or_else(|| self.missing("type"))?;
        read(name, self.get("type_options"), self.place, problems).map(Arc::new)
    }

    /// The number in `type`; without it, eight bytes.
    fn number(&self, problems: &mut Vec<ProfileError>) -> Read<Arc<Kind>> {
        if self.get("type").is_some() {
            return self.inner(problems);
        }
        Ok(Arc::new(Kind::Int { bytes: 8, signed: false, big: false }))
    }

    fn factor(&self) -> Read<i64> {
        Ok(self.int("factor")?.filter(|factor| *factor > 0).unwrap_or(1))
    }

    fn bit(&self, name: &str) -> Read<Option<u32>> {
        let Some(number) = self.int(name)? else { return Ok(None) };
        let node = self.get(name).expect("it has just been read");
        let bit = u32::try_from(number).ok().filter(|bit| *bit <= 64);
        bit.map(Some).ok_or_else(|| node.place.error(format!("`{name}` is a bit from 0 to 64")))
    }

    fn string(&self) -> Read<StringKind> {
        let mut end = TextEnd::Fixed(vec![0]);
        if let Some(term) = self.text("term")? {
            end = TextEnd::Fixed(term.as_bytes().to_vec());
        }
        if let Some(digits) = self.text("term_hex")? {
            let bytes = super::decode::hex(digits).ok_or_else(|| {
                let what = format!("`term_hex` is pairs of hexadecimal digits, not `{digits}`");
                self.place.error(what)
            })?;
            end = TextEnd::Fixed(bytes);
        }
        if let Some(text) = self.text("term_exp")?.filter(|text| !text.is_empty()) {
            end = TextEnd::Lambda(text.into());
        }
        let utf16 = match self.text("encoding")?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "utf8" | "utf-8" | "ascii") => false,
            Some("utf16" | "utf-16" | "utf16le" | "utf-16le") => true,
            Some(other) => {
                let what = format!("the encoding `{other}` is not known; there are utf8 and utf16");
                return Err(self.place.error(what));
            }
        };
        let bytes = self
            .get("byte_string")
            .is_some_and(|node| !matches!(node.item, Item::Bool(false) | Item::Int(0)));
        Ok(StringKind {
            length: self.amount("length")?,
            length_max: self.int("max_length")?.filter(|length| *length > 0),
            end,
            utf16: utf16 && !bytes,
        })
    }

    fn value(&self) -> Read<Kind> {
        let node = self.get("value").ok_or_else(|| self.missing("value"))?;
        Ok(Kind::Value(match &node.item {
            Item::Text(text) if text.contains("=>") => ValueKind::Lambda(text.as_str().into()),
            other => ValueKind::Constant(Constant::of(other)),
        }))
    }

    fn bitmap(&self) -> Read<Vec<(String, u32)>> {
        let mut bits = Vec::new();
        for (name, node) in self.map("bitmap")? {
            let bit = Amount::of(node).ok().and_then(|amount| match amount {
                Amount::Fixed(number) => u32::try_from(number).ok().filter(|bit| *bit < 64),
                Amount::Lambda(_) => None,
            });
            let Some(bit) = bit else {
                let what = format!("`bitmap` of Flags: the bit of `{name}` is a number below 64");
                return Err(node.place.error(what));
            };
            bits.push((name.clone(), bit));
        }
        bits.sort();
        Ok(bits)
    }

    fn names(&self) -> Read<BTreeMap<i64, String>> {
        let mut names = BTreeMap::new();
        for (number, node) in self.map("choices")? {
            let Some(key) = integer(number.trim()) else {
                let what = format!("`choices` of Enumeration: `{number}` is no number");
                return Err(node.place.error(what));
            };
            let name = match &node.item {
                Item::Text(name) => name.clone(),
                Item::Int(name) => name.to_string(),
                other => {
                    let what = format!("`choices` of Enumeration: {} is no name", other.what());
                    return Err(node.place.error(what));
                }
            };
            names.insert(key, name);
        }
        for (name, node) in self.map("map")? {
            let Ok(Amount::Fixed(number)) = Amount::of(node) else {
                let what = format!("`map` of Enumeration: the number of `{name}` is no number");
                return Err(node.place.error(what));
            };
            names.insert(number, name.clone());
        }
        Ok(names)
    }

    fn union(&self) -> Read<Kind> {
        let selector = self.text("selector")?.ok_or_else(|| self.missing("selector"))?;
        let mut choices = Vec::new();
        for (value, node) in self.map("choices")? {
            let Item::Text(name) = &node.item else {
                let what = format!("`choices` of Union: `{value}` needs the name of a type");
                return Err(node.place.error(what));
            };
            let kind = builtin(name).unwrap_or_else(|| Kind::Named(name.clone()));
            choices.push((value.clone(), Arc::new(kind)));
        }
        Ok(Kind::Union { selector: selector.into(), choices })
    }
}
