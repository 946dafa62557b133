//! The function `entropy`: the Shannon entropy of the bytes of a text, in bits per byte.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Entropy)
}

plugin_args! {
    /// The Shannon entropy of the bytes of a text, in bits per byte.
    pub struct EntropyArgs for "entropy" {
        /// The text.
        string: Text,
    }
}

struct Entropy;

impl Function for Entropy {
    type Args = EntropyArgs;

    fn call(&self, args: EntropyArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut counts = [0usize; 256];
        for byte in args.string.iter() {
            counts[usize::from(*byte)] += 1;
        }
        let total = args.string.len() as f64;
        let part = |count: usize| {
            let share = count as f64 / total;
            -share * share.log2()
        };
        Ok(Value::Float(counts.into_iter().filter(|count| *count > 0).map(part).sum()))
    }
}
