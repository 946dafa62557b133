//! Grok: named pieces of regular expressions, `%{IP:client}`, put together into one expression.
//!
//! Writes the expression and says what its groups are called; compiling and running it belongs
//! to the caller, who has the language's own regular expressions.
//!
//! # Invariants
//!
//! - **GK-1** Expansion ends: patterns that contain themselves and texts that grow beyond
//!   [`LENGTH_MAX`] are errors.

mod library;

use std::collections::HashMap;

/// The longest expression that one pattern may grow into.
pub const LENGTH_MAX: usize = 200_000;

const DEPTH_MAX: usize = 50;

/// Why a Grok pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGrok {
    /// A name that neither the library nor the caller's patterns have.
    #[error("no Grok pattern is called `{name}`; add it with the argument `patterns`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A pattern that contains itself, or is nested beyond reason.
    #[error("the Grok pattern `{name}` contains itself or is nested more than {DEPTH_MAX} deep")]
    TooDeep {
        /// The name.
        name: String,
    },
    /// The written-out expression is too long.
    #[error("the Grok pattern grows beyond {LENGTH_MAX} characters")]
    TooLong,
    /// `%{` without `}`.
    #[error("`%{{` at character {at} is not closed with `}}`")]
    Unclosed {
        /// Where it opens.
        at: usize,
    },
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// As it stands.
    Text,
    /// `%{X:name:int}`.
    Int,
    /// `%{X:name:float}`.
    Float,
}

/// One group of the written-out expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name of the group in the expression.
    pub group: String,
    /// What the field is called.
    pub name: String,
    /// What kind of value it holds.
    pub kind: FieldKind,
    /// The pattern gave the field a name of its own; otherwise it is called after its pattern.
    pub named: bool,
}

/// A Grok pattern, written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The regular expression, in RE2 syntax.
    pub regex: String,
    /// Its groups, from left to right.
    pub fields: Vec<Field>,
}

/// Writes out `pattern`; `extra` patterns win over the library's.
pub fn write_out(pattern: &str, extra: &HashMap<String, String>) -> Result<Written, BadGrok> {
    let mut writer = Writer { extra, regex: String::new(), fields: Vec::new() };
    writer.expand(pattern, "", 0)?;
    Ok(Written { regex: writer.regex, fields: writer.fields })
}

struct Writer<'a> {
    extra: &'a HashMap<String, String>,
    regex: String,
    fields: Vec<Field>,
}

impl Writer<'_> {
    fn expand(&mut self, pattern: &str, inside: &str, depth: usize) -> Result<(), BadGrok> {
        if depth > DEPTH_MAX {
            return Err(BadGrok::TooDeep { name: inside.to_owned() });
        }
        let mut rest = pattern;
        while let Some(start) = rest.find("%{") {
            let after = &rest[start + 2..];
            let end = after
                .find('}')
                .ok_or_else(|| BadGrok::Unclosed { at: pattern.len() - rest.len() + start + 1 })?;
            self.literal(&rest[..start])?;
            self.reference(&after[..end], depth)?;
            rest = &after[end + 1..];
        }
        self.literal(rest)
    }

    /// Text between references; the caller's own named groups become fields.
    fn literal(&mut self, text: &str) -> Result<(), BadGrok> {
        for (at, _) in text.match_indices("(?") {
            let after = &text[at + 2..];
            let after = after.strip_prefix('P').unwrap_or(after);
            let Some((name, _)) = after.strip_prefix('<').and_then(|n| n.split_once('>')) else {
                continue;
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            self.fields.push(Field {
                group: name.to_owned(),
                name: name.to_owned(),
                kind: FieldKind::Text,
                named: true,
            });
        }
        self.push(text)
    }

    /// `NAME`, `NAME:field` or `NAME:field:type`.
    fn reference(&mut self, text: &str, depth: usize) -> Result<(), BadGrok> {
        let mut parts = text.splitn(3, ':').map(str::trim);
        let pattern_name = parts.next().unwrap_or_default();
        let field_name = parts.next().filter(|name| !name.is_empty());
        let kind = match parts.next() {
            Some("int" | "integer" | "long") => FieldKind::Int,
            Some("float" | "double") => FieldKind::Float,
            _ => FieldKind::Text,
        };
        let body = match self.extra.get(pattern_name) {
            Some(own) => own.clone(),
            None => library::find(pattern_name)
                .ok_or_else(|| BadGrok::Unknown { name: pattern_name.to_owned() })?
                .to_owned(),
        };
        let group = format!("grok_{}", self.fields.len());
        self.fields.push(Field {
            group: group.clone(),
            name: field_name.unwrap_or(pattern_name).to_owned(),
            kind,
            named: field_name.is_some(),
        });
        self.push(&format!("(?P<{group}>"))?;
        self.expand(&body, pattern_name, depth + 1)?;
        self.push(")")
    }

    fn push(&mut self, text: &str) -> Result<(), BadGrok> {
        if self.regex.len() + text.len() > LENGTH_MAX {
            return Err(BadGrok::TooLong);
        }
        self.regex.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(pattern: &str, line: &str, answer: Expect) {
        let found = match write_out(pattern, &HashMap::new()) {
            Err(error) => error.to_string(),
            Ok(written) => {
                let regex = regex::Regex::new(&written.regex).unwrap();
                match regex.captures(line) {
                    None => "no match".to_owned(),
                    Some(found) => written
                        .fields
                        .iter()
                        .filter(|field| field.named)
                        .filter_map(|field| Some((field, found.name(&field.group)?)))
                        .map(|(field, text)| format!("{}={}", field.name, text.as_str()))
                        .collect::<Vec<_>>()
                        .join("\n"),
                }
            }
        };
        answer.assert_eq(&found);
    }

    #[test]
    fn every_pattern_of_the_library_compiles() {
        for (name, _) in library::PATTERNS {
            let written = write_out(&format!("%{{{name}}}"), &HashMap::new()).unwrap();
            regex::Regex::new(&written.regex).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn an_ssh_login_is_taken_apart() {
        check(
            "%{SYSLOGTIMESTAMP:Timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}: %{DATA:event} %{DATA:method} for (invalid user )?%{DATA:user} from %{IPORHOST:ip} port %{NUMBER:port:int} ssh2",
            "Mar  9 07:08:09 web1 sshd[412]: Accepted publickey for root from 10.1.2.3 port 50022 ssh2",
            expect![[r#"
                Timestamp=Mar  9 07:08:09
                logsource=web1
                program=sshd
                pid=412
                event=Accepted
                method=publickey
                user=root
                ip=10.1.2.3
                port=50022"#]],
        );
    }

    #[test]
    fn a_web_log_line_is_taken_apart() {
        check(
            "%{COMBINEDAPACHELOG}",
            r#"1.2.3.4 - bob [09/Mar/2024:07:08:09 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl/8""#,
            expect![[r#"
                clientip=1.2.3.4
                ident=-
                auth=bob
                timestamp=09/Mar/2024:07:08:09 +0000
                verb=GET
                request=/a?b=1
                httpversion=1.1
                response=200
                bytes=512
                referrer="-"
                agent="curl/8""#]],
        );
    }

    #[test]
    fn addresses_and_dates_are_recognised() {
        check("^%{IP:ip}$", "2001:db8::1", expect!["ip=2001:db8::1"]);
        check("^%{IP:ip}$", "::ffff:10.0.0.1", expect!["ip=::ffff:10.0.0.1"]);
        check("^%{IPV4:ip}$", "256.1.1.1", expect!["no match"]);
        check(
            "%{TIMESTAMP_ISO8601:t} %{LOGLEVEL:l}",
            "2024-03-09T07:08:09.1Z WARN x",
            expect![[r#"
            t=2024-03-09T07:08:09.1Z
            l=WARN"#]],
        );
        check(
            "%{UUID:u}",
            "id=0f8fad5b-d9cb-469f-a165-70867728950e.",
            expect!["u=0f8fad5b-d9cb-469f-a165-70867728950e"],
        );
        check(
            "%{URI:u}",
            "see https://a.example:8443/x?y=1",
            expect!["u=https://a.example:8443/x?y=1"],
        );
        check(
            "%{PATH:p} %{QS:q}",
            "/var/log/x.log \"a \\\" b\"",
            expect![[r#"
            p=/var/log/x.log
            q="a \" b""#]],
        );
    }

    #[test]
    fn bad_patterns_are_errors() {
        check(
            "%{NOSUCH:x}",
            "",
            expect!["no Grok pattern is called `NOSUCH`; add it with the argument `patterns`"],
        );
        check("a %{WORD", "", expect!["`%{` at character 3 is not closed with `}`"]);
        let own = HashMap::from([("A".to_owned(), "%{A}".to_owned())]);
        let error = write_out("%{A}", &own).unwrap_err();
        assert_eq!(error, BadGrok::TooDeep { name: "A".to_owned() });
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[%{}A-Z:()?<>a-z ]{0,60}") {
            let _ = write_out(&pattern, &HashMap::new());
        }
    }
}
