//! The pieces of a template: text, and the words between `{{` and `}}`.

use super::TemplateError;

/// Where a piece begins, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    pub(super) fn error(self, what: impl Into<String>) -> TemplateError {
        TemplateError { line: self.line, column: self.column, what: what.into() }
    }
}

/// A piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// A name that does not begin with a dot: a keyword or a function.
    Word(String),
    /// `.Name`
    Field(String),
    /// `.`
    Dot,
    /// `$name`, or `$` alone as the empty name.
    Variable(String),
    /// A text in quotes.
    Quoted(String),
    Int(i64),
    Float(f64),
    /// `|`, `(`, `)`, `,`
    Sign(char),
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// A piece, where it begins, and whether white space is before it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) token: Token,
    pub(super) place: Place,
    pub(super) spaced: bool,
}

/// How many pieces a template may have.
const PIECES_MAX: usize = 500_000;

pub(super) fn lex(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut lexer = Lexer { text, at: 0, place: Place { line: 1, column: 1 }, pieces: Vec::new() };
    lexer.text_and_actions()?;
    Ok(lexer.pieces)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    place: Place,
    pieces: Vec<Piece>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes on by so many bytes.
    fn advance(&mut self, bytes: usize) {
        for c in self.text[self.at..self.at + bytes].chars() {
            if c == '\n' {
                self.place.line = self.place.line.saturating_add(1);
                self.place.column = 1;
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.at += bytes;
    }

    fn push(&mut self, token: Token, place: Place, spaced: bool) -> Result<(), TemplateError> {
        if self.pieces.len() >= PIECES_MAX {
            return Err(place.error(format!("the template has more than {PIECES_MAX} pieces")));
        }
        self.pieces.push(Piece { token, place, spaced });
        Ok(())
    }

    fn text_and_actions(&mut self) -> Result<(), TemplateError> {
        // Whether the action before this text takes the white space away.
        let mut trim = false;
        loop {
            let place = self.place;
            let open = self.rest().find("{{");
            let mut text = &self.rest()[..open.unwrap_or(self.rest().len())];
            let length = text.len();
            let marker = open.map_or("", |open| &self.rest()[open + 2..]);
            let trim_before =
                marker.starts_with('-') && marker[1..].starts_with(char::is_whitespace);
            if trim {
                text = text.trim_start();
            }
            if trim_before {
                text = text.trim_end();
            }
            if !text.is_empty() {
                self.push(Token::Text(text.to_owned()), place, false)?;
            }
            self.advance(length);
            if open.is_none() {
                return Ok(());
            }
            let place = self.place;
            self.advance(if trim_before { 3 } else { 2 });
            trim = self.action(place)?;
        }
    }

    /// An action up to its end; whether the white space behind it is taken away.
    fn action(&mut self, open: Place) -> Result<bool, TemplateError> {
        if self.rest().trim_start().starts_with("/*") {
            return self.comment(open);
        }
        self.push(Token::Open, open, false)?;
        loop {
            let before = self.at;
            let spaces = self.rest().len() - self.rest().trim_start().len();
            self.advance(spaces);
            let spaced = self.at > before;
            let place = self.place;
            if self.rest().starts_with("-}}") && spaced {
                self.advance(3);
                self.push(Token::Close, place, spaced)?;
                return Ok(true);
            }
            if self.rest().starts_with("}}") {
                self.advance(2);
                self.push(Token::Close, place, spaced)?;
                return Ok(false);
            }
            let Some(next) = self.peek() else {
                return Err(open.error("the action has no end: `}}` is missing"));
            };
            let token = self.token(next, place)?;
            self.push(token, place, spaced)?;
        }
    }

    fn comment(&mut self, open: Place) -> Result<bool, TemplateError> {
        let end = self.rest().find("*/").ok_or_else(|| open.error("the comment has no end"))?;
        self.advance(end + 2);
        let spaces = self.rest().len() - self.rest().trim_start().len();
        self.advance(spaces);
        if self.rest().starts_with("-}}") && spaces > 0 {
            self.advance(3);
            return Ok(true);
        }
        if self.rest().starts_with("}}") {
            self.advance(2);
            return Ok(false);
        }
        Err(self.place.error("a comment has to end with `*/}}`"))
    }

    fn token(&mut self, next: char, place: Place) -> Result<Token, TemplateError> {
        let name_length = |text: &str| {
            text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
        };
        match next {
            '"' | '\'' => self.quoted(next, place),
            '`' => {
                let end = self.rest()[1..].find('`');
                let end =
                    end.ok_or_else(|| place.error("the text has no end: a backtick is missing"))?;
                let text = self.rest()[1..=end].to_owned();
                self.advance(end + 2);
                Ok(Token::Quoted(text))
            }
            '|' | '(' | ')' | ',' => {
                self.advance(1);
                Ok(Token::Sign(next))
            }
            ':' if self.rest().starts_with(":=") => {
                self.advance(2);
                Ok(Token::Declare)
            }
            '=' => {
                self.advance(1);
                Ok(Token::Assign)
            }
            '$' => {
                let length = name_length(&self.rest()[1..]);
                let name = self.rest()[1..=length].to_owned();
                self.advance(length + 1);
                Ok(Token::Variable(name))
            }
            '.' => {
                let length = name_length(&self.rest()[1..]);
                let name = self.rest()[1..=length].to_owned();
                if name.starts_with(|c: char| c.is_ascii_digit()) {
                    return self.number(place);
                }
                self.advance(length + 1);
                Ok(if name.is_empty() { Token::Dot } else { Token::Field(name) })
            }
            '0'..='9' | '-' | '+' => self.number(place),
            c if c.is_alphabetic() || c == '_' => {
                let length = name_length(self.rest());
                let name = self.rest()[..length].to_owned();
                self.advance(length);
                Ok(Token::Word(name))
            }
            other => Err(place.error(format!("`{other}` is not understood here"))),
        }
    }

    fn number(&mut self, place: Place) -> Result<Token, TemplateError> {
        let rest = self.rest();
        let mut exponent = false;
        let length = rest
            .char_indices()
            .find(|(at, c)| {
                let sign = matches!(c, '-' | '+') && (*at == 0 || exponent);
                exponent = matches!(c, 'e' | 'E') && !rest.starts_with("0x");
                !(sign || c.is_ascii_alphanumeric() || *c == '.' || *c == '_')
            })
            .map_or(rest.len(), |(at, _)| at);
        let text = &rest[..length];
        let plain = text.replace('_', "");
        let token = match (integer(&plain), plain.parse::<f64>()) {
            (Some(number), _) => Token::Int(number),
            (None, Ok(number)) if number.is_finite() => Token::Float(number),
            _ => return Err(place.error(format!("`{text}` is no number"))),
        };
        self.advance(length);
        Ok(token)
    }

    fn quoted(&mut self, quote: char, place: Place) -> Result<Token, TemplateError> {
        self.advance(1);
        let mut text = String::new();
        loop {
            let Some(next) = self.peek().filter(|c| *c != '\n') else {
                return Err(place.error(format!("the text has no end: `{quote}` is missing")));
            };
            self.advance(next.len_utf8());
            match next {
                c if c == quote => break,
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
        if quote == '"' {
            return Ok(Token::Quoted(text));
        }
        // A character in single quotes is its number.
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Ok(Token::Int(i64::from(u32::from(only)))),
            _ => Err(place.error("single quotes hold one character; texts are in double quotes")),
        }
    }

    fn escape(&mut self) -> Result<char, TemplateError> {
        let place = self.place;
        let next = self.peek().ok_or_else(|| place.error("the text ends in a backslash"))?;
        self.advance(next.len_utf8());
        let digits = match next {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            '\\' | '"' | '\'' => return Ok(next),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => return Err(place.error(format!("`\\{other}` is no escape"))),
        };
        let code =
            self.rest().get(..digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code =
            code.ok_or_else(|| place.error(format!("{digits} hexadecimal digits are missing")))?;
        self.advance(digits);
        Ok(char::from_u32(code).unwrap_or('\u{fffd}'))
    }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = |prefix: &str, radix| {
        digits.strip_prefix(prefix).map(|digits| i64::from_str_radix(digits, radix).ok())
    };
    let number = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .unwrap_or_else(|| digits.parse().ok())?;
    Some(sign * number.max(-i64::MAX))
}
