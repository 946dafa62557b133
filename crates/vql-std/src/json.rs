//! JSON text to values and rows.

use rows::Value;
use vql_plugin::{Failure, Level, Scope};

pub(crate) fn read(text: &[u8]) -> Result<Value, Failure> {
    rows_json::from_json(text).map_err(|error| Failure::new(error.to_string()))
}

pub(crate) fn not_an_array(found: &Value) -> Failure {
    let what = match found {
        Value::Dict(_) => "an object",
        Value::Text(_) => "a text",
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        _ => "a number",
    };
    Failure::new(format!("the text is JSON but no array, it is {what}"))
}

/// Says, once per query, that a text is not checked against the schema that was given.
pub(crate) fn unchecked(name: &'static str, schema: Option<&Value>, scope: &Scope) {
    if schema.is_none_or(Value::is_null) {
        return;
    }
    scope.keep(&format!("schema of {name}"), || {
        let text = format!("{name}: the text is read but not checked against the schema");
        scope.log(Level::Warn, &text);
    });
}
