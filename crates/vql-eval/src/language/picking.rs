//! Which elements of a list are meant: those that a lambda or a pattern picks, or that are true.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Lambda, Pattern, Scope};

/// Picks elements by lambda, by pattern, or by their own truth.
pub(super) struct Test {
    pub(super) lambda: Option<Lambda>,
    pub(super) patterns: Option<Vec<Arc<Pattern>>>,
}

impl Test {
    pub(super) fn picks(&self, item: &Value, scope: &Scope) -> bool {
        if scope.stopped() {
            return false;
        }
        match (&self.lambda, &self.patterns) {
            (Some(lambda), _) => scope.truth(&scope.call(lambda, std::slice::from_ref(item))),
            (None, Some(patterns)) => {
                let text = item.to_text();
                patterns.iter().any(|pattern| pattern.is_match(&text))
            }
            (None, None) => scope.truth(item),
        }
    }
}
