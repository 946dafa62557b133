//! The plugin `netstat`: the internet sockets of the machine: one row each, with the id of the process that holds

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::{Machine, Protocol, Socket};
use crate::sockets::row;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Netstat(machine.clone()))
}

plugin_args! {
    /// The internet sockets of the machine: one row each, with the id of the process that holds
    /// it where that can be seen.
    pub struct NetstatArgs for "netstat" {}
}

struct Netstat(Arc<dyn Machine>);

impl Plugin for Netstat {
    type Args = NetstatArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: NetstatArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let internet = |socket: &Socket| socket.protocol != Protocol::Unix;
        let sockets = self.0.sockets()?.into_iter().filter(internet);
        Ok(stream::rows(sockets.map(|socket| row(&socket)).collect::<Vec<_>>()))
    }
}
