//! Which rules are about which log.

use std::collections::HashMap;

use sigma::LogSource;

/// Rules by the log source that they name.
#[derive(Debug, Default)]
pub struct Routes {
    rules: HashMap<LogSource, Vec<usize>>,
}

impl Routes {
    /// Takes the log sources of rules, which are known by their place from now on.
    pub fn new(sources: impl IntoIterator<Item = LogSource>) -> Self {
        let mut routes = Self::default();
        for (place, source) in sources.into_iter().enumerate() {
            routes.rules.entry(source).or_default().push(place);
        }
        routes
    }

    /// The rules about a log, ascending.
    pub fn about(&self, log: &LogSource) -> Vec<usize> {
        let covered = self.rules.iter().filter(|(wanted, _)| log.covers(wanted));
        let mut rules: Vec<usize> = covered.flat_map(|(_, rules)| rules).copied().collect();
        rules.sort_unstable();
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_the_rules_that_name_it() {
        let source = |key: &str| LogSource::parse(key).unwrap();
        let keys = ["process_creation/windows/*", "process_creation/linux/*", "*/windows/security"];
        let routes = Routes::new(keys.map(source));
        assert_eq!(routes.about(&source("process_creation/windows/*")), [0]);
        assert_eq!(routes.about(&source("process_creation/*/*")), [0, 1]);
        assert_eq!(routes.about(&source("*/windows/*")), [0, 2]);
        assert_eq!(routes.about(&source("dns/*/*")), [] as [usize; 0]);
    }
}
