//! Reads the RE2 syntax into the library's intermediate form.
//!
//! A recursive descent over alternation, concatenation, repetition and atom. Every form that RE2
//! refuses is refused with its words.

use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, Look,
    Repetition,
};

use super::class::{all, all_but_newline};
use super::{BadPattern, shorten};

/// How deep groups may be nested.
const DEPTH_MAX: usize = 200;
/// How often something may be repeated with `{n}`.
const REPEAT_MAX: u32 = 1_000;

#[derive(Clone, Copy)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

pub(super) struct Parser<'p> {
    pub(super) pattern: &'p str,
    pub(super) at: usize,
    flags: Flags,
    groups: u32,
    names: Vec<String>,
    depth: usize,
    /// Whether stray bytes count as characters.
    stray_bytes: bool,
}

/// Reads a pattern. With `stray_bytes`, dots and negated classes also match a byte that is not
/// part of a UTF-8 character.
pub(super) fn parse(
    pattern: &[u8],
    ignore_case: bool,
    stray_bytes: bool,
) -> Result<Hir, BadPattern> {
    let Ok(pattern) = std::str::from_utf8(pattern) else {
        return Err(BadPattern { what: "invalid UTF-8".to_owned(), fragment: shorten(pattern) });
    };
    let flags = Flags { ignore_case, multi_line: false, dot_all: false, swap_greed: false };
    let names = Vec::new();
    let mut parser = Parser { pattern, at: 0, flags, groups: 0, names, depth: 0, stray_bytes };
    let hir = parser.alternation()?;
    if parser.peek().is_some() {
        return Err(parser.error("unexpected )", parser.at));
    }
    Ok(hir)
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.pattern[self.at..].chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.pattern[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn error(&self, what: &str, from: usize) -> BadPattern {
        self.error_about(what, &self.pattern[from..])
    }

    pub(super) fn error_about(&self, what: &str, fragment: &str) -> BadPattern {
        BadPattern { what: what.to_owned(), fragment: shorten(fragment.as_bytes()) }
    }

    fn alternation(&mut self) -> Result<Hir, BadPattern> {
        let mut branches = vec![self.concatenation()?];
        while self.eat("|") {
            branches.push(self.concatenation()?);
        }
        Ok(Hir::alternation(branches))
    }

    fn concatenation(&mut self) -> Result<Hir, BadPattern> {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                None | Some('|' | ')') => break,
                Some('\\') if self.eat(r"\Q") => self.quoted(&mut parts)?,
                Some('(') if self.flag_group()? => {}
                Some(_) => {
                    let atom = self.atom()?;
                    parts.push(self.repeated(atom)?);
                }
            }
        }
        Ok(Hir::concat(parts))
    }

    /// `\Q` was read: literal text up to `\E` or the end. What follows may repeat its last letter.
    fn quoted(&mut self, parts: &mut Vec<Hir>) -> Result<(), BadPattern> {
        loop {
            if self.eat(r"\E") {
                return Ok(());
            }
            let Some(letter) = self.next() else { return Ok(()) };
            let literal = self.literal(letter);
            let last = self.eat(r"\E");
            if last {
                parts.push(self.repeated(literal)?);
                return Ok(());
            }
            parts.push(literal);
        }
    }

    /// `(?flags)`: changes the flags up to the end of the group around it.
    fn flag_group(&mut self) -> Result<bool, BadPattern> {
        let rest = &self.pattern[self.at..];
        let Some(inside) = rest.strip_prefix("(?") else { return Ok(false) };
        let length = inside.find(|c: char| !matches!(c, 'i' | 'm' | 's' | 'U' | '-'));
        match length.map(|length| (&inside[..length], inside[length..].starts_with(')'))) {
            Some((flags, true)) => {
                self.flags = self.changed_flags(flags)?;
                self.at += flags.len() + 3;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn changed_flags(&self, text: &str) -> Result<Flags, BadPattern> {
        let wrong = || self.error_about("invalid or unsupported Perl syntax", &format!("(?{text}"));
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        for letter in text.chars() {
            match letter {
                'i' => flags.ignore_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    on = false;
                    seen = false;
                    continue;
                }
                _ => return Err(wrong()),
            }
            seen = true;
        }
        if seen { Ok(flags) } else { Err(wrong()) }
    }

    fn repeated(&mut self, atom: Hir) -> Result<Hir, BadPattern> {
        let operator_at = self.at;
        let Some((min, max)) = self.repeat_operator()? else { return Ok(atom) };
        let lazy = self.eat("?");
        if self.repeats_again() {
            let operators = &self.pattern[operator_at..];
            let end = operators.find(|c: char| !"*+?{}0123456789,".contains(c));
            let operators = &operators[..end.unwrap_or(operators.len())];
            return Err(self.error_about("invalid nested repetition operator", operators));
        }
        let greedy = lazy == self.flags.swap_greed;
        Ok(Hir::repetition(Repetition { min, max, greedy, sub: Box::new(atom) }))
    }

    /// Whether another repetition operator follows one that was just read.
    fn repeats_again(&self) -> bool {
        match self.peek() {
            Some('*' | '+' | '?') => true,
            Some('{') => counts(&self.pattern[self.at..]).is_some(),
            _ => false,
        }
    }

    fn repeat_operator(&mut self) -> Result<Option<(u32, Option<u32>)>, BadPattern> {
        let counts = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(counts))
    }

    /// `{n}`, `{n,}`, `{n,m}`; anything else that starts with a brace is literal text.
    fn counted(&mut self) -> Result<Option<(u32, Option<u32>)>, BadPattern> {
        let Some((min, max, length)) = counts(&self.pattern[self.at..]) else { return Ok(None) };
        let spelled = &self.pattern[self.at..self.at + length];
        let too_many = |count: u32| count > REPEAT_MAX;
        if too_many(min) || max.is_some_and(|max| too_many(max) || max < min) {
            return Err(self.error_about("invalid repeat count", spelled));
        }
        self.at += length;
        Ok(Some((min, max)))
    }

    fn atom(&mut self) -> Result<Hir, BadPattern> {
        let start = self.at;
        let Some(letter) = self.next() else { return Ok(Hir::empty()) };
        match letter {
            '(' => self.group(start),
            '[' => self.bracket(start),
            '.' if self.flags.dot_all => Ok(self.class(all(), true)),
            '.' => Ok(self.class(all_but_newline(), true)),
            '^' if self.flags.multi_line => Ok(Hir::look(Look::StartLF)),
            '^' => Ok(Hir::look(Look::Start)),
            '$' if self.flags.multi_line => Ok(Hir::look(Look::EndLF)),
            '$' => Ok(Hir::look(Look::End)),
            '*' | '+' | '?' => {
                Err(self
                    .error_about("missing argument to repetition operator", &letter.to_string()))
            }
            '{' if counts(&self.pattern[start..]).is_some() => {
                Err(self.error("missing argument to repetition operator", start))
            }
            '\\' => self.escape(start),
            _ => Ok(self.literal(letter)),
        }
    }

    fn group(&mut self, start: usize) -> Result<Hir, BadPattern> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("expression nests too deeply", start));
        }
        let flags = self.flags;
        let capture = self.group_head(start)?;
        let sub = self.alternation()?;
        if !self.eat(")") {
            return Err(self.error_about("missing closing )", self.pattern));
        }
        self.flags = flags;
        self.depth -= 1;
        Ok(match capture {
            Some((index, name)) => {
                Hir::capture(Capture { index, name: name.map(Into::into), sub: Box::new(sub) })
            }
            None => sub,
        })
    }

    /// What follows the opening parenthesis; `None` for a group that captures nothing.
    fn group_head(&mut self, start: usize) -> Result<Option<(u32, Option<String>)>, BadPattern> {
        let mut name = None;
        if self.eat("?P<") || self.eat("?<") {
            let rest = &self.pattern[self.at..];
            let Some(end) = rest.find('>') else {
                return Err(self.error("invalid named capture", start));
            };
            let wanted = &rest[..end];
            let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if wanted.is_empty() || !wanted.chars().all(valid) {
                let end = self.at + end + 1;
                return Err(self.error_about("invalid named capture", &self.pattern[start..end]));
            }
            if self.names.iter().any(|known| known == wanted) {
                return Err(self.error_about("duplicate capture group name", wanted));
            }
            self.names.push(wanted.to_owned());
            name = Some(wanted.to_owned());
            self.at += end + 1;
        } else if self.eat("?") {
            let rest = &self.pattern[self.at..];
            let Some(end) = rest.find(|c: char| !matches!(c, 'i' | 'm' | 's' | 'U' | '-')) else {
                return Err(self.error("missing closing )", start));
            };
            if !rest[end..].starts_with(':') {
                let shown: String = self.pattern[start..].chars().take(4).collect();
                return Err(self.error_about("invalid or unsupported Perl syntax", &shown));
            }
            if end > 0 {
                self.flags = self.changed_flags(&rest[..end])?;
            }
            self.at += end + 1;
            return Ok(None);
        }
        self.groups += 1;
        Ok(Some((self.groups, name)))
    }

    fn escape(&mut self, start: usize) -> Result<Hir, BadPattern> {
        match self.peek() {
            Some('A') => self.at += 1,
            Some('z') => {
                self.at += 1;
                return Ok(Hir::look(Look::End));
            }
            Some('b') => {
                self.at += 1;
                return Ok(Hir::look(Look::WordAscii));
            }
            Some('B') => {
                self.at += 1;
                return Ok(Hir::look(Look::WordAsciiNegate));
            }
            _ => {
                if let Some((class, negated)) = self.class_escape(start)? {
                    return Ok(self.class(class, negated));
                }
                let letter = self.char_escape(start)?;
                return Ok(self.literal(letter));
            }
        }
        Ok(Hir::look(Look::Start))
    }

    /// A character behind a backslash, which was read.
    pub(super) fn char_escape(&mut self, start: usize) -> Result<char, BadPattern> {
        let Some(letter) = self.next() else {
            return Err(self.error_about("trailing backslash at end of expression", ""));
        };
        let wrong = |parser: &Self| {
            let fragment = &parser.pattern[start..parser.at];
            Err(parser.error_about("invalid escape sequence", fragment))
        };
        Ok(match letter {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => return self.hex(start),
            '0'..='7' => {
                let octal = |c: Option<char>| c.filter(|c| ('0'..='7').contains(c));
                if letter != '0' && octal(self.peek()).is_none() {
                    return wrong(self);
                }
                let mut code = u32::from(letter) - u32::from('0');
                for _ in 0..2 {
                    let Some(digit) = octal(self.peek()) else { break };
                    code = code * 8 + u32::from(digit) - u32::from('0');
                    self.at += 1;
                }
                char::from_u32(code).unwrap_or('\0')
            }
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => letter,
            _ => return wrong(self),
        })
    }

    /// `\x41` or `\x{1F600}`; the `x` was read.
    fn hex(&mut self, start: usize) -> Result<char, BadPattern> {
        let rest = &self.pattern[self.at..];
        let (digits, length) = match rest.strip_prefix('{') {
            Some(inside) => match inside.find('}') {
                Some(end) => (&inside[..end], end + 2),
                None => ("", 0),
            },
            None => (rest.get(..2).unwrap_or(""), 2),
        };
        let valid = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit());
        let code = valid.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
        match code.and_then(char::from_u32) {
            Some(letter) => {
                self.at += length;
                Ok(letter)
            }
            None => {
                let shown: String = self.pattern[start..].chars().take(8).collect();
                Err(self.error_about("invalid escape sequence", &shown))
            }
        }
    }

    pub(super) fn fold(&self, class: &mut ClassUnicode) {
        if self.flags.ignore_case {
            // Fails only without the library's Unicode tables; then ASCII has to do.
            let _ = class.try_case_fold_simple();
        }
    }

    fn literal(&self, letter: char) -> Hir {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(letter, letter)]);
        self.fold(&mut class);
        match class.ranges() {
            [one] if one.start() == one.end() => {
                let mut utf8 = [0; 4];
                Hir::literal(letter.encode_utf8(&mut utf8).as_bytes().to_vec())
            }
            _ => Hir::class(Class::Unicode(class)),
        }
    }

    /// A class; one that came from a negation or a dot also matches a stray byte when asked to.
    pub(super) fn class(&self, class: ClassUnicode, negation: bool) -> Hir {
        let class = Hir::class(Class::Unicode(class));
        if !(negation && self.stray_bytes) {
            return class;
        }
        let stray = ClassBytes::new([ClassBytesRange::new(0x80, 0xff)]);
        Hir::alternation(vec![class, Hir::class(Class::Bytes(stray))])
    }
}

/// Reads `{n}`, `{n,}` or `{n,m}` at the start of the text: least, most, and how long it is.
fn counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let end = text.find('}')?;
    let inside = text.get(1..end)?;
    // Numbers too large for the type are too large for the limit as well.
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let padded = digits.len() > 1 && digits.starts_with('0');
        (plain && !padded).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match inside.split_once(',') {
        None => {
            let count = number(inside)?;
            (count, Some(count))
        }
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((min, max, end + 1))
}
