//! Character classes: `[a-z]`, `\d`, `[:alpha:]`, `\p{Greek}`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::BadPattern;
use super::parse::Parser;

impl Parser<'_> {
    /// `\d`, `\pL` and the like; the backslash was read. Also says whether it is a negation.
    pub(super) fn class_escape(
        &mut self,
        start: usize,
    ) -> Result<Option<(ClassUnicode, bool)>, BadPattern> {
        let Some(letter) = self.peek() else {
            return Err(self.error_about("trailing backslash at end of expression", ""));
        };
        let mut class = match letter.to_ascii_lowercase() {
            'd' => ascii(&[('0', '9')]),
            's' => ascii(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')]),
            'w' => ascii(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
            'p' => return self.unicode_class(start).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        self.fold(&mut class);
        let negated = letter.is_ascii_uppercase();
        if negated {
            class.negate();
        }
        Ok(Some((class, negated)))
    }

    /// `\pL`, `\p{Greek}`, `\P{^L}`; the backslash was read.
    fn unicode_class(&mut self, start: usize) -> Result<(ClassUnicode, bool), BadPattern> {
        let mut negated = self.next() == Some('P');
        let rest = &self.pattern[self.at..];
        let name = match rest.strip_prefix('{') {
            Some(inside) => match inside.find('}') {
                Some(end) => {
                    self.at += end + 2;
                    &inside[..end]
                }
                None => return Err(self.error("invalid character class range", start)),
            },
            None => {
                let length = rest.chars().next().map_or(0, char::len_utf8);
                self.at += length;
                &rest[..length]
            }
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => name,
        };
        let unknown =
            || self.error_about("invalid character class range", &self.pattern[start..self.at]);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(unknown());
        }
        let known = regex_syntax::parse(&format!(r"\p{{{name}}}")).map_err(|_| unknown())?;
        let mut class = match known.kind() {
            HirKind::Class(Class::Unicode(class)) => class.clone(),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => ClassUnicode::new(text.chars().map(|c| ClassUnicodeRange::new(c, c))),
                Err(_) => return Err(unknown()),
            },
            _ => return Err(unknown()),
        };
        self.fold(&mut class);
        if negated {
            class.negate();
        }
        Ok((class, negated))
    }

    /// `[…]`; the bracket was read.
    pub(super) fn bracket(&mut self, start: usize) -> Result<Hir, BadPattern> {
        let negated = self.eat("^");
        let mut class = ClassUnicode::empty();
        let mut stray = negated;
        let mut first = true;
        loop {
            let Some(letter) = self.peek() else {
                return Err(self.error("missing closing ]", start));
            };
            if letter == ']' && !first {
                self.at += 1;
                break;
            }
            first = false;
            if let Some((named, named_negated)) = self.named_class(start)? {
                class.union(&named);
                stray |= named_negated && !negated;
                continue;
            }
            let range = self.range(start)?;
            let mut range = ClassUnicode::new([range]);
            self.fold(&mut range);
            class.union(&range);
        }
        if negated {
            class.negate();
        }
        Ok(self.class(class, stray))
    }

    /// `[:alpha:]`, `\d` and the like inside brackets.
    fn named_class(&mut self, start: usize) -> Result<Option<(ClassUnicode, bool)>, BadPattern> {
        let rest = &self.pattern[self.at..];
        if let Some(inside) = rest.strip_prefix("[:")
            && let Some(end) = inside.find(":]")
        {
            let (negated, name) = match inside[..end].strip_prefix('^') {
                Some(name) => (true, name),
                None => (false, &inside[..end]),
            };
            let Some(ranges) = posix(name) else {
                let shown = &rest[..end + 4];
                return Err(self.error_about("invalid character class range", shown));
            };
            let mut class = ascii(ranges);
            self.fold(&mut class);
            if negated {
                class.negate();
            }
            self.at += end + 4;
            return Ok(Some((class, negated)));
        }
        if rest.starts_with('\\') {
            self.at += 1;
            let found = self.class_escape(start)?;
            if found.is_none() {
                self.at -= 1;
            }
            return Ok(found);
        }
        Ok(None)
    }

    fn range(&mut self, start: usize) -> Result<ClassUnicodeRange, BadPattern> {
        let from = self.at;
        let low = self.class_char(start)?;
        let rest = &self.pattern[self.at..];
        if !rest.starts_with('-') || rest.starts_with("-]") || rest == "-" {
            return Ok(ClassUnicodeRange::new(low, low));
        }
        self.at += 1;
        let high = self.class_char(start)?;
        if high < low {
            let shown = &self.pattern[from..self.at];
            return Err(self.error_about("invalid character class range", shown));
        }
        Ok(ClassUnicodeRange::new(low, high))
    }

    fn class_char(&mut self, start: usize) -> Result<char, BadPattern> {
        let at = self.at;
        match self.next() {
            None => Err(self.error("missing closing ]", start)),
            Some('\\') => self.char_escape(at),
            Some(letter) => Ok(letter),
        }
    }
}

pub(super) fn all() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
}

pub(super) fn all_but_newline() -> ClassUnicode {
    ClassUnicode::new([
        ClassUnicodeRange::new('\0', '\x09'),
        ClassUnicodeRange::new('\x0b', char::MAX),
    ])
}

fn ascii(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)))
}

fn posix(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}
