//! The text of a profile: JSON as people write it, that is with comments, trailing commas,
//! single quotes, hexadecimal numbers and words without quotes. Every piece knows its place.

use super::ProfileError;

/// How deep lists and maps may be nested.
const DEPTH_MAX: usize = 64;
/// How many pieces a profile may have.
const NODES_MAX: usize = 200_000;

/// Where a piece of the profile begins, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    pub(super) fn error(self, what: impl Into<String>) -> ProfileError {
        ProfileError { line: self.line, column: self.column, what: what.into() }
    }
}

/// A piece of the profile.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) item: Item,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Item {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Reads a whole text as one piece.
pub(super) fn read(text: &str) -> Result<Node, ProfileError> {
    let mut reader =
        Reader { text, at: 0, place: Place { line: 1, column: 1 }, depth: 0, nodes: 0 };
    let node = reader.node()?;
    reader.skip()?;
    match reader.peek() {
        None => Ok(node),
        Some(other) => Err(reader.place.error(format!(
            "`{other}` after the end of the profile; is there a bracket too many?"
        ))),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    place: Place,
    depth: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        if found == '\n' {
            self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
        } else {
            self.place.column = self.place.column.saturating_add(1);
        }
        Some(found)
    }

    /// Goes over white space and comments.
    fn skip(&mut self) -> Result<(), ProfileError> {
        loop {
            match self.peek() {
                Some(c) if c.is_whitespace() || c == '\u{feff}' => {
                    self.next();
                }
                Some('#') => self.skip_line(),
                Some('/') if self.rest().starts_with("//") => self.skip_line(),
                Some('/') if self.rest().starts_with("/*") => {
                    let start = self.place;
                    while !self.rest().starts_with("*/") {
                        if self.next().is_none() {
                            return Err(start.error("the comment has no end: `*/` is missing"));
                        }
                    }
                    self.next();
                    self.next();
                }
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    fn node(&mut self) -> Result<Node, ProfileError> {
        self.skip()?;
        let place = self.place;
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(place.error(format!("a profile has at most {NODES_MAX} pieces")));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(place.error(format!("lists are nested deeper than {DEPTH_MAX}")));
        }
        let item = match self.peek() {
            None => return Err(place.error("the profile ends here; a value is missing")),
            Some('[') => self.list()?,
            Some('{') => self.map()?,
            Some('"') => Item::Text(self.double_quoted()?),
            Some('\'') => Item::Text(self.single_quoted()?),
            Some(c @ (']' | '}' | ',' | ':')) => {
                return Err(place.error(format!("a value is missing before `{c}`")));
            }
            Some(_) => word(&self.bare()),
        };
        self.depth -= 1;
        Ok(Node { place, item })
    }

    fn list(&mut self) -> Result<Item, ProfileError> {
        let start = self.place;
        self.next();
        let mut items = Vec::new();
        loop {
            self.skip()?;
            match self.peek() {
                Some(']') => {
                    self.next();
                    return Ok(Item::List(items));
                }
                None => return Err(start.error("the list has no end: `]` is missing")),
                _ => items.push(self.node()?),
            }
            self.between(']', start)?;
        }
    }

    fn map(&mut self) -> Result<Item, ProfileError> {
        let start = self.place;
        self.next();
        let mut entries = Vec::new();
        loop {
            self.skip()?;
            let key = match self.peek() {
                Some('}') => {
                    self.next();
                    return Ok(Item::Map(entries));
                }
                None => return Err(start.error("the map has no end: `}` is missing")),
                Some('"') => self.double_quoted()?,
                Some('\'') => self.single_quoted()?,
                Some(_) => self.key(),
            };
            self.skip()?;
            if self.peek() != Some(':') {
                return Err(self.place.error(format!("`:` is missing after the key `{key}`")));
            }
            self.next();
            entries.push((key, self.node()?));
            self.between('}', start)?;
        }
    }

    /// A comma, or the closing bracket, which stays.
    fn between(&mut self, close: char, start: Place) -> Result<(), ProfileError> {
        self.skip()?;
        match self.peek() {
            Some(',') => {
                self.next();
                Ok(())
            }
            Some(c) if c == close => Ok(()),
            Some(other) => {
                Err(self.place.error(format!("`{other}` where `,` or `{close}` should be")))
            }
            None => Err(start.error(format!("`{close}` is missing at the end"))),
        }
    }

    fn double_quoted(&mut self) -> Result<String, ProfileError> {
        let start = self.place;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(start.error("the text has no end: `\"` is missing")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ProfileError> {
        let place = self.place;
        let digits = match self.next() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('0') => return Ok('\0'),
            Some('x') => 2,
            Some('u') => 4,
            Some(c @ ('"' | '\\' | '/' | '\'')) => return Ok(c),
            Some(other) => {
                return Err(place.error(format!(
                    "`\\{other}` is no escape; a backslash itself is written `\\\\`"
                )));
            }
            None => return Err(place.error("the text ends in a backslash")),
        };
        let mut code = self.hex(digits)?;
        if (0xd800..0xdc00).contains(&code) && self.rest().starts_with("\\u") {
            self.next();
            self.next();
            let low = self.hex(4)?;
            code = 0x1_0000 + ((code - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
        }
        Ok(char::from_u32(code).unwrap_or('\u{fffd}'))
    }

    fn hex(&mut self, digits: usize) -> Result<u32, ProfileError> {
        let place = self.place;
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.next().and_then(|c| c.to_digit(16));
            let Some(digit) = digit else {
                return Err(
                    place.error(format!("the escape needs {digits} hexadecimal digits here"))
                );
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn single_quoted(&mut self) -> Result<String, ProfileError> {
        let start = self.place;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(start.error("the text has no end: `'` is missing")),
                Some('\'') if self.peek() == Some('\'') => {
                    self.next();
                    text.push('\'');
                }
                Some('\'') => return Ok(text),
                Some(c) => text.push(c),
            }
        }
    }

    /// Words without quotes, up to what ends a value.
    fn bare(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let ends = matches!(c, ',' | '[' | ']' | '{' | '}' | '\n' | '#');
            if ends || (c == ':' && self.rest()[1..].starts_with(char::is_whitespace)) {
                break;
            }
            text.push(c);
            self.next();
        }
        text.trim_end().to_owned()
    }

    fn key(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, ':' | ',' | '}' | '\n')) {
            text.push(c);
            self.next();
        }
        text.trim_end().to_owned()
    }
}

fn word(text: &str) -> Item {
    match text {
        "null" | "~" => return Item::Null,
        "true" => return Item::Bool(true),
        "false" => return Item::Bool(false),
        _ => {}
    }
    match (integer(text), text.parse::<f64>()) {
        (Some(number), _) => Item::Int(number),
        (None, Ok(number)) if number.is_finite() => Item::Float(number),
        _ => Item::Text(text.to_owned()),
    }
}

/// A whole number: decimal, `0x`, `0o` or `0b`.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let radix = |prefix: &str, radix| {
        digits.strip_prefix(prefix).map(|digits| u64::from_str_radix(digits, radix).ok())
    };
    let number = radix("0x", 16)
        .or_else(|| radix("0X", 16))
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .unwrap_or_else(|| digits.parse().ok())?;
    let number = number.cast_signed();
    Some(if negative { number.wrapping_neg() } else { number })
}
