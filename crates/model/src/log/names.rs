//! The names that people give to tenants, datasets, rules and engines.

use std::fmt;
use std::str::FromStr;

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` cannot be the name of a {what}; use 1 to 100 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
)]
pub struct BadName {
    /// What was given.
    pub text: String,
    /// What it should name.
    pub what: &'static str,
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inner)
}

macro_rules! name {
    ($(#[$doc:meta])* $Name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name(std::sync::Arc<str>);

        impl $Name {
            /// The name spelled like that.
            pub fn new(text: &str) -> Result<Self, BadName> {
                if is_name(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadName { text: text.chars().take(120).collect(), what: $what })
                }
            }

            /// The spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $Name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }
    };
}

name!(
    /// A customer whose logs are hunted through.
    TenantName, "tenant");
name!(
    /// One kind of log, by the name that rules use, for instance `process_creation`.
    DatasetName, "dataset");
name!(
    /// A rule of a log hunt.
    RuleName, "rule");
name!(
    /// A query engine of the configuration.
    EngineName, "engine");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(TenantName::new("acme-1.eu").unwrap().as_str(), "acme-1.eu");
        for text in ["", ".x", "-x", "a b", "é", "x/y", &"x".repeat(101)] {
            assert!(RuleName::new(text).is_err(), "{text}");
        }
        assert_eq!(
            RuleName::new("a b").unwrap_err().to_string(),
            "`a b` cannot be the name of a rule; use 1 to 100 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
        );
    }
}
