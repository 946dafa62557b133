//! The JSON that the library renders, to values.
//!
//! Reads what a trusted writer wrote, so it is lenient where JSON is strict; it only must not panic
//! or recurse without end.

use std::collections::HashMap;

use rows::{Dict, Name, Text, Value};

/// Names that occur again and again share their text.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Name>);

impl Names {
    pub(super) fn of(&mut self, name: &str) -> Name {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let made = Name::from(name);
        self.0.insert(name.to_owned(), made.clone());
        made
    }
}

/// Values are not nested deeper.
const DEPTH_MAX: usize = 100;

/// Reads one value; `None` when it is not JSON or nested too deeply.
pub(super) fn read(text: &[u8], names: &mut Names) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    Reader { text, at: 0, names }.value(0)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    names: &'t mut Names,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.byte()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'{' => self.dict(depth).map(Value::Dict),
            b'[' => self.array(depth),
            b'"' => self.string().map(|text| Value::Text(Text::from(text.as_ref()))),
            _ => self.word(),
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Dict> {
        self.at += 1;
        let mut dict = Dict::new();
        if self.take(b'}') {
            return Some(dict);
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?.into_owned();
            let key = self.names.of(&key);
            if !self.take(b':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            dict.update(key, value);
            if self.take(b'}') {
                return Some(dict);
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut values = Vec::new();
        if self.take(b']') {
            return Some(Value::from(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Some(Value::from(values));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<std::borrow::Cow<'_, str>> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if rest.as_bytes()[end] == b'"' {
            self.at += end + 1;
            return Some(rest[..end].into());
        }
        let mut out = rest[..end].to_owned();
        self.at += end;
        loop {
            let rest = &self.text[self.at..];
            let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Some(out.into());
            }
            out.push(self.escape()?);
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let letter = self.byte()?;
        self.at += 1;
        Some(match letter {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let first = self.unit()?;
                if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    let before = self.at;
                    self.at += 2;
                    let second = self.unit()?;
                    if (0xDC00..0xE000).contains(&second) {
                        let both = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        return char::from_u32(both);
                    }
                    self.at = before;
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other if other.is_ascii() => char::from(other),
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn word(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', '}', ']', ' ', '\n']).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        Some(match word {
            "" => return None,
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => match (number.parse::<i64>(), number.parse::<f64>()) {
                (Ok(number), _) => Value::Int(number),
                (_, Ok(float)) if number.contains(['.', 'e', 'E']) => Value::Float(float),
                // Larger than an integer is: nothing is rounded.
                (_, Ok(_)) => Value::text(number),
                _ => return None,
            },
        })
    }
}
