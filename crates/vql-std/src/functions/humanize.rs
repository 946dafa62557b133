//! The function `humanize`: sizes, counts and moments as people say them. Give one of the arguments.

use rows::{Time, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Humanize)
}

plugin_args! {
    /// Sizes, counts and moments as people say them. Give one of the arguments.
    pub struct HumanizeArgs for "humanize" {
        /// A number of bytes, in powers of 1000: `82 MB`.
        bytes: Option<i64>,
        /// A number of bytes, in powers of 1024: `79 MiB`.
        ibytes: Option<i64>,
        /// A moment, as its distance from now: `3 hours ago`.
        time: Option<Time>,
        /// A number, with a comma between groups of three digits.
        comma: Option<i64>,
    }
}

struct Humanize;

impl Function for Humanize {
    type Args = HumanizeArgs;

    fn call(&self, args: HumanizeArgs, scope: &Scope) -> Result<Value, Failure> {
        use parsers::humanize;
        let size = |size: i64| {
            u64::try_from(size).map_err(|_| Failure::new(format!("{size} is no number of bytes")))
        };
        let text = match (args.bytes, args.ibytes, args.time, args.comma) {
            (Some(count), ..) => humanize::bytes(size(count)?),
            (_, Some(count), ..) => humanize::ibytes(size(count)?),
            (_, _, Some(time), _) => {
                let now = scope.host().clock().now().as_micros() / 1_000_000;
                humanize::relative(time.unix().saturating_sub(now))
            }
            (.., Some(number)) => humanize::comma(number),
            _ => return Err(Failure::new("one of bytes, ibytes, time and comma must be given")),
        };
        Ok(Value::text(text))
    }
}
