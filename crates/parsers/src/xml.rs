//! XML as nested dicts, the way queries read it: `doc.Task.Actions.Exec.Command`.
//!
//! An element becomes a key of its parent, without its namespace prefix. Its value is its text
//! when it has nothing else; otherwise a dict with its attributes (`Attr` + name), its children,
//! and its text under `#text`. Children of the same name become an array. Blank text between
//! elements is dropped. No external entity is ever loaded and none is expanded.
//!
//! # Invariants
//!
//! - **XM-1** Reading ends in time and memory proportional to the text: depth is bounded, and
//!   entities beyond the five predefined ones and character references are errors.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use rows::{Dict, Value};

/// Deeper documents are refused.
pub const DEPTH_MAX: usize = 200;

/// Why a text is not usable XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadXml {
    /// The text breaks the grammar.
    #[error("not well-formed XML at byte {at}: {why}")]
    Malformed {
        /// Where.
        at: u64,
        /// What the reader says.
        why: String,
    },
    /// More nesting than [`DEPTH_MAX`].
    #[error("elements are nested more than {DEPTH_MAX} deep at byte {at}")]
    TooDeep {
        /// Where.
        at: u64,
    },
    /// Nothing but prologue.
    #[error("there is no element in the text")]
    Empty,
}

/// An element that is still open.
#[derive(Default)]
struct Open {
    name: String,
    fields: Dict,
    /// Children whose name occurred more than once; `fields` keeps their place.
    repeated: HashMap<String, Vec<Value>>,
    text: String,
}

impl Open {
    fn close(self) -> Value {
        let text = self.text.trim();
        if self.fields.is_empty() {
            return Value::text(text);
        }
        let mut fields = self.fields;
        for (name, values) in self.repeated {
            fields.update(name, values);
        }
        if !text.is_empty() {
            fields.set("#text", text);
        }
        Value::Dict(fields)
    }

    fn add(&mut self, name: String, value: Value) {
        if let Some(values) = self.repeated.get_mut(&name) {
            values.push(value);
        } else if let Some(first) = self.fields.get(&name).cloned() {
            self.repeated.insert(name, vec![first, value]);
        } else {
            self.fields.set(name, value);
        }
    }
}

/// Reads a document. UTF-16 with a byte order mark is understood.
pub fn parse(bytes: &[u8]) -> Result<Value, BadXml> {
    let text = decode(bytes);
    let mut reader = Reader::from_str(&text);
    let mut stack = vec![Open::default()];
    loop {
        let at = reader.buffer_position();
        let malformed = |why: String| BadXml::Malformed { at, why };
        match reader.read_event().map_err(|error| malformed(error.to_string()))? {
            Event::Start(tag) => {
                if stack.len() > DEPTH_MAX {
                    return Err(BadXml::TooDeep { at });
                }
                stack.push(open(&tag).map_err(malformed)?);
            }
            Event::Empty(tag) => {
                let child = open(&tag).map_err(malformed)?;
                attach(&mut stack, child);
            }
            Event::End(_) => close_last(&mut stack),
            Event::Text(part) => {
                let part = part.decode().map_err(|error| malformed(error.to_string()))?;
                append(&mut stack, &part);
            }
            Event::CData(part) => {
                let part = part.decode().map_err(|error| malformed(error.to_string()))?;
                append(&mut stack, &part);
            }
            Event::GeneralRef(entity) => {
                let part = resolve(&entity).map_err(malformed)?;
                append(&mut stack, &part);
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    if stack.len() > 1 {
        let name = stack.pop().map(|open| open.name).unwrap_or_default();
        let at = reader.buffer_position();
        return Err(BadXml::Malformed { at, why: format!("`<{name}>` is never closed") });
    }
    match stack.pop().unwrap_or_default().close() {
        Value::Dict(root) => Ok(Value::Dict(root)),
        _ => Err(BadXml::Empty),
    }
}

fn append(stack: &mut [Open], text: &str) {
    if stack.len() > 1
        && let Some(top) = stack.last_mut()
    {
        top.text.push_str(text);
    }
}

fn close_last(stack: &mut Vec<Open>) {
    if stack.len() > 1
        && let Some(done) = stack.pop()
    {
        attach(stack, done);
    }
}

fn attach(stack: &mut [Open], mut child: Open) {
    if let Some(parent) = stack.last_mut() {
        let name = std::mem::take(&mut child.name);
        parent.add(name, child.close());
    }
}

fn open(tag: &BytesStart<'_>) -> Result<Open, String> {
    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
    let mut fields = Dict::new();
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
        let value = attribute.unescape_value().map_err(|error| error.to_string())?;
        fields.set(format!("Attr{key}"), value.as_ref());
    }
    Ok(Open { name, fields, ..Open::default() })
}

fn resolve(entity: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = entity.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let name = entity.decode().map_err(|error| error.to_string())?;
    quick_xml::escape::resolve_predefined_entity(&name)
        .map(str::to_owned)
        .ok_or_else(|| format!("the entity `&{name};` is not predefined"))
}

/// UTF-16 by its byte order mark; else UTF-8 with replacement characters.
fn decode(bytes: &[u8]) -> String {
    let units = |make: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(move |pair| make([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(text: &str, answer: Expect) {
        let found = match parse(text.as_bytes()) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        answer.assert_eq(&found);
    }

    #[test]
    fn elements_become_keys() {
        check(
            "<?xml version='1.0'?><!-- c --><Task version='1.2'><Name>a &amp; b</Name>\n<Exec><Command>x</Command></Exec></Task>",
            expect![[r#"{"Task":{"Attrversion":"1.2","Name":"a & b","Exec":{"Command":"x"}}}"#]],
        );
    }

    #[test]
    fn repeated_elements_become_an_array_in_place_of_the_first() {
        check(
            "<l><i>1</i><z/><i>2</i><i k='v'>3</i></l>",
            expect![[r##"{"l":{"i":["1","2",{"Attrk":"v","#text":"3"}],"z":""}}"##]],
        );
    }

    #[test]
    fn prefixes_go_and_special_text_stays() {
        check(
            "<a:b xmlns:a='u'><a:c><![CDATA[<x>]]> &#65;&lt;</a:c></a:b>",
            expect![[r#"{"b":{"Attra":"u","c":"<x> A<"}}"#]],
        );
    }

    #[test]
    fn utf16_is_understood() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(parse(&bytes).unwrap().to_string(), r#"{"a":"é"}"#);
    }

    #[test]
    fn broken_and_hostile_documents_are_errors() {
        check(
            "<a><b></a>",
            expect![
                "not well-formed XML at byte 6: ill-formed document: expected `</b>`, but `</a>` was found"
            ],
        );
        check("<a><b>", expect!["not well-formed XML at byte 6: `<b>` is never closed"]);
        check("", expect!["there is no element in the text"]);
        check(
            "<!DOCTYPE x [<!ENTITY e 'boom'>]><x>&e;</x>",
            expect!["not well-formed XML at byte 36: the entity `&e;` is not predefined"],
        );
        let deep = "<a>".repeat(100_000);
        assert!(matches!(parse(deep.as_bytes()), Err(BadXml::TooDeep { .. })));
    }

    #[test]
    fn many_siblings_stay_fast() {
        let many = format!("<l>{}</l>", "<i>x</i>".repeat(20_000));
        let value = parse(many.as_bytes()).unwrap();
        assert!(value.to_string().len() > 60_000);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_tag_soup_panics(text in "[<>/a-c&;='\" !\\[\\]-]{0,80}") {
            let _ = parse(text.as_bytes());
        }
    }
}
