//! The function `now`: seconds since 1970, now.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Now)
}

plugin_args! {
    /// Seconds since 1970, now.
    pub struct NowArgs for "now" {
        /// Nanoseconds instead of seconds.
        ns: bool = false,
    }
}

struct Now;

impl Function for Now {
    type Args = NowArgs;

    fn call(&self, args: NowArgs, scope: &Scope) -> Result<Value, Failure> {
        let micros = scope.host().clock().now().as_micros();
        Ok(Value::Int(if args.ns { micros.saturating_mul(1000) } else { micros / 1_000_000 }))
    }
}
