//! Property lists of Apple: binary, XML and the old text form.
//!
//! Dicts, arrays, texts, numbers and truth values are themselves; dates are moments, data are
//! bytes. What an archiver (`NSKeyedArchiver`) wrote is left as it is: a reference to another
//! object is a dict with the key `CF$UID`.
//!
//! # Invariants
//!
//! - **PL-1** A small file can mean an endless value, because objects are shared: what comes out
//!   is bounded in depth and in size.

use std::io::Cursor;

use plist::stream::{Event, Reader};
use rows::{Dict, Name, Time, Value};

/// How deep values may be nested.
const DEPTH_MAX: usize = 200;
/// How many values a list may have.
const VALUES_MAX: usize = 2_000_000;
/// How many bytes all texts and data may have.
const BYTES_MAX: usize = 256 << 20;

/// Why a file is no property list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlistError {
    /// It cannot be read.
    #[error("not a property list: {0}")]
    Bad(String),
    /// It means more than can be kept.
    #[error("the property list has more than {0}")]
    TooLarge(String),
}

/// Reads a property list.
pub fn parse(bytes: &[u8]) -> Result<Value, PlistError> {
    let mut stack: Vec<Open> = Vec::new();
    let (mut values, mut size) = (0_usize, 0_usize);
    for event in Reader::new(Cursor::new(bytes)) {
        let event = event.map_err(|error| {
            PlistError::Bad(match error.is_io() || error.is_eof() {
                true => "it ends too early".to_owned(),
                false => error.to_string(),
            })
        })?;
        values += 1;
        size += match &event {
            Event::Data(data) => data.len(),
            Event::String(text) => text.len(),
            _ => 0,
        };
        if values > VALUES_MAX {
            return Err(PlistError::TooLarge(format!("{VALUES_MAX} values")));
        }
        if size > BYTES_MAX {
            return Err(PlistError::TooLarge(format!("{} MiB of text", BYTES_MAX >> 20)));
        }
        let done = match event {
            Event::StartArray(_) | Event::StartDictionary(_) => {
                if stack.len() >= DEPTH_MAX {
                    return Err(PlistError::TooLarge(format!("{DEPTH_MAX} levels")));
                }
                stack.push(match event {
                    Event::StartArray(_) => Open::Array(Vec::new()),
                    _ => Open::Dict(Dict::new(), None),
                });
                continue;
            }
            Event::EndCollection => match stack.pop() {
                Some(Open::Array(items)) => Value::from(items),
                Some(Open::Dict(dict, None)) => Value::Dict(dict),
                Some(Open::Dict(_, Some(key))) => {
                    return Err(PlistError::Bad(format!("the key `{key}` has no value")));
                }
                None => return Err(PlistError::Bad("an end without a beginning".to_owned())),
            },
            plain => scalar(plain),
        };
        match stack.last_mut() {
            // In the old text form any word is a list of its own.
            None if matches!(done, Value::Text(_)) && !is_xml_or_binary(bytes) => {
                return Err(PlistError::Bad("it is plain text".to_owned()));
            }
            None => return Ok(done),
            Some(Open::Array(items)) => items.push(done),
            Some(Open::Dict(dict, key)) => match key.take() {
                Some(key) => dict.update(key, done),
                None => *key = Some(Name::from(&done.to_text())),
            },
        }
    }
    Err(PlistError::Bad("it ends too early".to_owned()))
}

fn is_xml_or_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"bplist")
        || bytes.trim_ascii_start().starts_with(b"<?xml")
        || bytes.trim_ascii_start().starts_with(b"<plist")
}

/// An array or dict that is being read; a dict with the key whose value comes next.
enum Open {
    Array(Vec<Value>),
    Dict(Dict, Option<Name>),
}

fn scalar(event: Event<'_>) -> Value {
    match event {
        Event::Boolean(truth) => Value::Bool(truth),
        Event::Data(data) => Value::text(&*data),
        Event::Date(date) => Value::Time(Time::from(std::time::SystemTime::from(date))),
        Event::Integer(number) => match (number.as_signed(), number.as_unsigned()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Int(number.cast_signed()),
            (None, None) => Value::Null,
        },
        Event::Real(number) => Value::Float(number),
        Event::String(text) => Value::text(&*text),
        Event::Uid(uid) => Value::Dict(Dict::new().with("CF$UID", uid.get().cast_signed())),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(bytes: &[u8], wanted: Expect) {
        let shown = match parse(bytes) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        wanted.assert_eq(&shown);
    }

    #[test]
    fn xml_is_read() {
        check(
            br#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>Label</key><string>org.example.agent</string>
<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string></array>
<key>RunAtLoad</key><true/><key>Interval</key><integer>300</integer><key>Share</key><real>0.5</real>
<key>Made</key><date>2026-01-02T03:04:05Z</date><key>Blob</key><data>aGk=</data>
</dict></plist>"#,
            expect![[
                r#"{"Label":"org.example.agent","ProgramArguments":["/bin/sh","-c"],"RunAtLoad":true,"Interval":300,"Share":0.5,"Made":"2026-01-02T03:04:05Z","Blob":"hi"}"#
            ]],
        );
    }

    /// `{"Label": "a", "Shared": [[], []]}` where both elements are one object.
    const BINARY: &[u8] = b"bplist00\xd2\x01\x02\x03\x04\x55Label\x56Shared\x51a\xa2\x05\x05\xa0\x08\x0d\x13\x1a\x1c\x1f\0\0\0\0\0\0\x01\x01\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20";

    #[test]
    fn binary_is_read() {
        check(BINARY, expect![[r#"{"Label":"a","Shared":[[],[]]}"#]]);
    }

    #[test]
    fn what_is_no_list_is_said() {
        check(b"", expect!["not a property list: it ends too early"]);
        check(b"bplist00", expect!["not a property list: it ends too early"]);
        check(
            b"<plist><dict><key>a</key></dict></plist>",
            expect!["not a property list: the key `a` has no value"],
        );
        check(
            "<plist>"
                .bytes()
                .chain("<array>".bytes().cycle().take(7 * 500))
                .collect::<Vec<_>>()
                .as_slice(),
            expect!["the property list has more than 200 levels"],
        );
    }

    /// Arrays of two, each twice the next: a few bytes that mean more than any memory.
    #[test]
    fn shared_objects_do_not_explode() {
        let levels = 60_u8;
        let mut bytes = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for level in 0..levels {
            offsets.push(u8::try_from(bytes.len()).unwrap());
            bytes.extend([0xa2, level + 1, level + 1]);
        }
        offsets.push(u8::try_from(bytes.len()).unwrap());
        bytes.push(0x08);
        let table = bytes.len() as u64;
        bytes.extend(&offsets);
        bytes.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        bytes.extend((u64::from(levels) + 1).to_be_bytes());
        bytes.extend(0_u64.to_be_bytes());
        bytes.extend(table.to_be_bytes());
        check(&bytes, expect!["the property list has more than 2000000 values"]);
    }

    proptest::proptest! {
        #[test]
        fn damage_does_not_panic(at in 0..BINARY.len(), byte: u8) {
            let mut bytes = BINARY.to_vec();
            bytes[at] = byte;
            let _ = parse(&bytes);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
            let mut binary = b"bplist00".to_vec();
            binary.extend(bytes);
            let _ = parse(&binary);
        }
    }
}
