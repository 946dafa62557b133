//! Names that artifacts may use and that are known not to be here: what each is, and why.
//!
//! Artifacts written for other machines or for a server name plugins that this engine does not have.
//! Such a name is no mistake of its author: a query that reaches it is told what it is and goes on.
//! Real plugins win: a name is looked for here only when no catalog has it.
//!
//! # Not here
//!
//! Which names exist: [`Catalog`](crate::Catalog). A test over all programs' catalogs says which
//! lines of these tables have become real and must be removed.

mod accessors;
mod functions;
mod plugins;

use std::fmt;

use crate::Kind;

/// Why a known name is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It asks Windows itself.
    LiveWindows,
    /// It asks macOS itself.
    LiveMacos,
    /// It asks the server's records, and does so when the server runs the query.
    OnServer,
    /// It asks or changes the server's records.
    Server,
    /// It is wanted and comes later.
    Later,
    /// It is left out for good; its text says what to use instead.
    LeftOut,
}

impl Why {
    /// A word for records and counts.
    pub fn word(self) -> &'static str {
        match self {
            Self::LiveWindows => "windows",
            Self::LiveMacos => "macos",
            Self::OnServer | Self::Server => "server",
            Self::Later => "later",
            Self::LeftOut => "left_out",
        }
    }

    /// The reason as the end of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::LiveWindows => "only works on live Windows",
            Self::LiveMacos => "only works on live macOS",
            Self::OnServer => "only works in queries that the server runs",
            Self::Server => "works on the server and is not offered yet",
            Self::Later => "is not offered yet",
            Self::LeftOut => "is not offered",
        }
    }
}

/// A name that is known not to be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The name in VQL.
    pub name: &'static str,
    /// Why it is not here.
    pub why: Why,
    /// What it does, or what to use instead.
    pub what: &'static str,
}

impl fmt::Display for Elsewhere {
    /// One sentence: `` `wmi` only works on live Windows (asks the management interface) ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {} ({})", self.name, self.why.reason(), self.what)
    }
}

/// Names of one reason with what they do.
type Table = &'static [(Why, &'static [(&'static str, &'static str)])];

fn find(table: Table, name: &str) -> Option<Elsewhere> {
    all(table).find(|known| known.name == name)
}

fn all(table: Table) -> impl Iterator<Item = Elsewhere> {
    table.iter().flat_map(|(why, names)| {
        names.iter().map(|(name, what)| Elsewhere { name, why: *why, what })
    })
}

/// The plugin or function of that name, when it is known not to be here.
pub fn elsewhere(name: &str, kind: Kind) -> Option<Elsewhere> {
    match kind {
        Kind::Plugin => find(plugins::PLUGINS, name),
        Kind::Function => find(functions::FUNCTIONS, name),
    }
}

/// The accessor of that name, when it is known not to be here.
pub fn accessor_elsewhere(name: &str) -> Option<Elsewhere> {
    find(accessors::ACCESSORS, name)
}

/// Every plugin or function that is known not to be here.
pub fn all_elsewhere(kind: Kind) -> impl Iterator<Item = Elsewhere> {
    all(match kind {
        Kind::Plugin => plugins::PLUGINS,
        Kind::Function => functions::FUNCTIONS,
    })
}

/// Every accessor that is known not to be here.
pub fn all_accessors_elsewhere() -> impl Iterator<Item = Elsewhere> {
    all(accessors::ACCESSORS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_known_name_says_what_it_is_and_why_it_is_not_here() {
        let check = |found: Option<Elsewhere>, wanted: &str| {
            assert_eq!(found.map(|known| known.to_string()).unwrap_or_default(), wanted);
        };
        check(
            elsewhere("wmi", Kind::Plugin),
            "`wmi` only works on live Windows (asks the management interface, WMI)",
        );
        check(
            elsewhere("hunt_delete", Kind::Plugin),
            "`hunt_delete` works on the server and is not offered yet (deletes a hunt)",
        );
        check(elsewhere("wmi", Kind::Function), "");
        check(
            accessor_elsewhere("registry"),
            "`registry` only works on live Windows (the registry, through the system)",
        );
        check(accessor_elsewhere("file"), "");
    }

    #[test]
    fn every_name_stands_once() {
        for table in [plugins::PLUGINS, functions::FUNCTIONS, accessors::ACCESSORS] {
            let mut seen = BTreeSet::new();
            for known in all(table) {
                assert!(seen.insert(known.name), "{} stands twice", known.name);
                assert!(!known.what.is_empty() && !known.what.ends_with('.'), "{}", known.name);
            }
        }
    }
}
