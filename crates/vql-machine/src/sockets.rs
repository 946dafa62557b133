//! The sockets of the machine and who holds them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rows::{Dict, Row, Value};
use vql_plugin::{Catalog, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::{Machine, Protocol, Socket};
use crate::processes;

pub(crate) fn catalog(machine: &Arc<dyn Machine>) -> Catalog {
    Catalog::new().plugin(Netstat(machine.clone())).plugin(Connections(machine.clone()))
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

/// Numbers of the families and types as the operating system counts them.
fn row(socket: &Socket) -> Row {
    let (family, family_name) = match socket.local {
        Some((IpAddr::V4(_), _)) => (2, "IPv4"),
        Some((IpAddr::V6(_), _)) => (10, "IPv6"),
        None => (1, "UNIX"),
    };
    let (kind, kind_name) = match socket.protocol {
        Protocol::Tcp => (1, "TCP"),
        Protocol::Udp => (2, "UDP"),
        Protocol::Raw => (3, "RAW"),
        Protocol::Unix => (1, "UNIX"),
    };
    Row::new()
        .with("Pid", socket.holder.map(|(pid, _)| pid))
        .with("Family", family)
        .with("FamilyString", family_name)
        .with("Type", kind)
        .with("TypeString", kind_name)
        .with("Status", socket.state.as_str())
        .with("Laddr", endpoint(socket.local))
        .with("Raddr", endpoint(socket.remote))
}

fn endpoint(endpoint: Option<(IpAddr, u16)>) -> Value {
    match endpoint {
        Some((address, port)) => {
            Dict::new().with("IP", address.to_string()).with("Port", port).into()
        }
        None => Value::Null,
    }
}
