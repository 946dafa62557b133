//! The function `int`: any value as an integer: numbers are cut, text is read (also `0x` and `0` prefixes), truth

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::numbers::{parse_float, parse_int};

pub(super) fn entry() -> Entry {
    Entry::function(Int)
}

plugin_args! {
    /// Any value as an integer: numbers are cut, text is read (also `0x` and `0` prefixes), truth
    /// is 1 or 0. NULL where that makes no sense.
    pub struct IntArgs for "int" {
        /// The value.
        int: Option<Value>,
    }
}

struct Int;

impl Function for Int {
    type Args = IntArgs;

    fn call(&self, args: IntArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(match scope.materialise(&args.int.unwrap_or_default()) {
            Value::Int(number) => Value::Int(number),
            Value::Float(number) => Value::Int(number as i64),
            Value::Bool(truth) => Value::Int(i64::from(truth)),
            Value::Time(time) => Value::Int(time.unix()),
            Value::Text(text) => match parse_int(&text) {
                Some(number) => Value::Int(number),
                None => parse_float(&text).map_or(Value::Null, |number| Value::Int(number as i64)),
            },
            _ => Value::Null,
        })
    }
}
