//! Random ids.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Uuid)
}

plugin_args! {
    /// A random UUID (version 4) as text.
    pub struct UuidArgs for "uuid" {}
}

struct Uuid;

impl Function for Uuid {
    type Args = UuidArgs;

    fn call(&self, _args: UuidArgs, scope: &Scope) -> Result<Value, Failure> {
        let random = scope.host().entropy(|entropy| entropy.next_u128());
        Ok(Value::text(version_4(random)))
    }
}

/// The text form, with the bits set that say what kind of id it is.
fn version_4(random: u128) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let id = (random & !VERSION & !VARIANT) | (0x4 << 76) | (0b10 << 62);
    let digits = format!("{id:032x}");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_are_in_their_places() {
        assert_eq!(version_4(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(version_4(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
