//! The function `host`: asks the machine's resolver for the addresses of a name.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::machine::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(HostLookup)
}

plugin_args! {
    /// Asks the machine's resolver for the addresses of a name.
    pub struct HostArgs for "host" {
        /// The name.
        name: String,
    }
}

struct HostLookup;

impl Function for HostLookup {
    type Args = HostArgs;
    const NEEDS: &'static [Permission] = &[Permission::Network];

    fn call(&self, args: HostArgs, _scope: &Scope) -> Result<Value, Failure> {
        let found = (args.name.as_str(), 0u16)
            .to_socket_addrs()
            .map_err(|error| Failure::new(format!("cannot look up `{}`: {error}", args.name)))?;
        let mut addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
        addresses.dedup();
        Ok(Value::array(addresses))
    }
}
