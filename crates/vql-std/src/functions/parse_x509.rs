//! The function `parse_x509`: reads certificates.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(ParseX509)
}

plugin_args! {
    /// Reads a certificate of X.509 in DER, or those of a text in PEM: an array of dicts with
    /// `SerialNumber`, `Issuer`, `Subject`, `NotBefore`, `NotAfter`, `PublicKey`, `Extensions`, ...
    pub struct ParseX509Args for "parse_x509" {
        /// The bytes.
        data: Text,
    }
}

struct ParseX509;

impl Function for ParseX509 {
    type Args = ParseX509Args;

    fn call(&self, args: ParseX509Args, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::array(parsers::x509::parse(&args.data)?))
    }
}
