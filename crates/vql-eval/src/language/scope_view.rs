//! A scope as a value: its members are the variables.

use std::any::Any;

use rows::{Name, Object, ObjectKind, Value};
use vql_plugin::Scope;

/// A scope as a value.
pub(super) struct ScopeView(pub(super) Scope);

impl Object for ScopeView {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Scope
    }

    fn type_name(&self) -> &str {
        "scope"
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.0.lookup(name)
    }

    fn members(&self) -> Vec<Name> {
        self.0.names()
    }

    fn truth(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
