//! What a query sees instead of what the program offers: other accessors under the same names, and
//! another machine than the one it runs on. `remap()` makes it.

use crate::Accessors;

/// What a query sees.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The accessors.
    pub accessors: Accessors,
    /// The machine it is made to believe in.
    pub machine: Impersonated,
}

/// What is said about the machine instead of the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonated {
    /// Its operating system.
    pub os: Option<String>,
    /// Its name.
    pub hostname: Option<String>,
    /// Its environment: names and values. Not empty means that the real one is not seen.
    pub env: Vec<(String, String)>,
    /// Plugins that would tell about the real machine.
    pub disabled_plugins: Vec<String>,
    /// Functions that would tell about the real machine.
    pub disabled_functions: Vec<String>,
}

impl Impersonated {
    /// A variable of the environment; `None` when the real environment is seen, `Some(None)` when
    /// there is no such variable. Names may differ in case, as they do on Windows.
    pub fn variable(&self, name: &str) -> Option<Option<&str>> {
        if self.env.is_empty() {
            return None;
        }
        let found = self.env.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        Some(found.map(|(_, value)| value.as_str()))
    }
}
