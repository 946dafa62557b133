//! All plugins and functions that a program offers, and which of them may be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Entry, Function, Kind, Permission, Plugin, Spec};

/// The plugins and functions that queries may call.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    plugins: BTreeMap<&'static str, Arc<Entry>>,
    functions: BTreeMap<&'static str, Arc<Entry>>,
    /// `None`: everything is allowed.
    allowed: Option<Vec<Permission>>,
}

/// What a catalog knows about a name.
#[derive(Clone, Debug)]
pub enum Found {
    /// It exists and may be called.
    Yes(Arc<Entry>),
    /// It exists but needs this, which is not allowed here.
    Denied(Permission),
    /// There is nothing of that name.
    No,
}

impl Catalog {
    /// A catalog without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// This catalog and one more entry; a later one replaces an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, entry: Entry) -> Self {
        let list = match entry.spec.kind {
            Kind::Plugin => &mut self.plugins,
            Kind::Function => &mut self.functions,
        };
        list.insert(entry.spec.name, Arc::new(entry));
        self
    }

    /// This catalog and one more plugin.
    #[must_use]
    pub fn plugin<P: Plugin>(self, plugin: P) -> Self {
        self.with(Entry::plugin(plugin))
    }

    /// This catalog and one more function.
    #[must_use]
    pub fn function<F: Function>(self, function: F) -> Self {
        self.with(Entry::function(function))
    }

    /// This catalog and everything of another.
    #[must_use]
    pub fn and(mut self, other: Catalog) -> Self {
        self.plugins.extend(other.plugins);
        self.functions.extend(other.functions);
        self
    }

    /// The same names, of which only those may be called that need nothing but `allowed`.
    #[must_use]
    pub fn restricted_to(mut self, allowed: &[Permission]) -> Self {
        self.allowed = Some(allowed.to_vec());
        self
    }

    /// Whether there are names that may not be called.
    pub fn is_restricted(&self) -> bool {
        self.allowed.is_some()
    }

    /// Looks for a plugin.
    pub fn find_plugin(&self, name: &str) -> Found {
        self.judge(self.plugins.get(name))
    }

    /// Looks for a function.
    pub fn find_function(&self, name: &str) -> Found {
        self.judge(self.functions.get(name))
    }

    fn judge(&self, entry: Option<&Arc<Entry>>) -> Found {
        let Some(entry) = entry else { return Found::No };
        let Some(allowed) = &self.allowed else { return Found::Yes(entry.clone()) };
        match entry.spec.needs.iter().find(|need| !allowed.contains(need)) {
            Some(need) => Found::Denied(*need),
            None => Found::Yes(entry.clone()),
        }
    }

    /// What all plugins and functions say about themselves: plugins first, each by name.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.plugins.values().chain(self.functions.values()).map(|entry| &entry.spec)
    }

    /// Names of that kind that look like `name`, the nearest first, at most three.
    pub fn similar(&self, name: &str, kind: Kind) -> Vec<&'static str> {
        let list = match kind {
            Kind::Plugin => &self.plugins,
            Kind::Function => &self.functions,
        };
        let shares_part = |known: &str| {
            known.split('_').any(|part| part.len() > 2 && name.split(['_', '.']).any(|n| n == part))
        };
        let mut near: Vec<_> = list
            .keys()
            .map(|known| (distance(name, known), *known))
            .filter(|(far, known)| *far <= 1 + name.len() / 4 || shares_part(known))
            .collect();
        near.sort_unstable();
        near.into_iter().take(3).map(|(_, known)| known).collect()
    }
}

/// Declares a folder in which every file holds one plugin or function, and collects them: adding one
/// is its file and one line here.
///
/// Each file has `pub(super) fn entry() -> Entry`; after `asking TYPE;` it is
/// `pub(super) fn entry(given: &TYPE) -> Entry`. The macro makes `catalog` with the same argument.
///
/// ```text
/// one_file_each! {
///     join
///     split
/// }
/// ```
#[macro_export]
macro_rules! one_file_each {
    (asking $given:ty; $($name:ident)*) => {
        $(mod $name;)*
        /// Every file of this folder.
        pub(crate) fn catalog(given: &$given) -> $crate::Catalog {
            let _ = given;
            $crate::Catalog::new()$(.with($name::entry(given)))*
        }
    };
    ($($name:ident)*) => {
        $(mod $name;)*
        /// Every file of this folder.
        pub(crate) fn catalog() -> $crate::Catalog {
            $crate::Catalog::new()$(.with($name::entry()))*
        }
    };
}

/// How many letters have to be changed, added or removed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
