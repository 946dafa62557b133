//! The function `rand`: a random integer from 0 up to, and without, `range`; any positive one when left out.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Rand)
}

plugin_args! {
    /// A random integer from 0 up to, and without, `range`; any positive one when left out.
    pub struct RandArgs for "rand" {
        /// The bound.
        range: Option<i64>,
    }
}

struct Rand;

impl Function for Rand {
    type Args = RandArgs;

    fn call(&self, args: RandArgs, scope: &Scope) -> Result<Value, Failure> {
        let range = u64::try_from(args.range.unwrap_or(i64::MAX)).ok().filter(|range| *range > 0);
        let range = range.ok_or_else(|| Failure::new("range must be greater than zero"))?;
        // 128 random bits make the bias of the remainder immeasurable.
        let number = scope.host().entropy(|entropy| entropy.next_u128()) % u128::from(range);
        Ok(Value::Int(i64::try_from(number).unwrap_or(0)))
    }
}
