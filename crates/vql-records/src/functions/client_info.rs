//! The function `client_info`: what the server knows of one client.

use std::sync::Arc;

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::{Records, client_row};

pub(super) fn entry(records: &Arc<Records>) -> Entry {
    Entry::function(ClientInfo(records.clone()))
}

plugin_args! {
    /// What the server knows of one client.
    pub struct ClientInfoArgs for "client_info" {
        /// `C.…`
        client_id: String,
    }
}

struct ClientInfo(Arc<Records>);

impl Function for ClientInfo {
    type Args = ClientInfoArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn call(&self, args: ClientInfoArgs, _scope: &Scope) -> Result<Value, Failure> {
        let row = client_row(&self.0.client(&args.client_id)?);
        let mut dict = Dict::new();
        for (name, value) in row.iter() {
            dict.set(name.clone(), value.clone());
        }
        Ok(Value::Dict(dict))
    }
}
