//! A row as rules see it.

use rows::{Row, Value};
use vql_plugin::Scope;

use super::mapping::Mapping;

/// A row, its fields by the names that rules use.
pub(crate) struct Event<'e> {
    pub(crate) row: &'e Row,
    pub(crate) mapping: &'e Mapping,
    pub(crate) scope: &'e Scope,
}

impl sigma::Fields for Event<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        self.mapping.get(name, self.row, self.scope)
    }

    fn each_text(&self, see: &mut dyn FnMut(&[u8])) {
        if self.row.values().any(Value::holds_object) {
            if let Value::Dict(plain) = self.scope.materialise(&Value::Dict(self.row.clone())) {
                plain.each_text(see);
            }
        } else {
            self.row.each_text(see);
        }
    }
}
