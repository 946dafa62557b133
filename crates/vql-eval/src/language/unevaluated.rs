//! Arguments of which a function wants to know more than their value: where they stand in the
//! text, or which variable they name.

use rows::{Name, Value};
use vql_plugin::{ArgContext, ArgType, Scope};

use crate::objects::LazyExpr;

/// An argument as it is written.
#[derive(Clone)]
pub(super) struct Unevaluated(Value);

impl Unevaluated {
    fn expression(&self) -> Option<&LazyExpr> {
        match &self.0 {
            Value::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// Its value. Queries stay queries.
    pub(super) fn value(&self, _scope: &Scope) -> Value {
        match self.expression() {
            Some(expression) => expression.evaluate(),
            None => self.0.clone(),
        }
    }

    /// The argument itself, still not computed.
    pub(super) fn as_written(&self) -> Value {
        self.0.clone()
    }

    /// A number that no other place in the text has while this exists.
    pub(super) fn place(&self) -> usize {
        self.expression().map_or(0, LazyExpr::place)
    }

    /// The variable and its members, when it is just that: `a` or `a.b`.
    pub(super) fn variable(&self) -> Option<&[Name]> {
        self.expression()?.variable()
    }
}

impl ArgType for Unevaluated {
    const TYPE: &'static str = "any, evaluated when needed";
    const LAZY: bool = true;

    fn from_value(value: Value, _cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(Self(value))
    }
}
