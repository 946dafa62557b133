//! The sockets of the machine and who holds them.

use std::net::IpAddr;

use rows::{Dict, Row, Value};

use crate::machine::{Protocol, Socket};

/// Numbers of the families and types as the operating system counts them.
pub(crate) fn row(socket: &Socket) -> Row {
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

pub(crate) fn endpoint(endpoint: Option<(IpAddr, u16)>) -> Value {
    match endpoint {
        Some((address, port)) => {
            Dict::new().with("IP", address.to_string()).with("Port", port).into()
        }
        None => Value::Null,
    }
}
