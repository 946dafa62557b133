//! Rule text cut into its parts: imports and rules, without understanding what they say.

use std::ops::Range;

/// A part of a rule text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it is in the text.
    pub(crate) span: Range<usize>,
    /// Where the rule's words about itself are, from `meta:` up to the next section.
    pub(crate) meta: Option<Range<usize>>,
    /// Name of the rule; empty for an import.
    pub(crate) name: String,
}

/// Cuts a text into parts. Text that is no rule becomes a part of its own, for the compiler to
/// complain about.
pub(crate) fn parts(text: &str) -> Vec<Part> {
    let mut cutter = Cutter { text, at: 0 };
    let mut parts = Vec::new();
    while let Some(part) = cutter.part() {
        parts.push(part);
    }
    parts
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Mark(u8),
    Quoted,
}

struct Cutter<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cutter<'a> {
    fn part(&mut self) -> Option<Part> {
        let (start, first) = self.token()?;
        let mut name = String::new();
        if let Token::Word("import" | "include") = first {
            self.token();
            return Some(Part { span: start..self.at, meta: None, name });
        }
        let mut token = first;
        let mut after_rule = false;
        let mut depth = 0usize;
        let mut section: Option<usize> = None;
        let mut meta = None;
        let mut word: Option<(usize, &str)> = None;
        let mut begin = start;
        loop {
            match token {
                Token::Word("rule") if depth == 0 => after_rule = true,
                Token::Word(found) if after_rule => {
                    name = found.to_owned();
                    after_rule = false;
                }
                Token::Mark(b'{') => depth += 1,
                Token::Mark(b'}') if depth <= 1 => {
                    return Some(Part { span: start..self.at, meta, name });
                }
                Token::Mark(b'}') => depth -= 1,
                Token::Mark(b':') if depth == 1 => match word {
                    Some((at, "meta")) => section = Some(at),
                    Some((at, "strings" | "condition")) => {
                        meta = meta.or(section.take().map(|from| from..at));
                    }
                    _ => {}
                },
                _ => {}
            }
            word = match token {
                Token::Word(text) => Some((begin, text)),
                _ => None,
            };
            match self.token() {
                Some((at, next)) => (begin, token) = (at, next),
                None => return Some(Part { span: start..self.at, meta, name }),
            }
        }
    }

    /// The next token and where it starts; comments are passed over.
    fn token(&mut self) -> Option<(usize, Token<'a>)> {
        let bytes = self.text.as_bytes();
        loop {
            let start = self.at;
            let byte = *bytes.get(start)?;
            let rest = &bytes[start..];
            if byte.is_ascii_whitespace() {
                self.at += 1;
            } else if rest.starts_with(b"//") {
                self.skip_past(start, b"\n");
            } else if rest.starts_with(b"/*") {
                self.skip_past(start + 2, b"*/");
            } else if byte == b'"' || byte == b'/' {
                self.skip_quoted(byte);
                return Some((start, Token::Quoted));
            } else if byte == b'_' || byte.is_ascii_alphanumeric() {
                let is_word = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric();
                let length = rest.iter().take_while(|byte| is_word(byte)).count();
                self.at += length;
                return Some((start, Token::Word(&self.text[start..self.at])));
            } else {
                // Only whole characters are skipped, so that every place is one to cut at.
                self.at += self.text[start..].chars().next().map_or(1, char::len_utf8);
                return Some((start, Token::Mark(byte)));
            }
        }
    }

    fn skip_past(&mut self, from: usize, end: &[u8]) {
        let rest = &self.text.as_bytes()[from.min(self.text.len())..];
        let found = rest.windows(end.len()).position(|window| window == end);
        self.at = found.map_or(self.text.len(), |at| from + at + end.len());
    }

    /// A text or a regex: up to the same mark again, on the same line.
    fn skip_quoted(&mut self, mark: u8) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\\' if self.at + 1 < bytes.len() => {
                    self.at += 1;
                    self.at += self.text[self.at..].chars().next().map_or(1, char::len_utf8);
                }
                b'\n' => return,
                byte if *byte == mark => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, cut: &[(&str, &str)]) {
        let found = parts(text);
        let found: Vec<(&str, &str)> =
            found.iter().map(|part| (part.name.as_str(), &text[part.span.clone()])).collect();
        assert_eq!(found, cut, "{text}");
    }

    #[test]
    fn braces_in_texts_comments_and_bytes_do_not_end_a_rule() {
        let a =
            r#"rule a { strings: $a = "}" $b = { 41 ( 42 | 43 ) } $c = /\/}{2}/ condition: $a }"#;
        let b = "private rule b : t { /* } */ condition: // }\n true }";
        let text = format!("import \"pe\"\n{a} // rule c {{\n{b}");
        check(&text, &[("", "import \"pe\""), ("a", a), ("b", b)]);
    }

    #[test]
    fn what_is_never_closed_is_the_last_part() {
        check("rule a { condition: true", &[("a", "rule a { condition: true")]);
        check("\"é", &[("", "\"é")]);
        check("", &[]);
    }

    #[test]
    fn the_words_of_a_rule_about_itself_are_found() {
        let text = "rule a { meta: x = \"strings:\" strings: $a = \"b\" condition: $a }";
        let meta = parts(text)[0].meta.clone().unwrap();
        assert_eq!(&text[meta], "meta: x = \"strings:\" ");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_in_order(text in r#"(rule|import|meta|strings|:|[{}"/\\*é\n a])*"#) {
            let mut end = 0;
            for part in parts(&text) {
                prop_assert!(part.span.start >= end && part.span.end > part.span.start);
                prop_assert!(text.get(part.span.clone()).is_some());
                if let Some(meta) = part.meta {
                    prop_assert!(text.get(meta).is_some());
                }
                end = part.span.end;
            }
        }
    }
}
