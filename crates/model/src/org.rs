//! Who a record belongs to and who changed it.

use std::fmt;

/// A tenant. Every record carries one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgId(String);

impl OrgId {
    /// The organisation of an installation that has only one.
    pub const DEFAULT: &'static str = "default";

    /// An organisation's id: letters, digits, `-` and `_`, at most 64 of them.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let good = !text.is_empty() && text.len() <= 64 && text.chars().all(fits);
        good.then(|| Self(text.to_owned()))
    }

    /// The spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for OrgId {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who did something: a person, or a part of the server acting by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// A signed-in user, by name.
    User(String),
    /// The hunt manager, the retry policy, an expiry.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => f.write_str(name),
            Self::System => f.write_str("system"),
        }
    }
}

impl Actor {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Self {
        if text == "system" { Self::System } else { Self::User(text.to_owned()) }
    }
}
