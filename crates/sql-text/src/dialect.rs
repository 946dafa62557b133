//! How each engine spells identifiers and literals.
//!
//! # Invariants
//!
//! - **ST-1** What is quoted here is one token of its dialect, whatever its characters: nothing of a
//!   value is ever read as SQL. What a dialect cannot hold in a token is refused.
//! - **ST-2** The spelling does not depend on settings of a session, as far as the dialect has a form
//!   that does not.
//!
//! # Not here
//!
//! Bound parameters, which are better wherever a protocol has them: templates.

use thiserror::Error;

/// A way to write SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Apache DataFusion.
    DataFusion,
    /// SQLite, with the functions that `engine-sqlite` registers.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// ClickHouse.
    ClickHouse,
    /// Spark SQL, also as Sail speaks it.
    Spark,
    /// Trino.
    Trino,
    /// Whatever stands behind Arrow Flight SQL: nothing beyond the common core.
    FlightSql,
    /// OpenSearch and Elasticsearch: no SQL, but queries in JSON.
    OpenSearch,
}

/// A text that a dialect cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unquotable {
    /// A NUL character.
    #[error("{dialect} cannot hold the character NUL in {what}; write the text without it")]
    Nul {
        /// Where.
        dialect: &'static str,
        /// In what.
        what: &'static str,
    },
    /// Nothing at all.
    #[error("an identifier of {dialect} is empty; name a column or a table")]
    Empty {
        /// Where.
        dialect: &'static str,
    },
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 8] = [
        Self::DataFusion,
        Self::Sqlite,
        Self::Postgres,
        Self::ClickHouse,
        Self::Spark,
        Self::Trino,
        Self::FlightSql,
        Self::OpenSearch,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::DataFusion => "DataFusion",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::ClickHouse => "ClickHouse",
            Self::Spark => "Spark",
            Self::Trino => "Trino",
            Self::FlightSql => "Flight SQL",
            Self::OpenSearch => "OpenSearch",
        }
    }

    /// One identifier, quoted; a dot in it is part of the name.
    pub fn identifier(self, name: &str) -> Result<String, Unquotable> {
        if name.is_empty() {
            return Err(Unquotable::Empty { dialect: self.name() });
        }
        self.without_nul(name, "an identifier")?;
        Ok(match self {
            // SQLite takes an unknown name between double quotes for a text.
            Self::Spark | Self::Sqlite => format!("`{}`", name.replace('`', "``")),
            Self::ClickHouse => {
                format!("`{}`", name.replace('\\', r"\\").replace('`', r"\`"))
            }
            _ => format!("\"{}\"", name.replace('"', "\"\"")),
        })
    }

    /// A name of several parts (`catalog.schema.table`), each quoted. A part with dots of its own
    /// stands between double quotes.
    pub fn path(self, path: &str) -> Result<String, Unquotable> {
        let parts: Result<Vec<String>, Unquotable> =
            path_parts(path).iter().map(|part| self.identifier(part)).collect();
        Ok(parts?.join("."))
    }

    /// A text literal.
    pub fn text(self, text: &str) -> Result<String, Unquotable> {
        self.without_nul(text, "a text")?;
        let quotes_doubled = || text.replace('\'', "''");
        Ok(match self {
            // Whether a backslash escapes depends on a setting, unless the literal says so itself.
            Self::Postgres if text.contains('\\') => {
                format!("E'{}'", quotes_doubled().replace('\\', r"\\"))
            }
            Self::ClickHouse | Self::Spark => {
                let escaped = text.replace('\\', r"\\").replace('\'', r"\'");
                // Spark replaces variables in the text of a query, even within a literal.
                let variables = self == Self::Spark && escaped.contains("${");
                let escaped = if variables { escaped.replace("${", r"$\u007b") } else { escaped };
                format!("'{escaped}'")
            }
            _ => format!("'{}'", quotes_doubled()),
        })
    }

    /// A whole number.
    pub fn int(self, number: i64) -> String {
        match number {
            // Read as the negation of a number that does not exist.
            i64::MIN => format!("({} - 1)", i64::MIN + 1),
            negative if negative < 0 => format!("({negative})"),
            number => number.to_string(),
        }
    }

    /// A number with a fraction, which must be finite: the shortest text that means the same.
    pub fn float(self, number: f64) -> String {
        let text = format!("{number:e}");
        if number < 0.0 { format!("({text})") } else { text }
    }

    /// Whether quoted names that differ in case are different names.
    pub fn names_are_cased(self) -> bool {
        match self {
            Self::DataFusion | Self::Postgres | Self::ClickHouse | Self::OpenSearch => true,
            // What stands behind Flight SQL may be either.
            Self::Sqlite | Self::Spark | Self::Trino | Self::FlightSql => false,
        }
    }

    /// A truth value, as a condition.
    pub fn truth(self, truth: bool) -> &'static str {
        if truth { "(1 = 1)" } else { "(1 = 0)" }
    }

    fn without_nul(self, text: &str, what: &'static str) -> Result<(), Unquotable> {
        if text.contains('\0') {
            return Err(Unquotable::Nul { dialect: self.name(), what });
        }
        Ok(())
    }
}

/// The parts of a name.
fn path_parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        let part = parts.last_mut().expect("there is always a last part");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' if quoted || part.is_empty() => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            other => part.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, name: &str, identifier: &str, text: &str) {
        assert_eq!(dialect.identifier(name).unwrap(), identifier);
        assert_eq!(dialect.text(name).unwrap(), text);
    }

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        let hostile = r#"a'b"c`d\e"#;
        check(Dialect::Sqlite, hostile, r#"`a'b"c``d\e`"#, r#"'a''b"c`d\e'"#);
        check(Dialect::DataFusion, hostile, r#""a'b""c`d\e""#, r#"'a''b"c`d\e'"#);
        check(Dialect::Postgres, hostile, r#""a'b""c`d\e""#, r#"E'a''b"c`d\\e'"#);
        check(Dialect::ClickHouse, hostile, r#"`a'b"c\`d\\e`"#, r#"'a\'b"c`d\\e'"#);
        check(Dialect::Spark, hostile, r#"`a'b"c``d\e`"#, r#"'a\'b"c`d\\e'"#);
        check(Dialect::Trino, hostile, r#""a'b""c`d\e""#, r#"'a''b"c`d\e'"#);
        assert_eq!(Dialect::Spark.text("${a}").unwrap(), r"'$\u007ba}'");
        assert_eq!(Dialect::Postgres.path("acme.events").unwrap(), r#""acme"."events""#);
    }

    #[test]
    fn a_path_has_parts() {
        let check = |path: &str, wanted: &[&str]| assert_eq!(path_parts(path), wanted);
        check("acme.process_creation", &["acme", "process_creation"]);
        check("\"a.b\".\"c\"\"d\"", &["a.b", "c\"d"]);
        check("logs", &["logs"]);
    }

    #[test]
    fn what_no_token_can_hold_is_refused() {
        for dialect in Dialect::ALL {
            assert!(dialect.identifier("").is_err());
            assert!(dialect.identifier("a\0").is_err());
            let refused = dialect.text("a\0").unwrap_err().to_string();
            assert!(refused.starts_with(dialect.name()), "{refused}");
            assert!(dialect.path("a..b").is_err());
        }
    }

    #[test]
    fn numbers_are_one_token_behind_any_operator() {
        assert_eq!(Dialect::Sqlite.int(-5), "(-5)");
        assert_eq!(Dialect::Sqlite.int(i64::MIN), "(-9223372036854775807 - 1)");
        assert_eq!(Dialect::Sqlite.float(-0.25), "(-2.5e-1)");
        assert_eq!(Dialect::Sqlite.float(1e300), "1e300");
    }
}
