//! The plugin `connections`: all sockets of the machine, also those with a path, with the process that holds each: its

use std::collections::HashMap;
use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::Machine;
use crate::processes;
use crate::sockets::row;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Connections(machine.clone()))
}

plugin_args! {
    /// All sockets of the machine, also those with a path, with the process that holds each: its
    /// name, command line and owner.
    pub struct ConnectionsArgs for "connections" {}
}

struct Connections(Arc<dyn Machine>);

impl Plugin for Connections {
    type Args = ConnectionsArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: ConnectionsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let machine = self.0.clone();
        let sockets = machine.sockets()?;
        let names = processes::user_names(&*machine);
        let mut seen = HashMap::new();
        let scope = scope.clone();
        let rows = sockets.into_iter().take_while(move |_| !scope.stopped()).map(move |socket| {
            let process = socket.holder.and_then(|(pid, _)| {
                seen.entry(pid).or_insert_with(|| machine.process(pid)).clone()
            });
            let uid = socket.uid.or(process.as_ref().and_then(|process| process.uid));
            let user = uid.map(|uid| names.get(&uid).cloned().unwrap_or_else(|| uid.to_string()));
            let line = process.as_ref().map(|p| processes::command_line(&p.arguments));
            row(&socket)
                .with("Fd", socket.holder.map(|(_, number)| number))
                .with("Path", socket.path)
                .with("Uid", uid)
                .with("Username", user)
                .with("Name", process.as_ref().map(|process| process.name.clone()))
                .with("CommandLine", line)
                .with("Exe", process.map(|process| process.exe))
        });
        Ok(stream::rows(rows))
    }
}
