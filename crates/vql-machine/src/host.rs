//! The machine as a whole: what it is, its accounts, its network interfaces, its environment.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use rows::{Row, Text, Time, Value};
use vql_plugin::{
    Catalog, Failure, Function, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::machine::{Facts, Machine};

pub(crate) fn catalog(machine: &Arc<dyn Machine>) -> Catalog {
    Catalog::new()
        .plugin(Info(machine.clone()))
        .plugin(Users(machine.clone()))
        .plugin(Interfaces(machine.clone()))
        .function(Environ)
        .function(Expand)
        .function(HostLookup)
}

plugin_args! {
    /// What this machine is: one row with its name, operating system, platform, architecture,
    /// virtualization, and what this program runs as.
    pub struct InfoArgs for "info" {}
}

struct Info(Arc<dyn Machine>);

impl Plugin for Info {
    type Args = InfoArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: InfoArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let facts = self.0.facts()?;
        let own = self.0.process(i64::from(std::process::id()));
        let started = own.and_then(|process| process.created);
        Ok(stream::rows([info_row(facts, started)]))
    }
}

fn info_row(facts: Facts, started: Option<Time>) -> Row {
    Row::new()
        .with("Hostname", facts.hostname)
        .with("Uptime", facts.uptime_secs)
        .with("BootTime", facts.boot)
        .with("Procs", facts.processes)
        .with("OS", facts.os)
        .with("Platform", facts.platform)
        .with("PlatformFamily", facts.platform_family)
        .with("PlatformVersion", facts.platform_version)
        .with("KernelVersion", facts.kernel_version)
        .with("VirtualizationSystem", facts.virtualization)
        .with("VirtualizationRole", facts.virtualization_role)
        .with("CompilerVersion", concat!("rustc ", env!("CARGO_PKG_RUST_VERSION")))
        .with("HostID", facts.host_id)
        .with("Exe", facts.exe)
        .with("CWD", facts.cwd)
        .with("IsAdmin", facts.is_admin)
        .with("ClientStart", started)
        .with("LocalTZ", facts.zone)
        .with("LocalTZOffset", facts.zone_offset_secs)
        .with("Fqdn", facts.fqdn)
        .with("Architecture", facts.architecture)
        .with("MACAddresses", Value::array(facts.mac_addresses))
}

plugin_args! {
    /// The accounts that this machine itself knows: one row each.
    pub struct UsersArgs for "users" {}
}

struct Users(Arc<dyn Machine>);

impl Plugin for Users {
    type Args = UsersArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: UsersArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let users = self.0.users()?;
        Ok(stream::rows(users.into_iter().map(|user| {
            Row::new()
                .with("Uid", user.uid)
                .with("Gid", user.gid)
                .with("Name", user.name)
                .with("Description", user.description)
                .with("Directory", user.home)
                .with("Shell", user.shell)
        })))
    }
}

plugin_args! {
    /// The network interfaces of this machine: one row each, with their addresses.
    pub struct InterfacesArgs for "interfaces" {}
}

struct Interfaces(Arc<dyn Machine>);

impl Plugin for Interfaces {
    type Args = InterfacesArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: InterfacesArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let interfaces = self.0.interfaces()?;
        Ok(stream::rows(interfaces.into_iter().map(|interface| {
            Row::new()
                .with("Index", interface.index)
                .with("MTU", interface.mtu)
                .with("Name", interface.name)
                .with("HardwareAddr", interface.hardware_address)
                .with("Up", interface.up)
                .with("Addrs", Value::array(interface.addresses))
        })))
    }
}

plugin_args! {
    /// The value of an environment variable; NULL when it is not set.
    pub struct EnvironArgs for "environ" {
        /// Name of the variable.
        var: String,
    }
}

struct Environ;

impl Function for Environ {
    type Args = EnvironArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: EnvironArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(variable(&args.var).into())
    }
}

/// An empty name or one with `=` or a zero byte is no variable.
fn variable(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

plugin_args! {
    /// Replaces environment variables in a path: `%NAME%`, `$NAME` and `${NAME}`. A variable that
    /// is not set stays as it is written.
    pub struct ExpandArgs for "expand" {
        /// The path.
        path: Text,
    }
}

struct Expand;

impl Function for Expand {
    type Args = ExpandArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: ExpandArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text(expand(&args.path.to_str_lossy(), variable)))
    }
}

fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        out.push_str(&rest[..at]);
        let found = reference(&rest[at..])
            .and_then(|(name, length)| value(name).map(|value| (value, length)));
        match found {
            Some((value, length)) => {
                out.push_str(&value);
                rest = &rest[at + length..];
            }
            None => {
                out.push_str(&rest[at..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name of the variable that a text starts with, and how long the reference is.
fn reference(text: &str) -> Option<(&str, usize)> {
    if let Some(after) = text.strip_prefix('%') {
        let length = after.find('%')?;
        return Some((&after[..length], length + 2));
    }
    let after = text.strip_prefix('$')?;
    if let Some(braced) = after.strip_prefix('{') {
        let length = braced.find('}')?;
        return Some((&braced[..length], length + 3));
    }
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = after.bytes().take_while(|byte| word(byte)).count();
    (length > 0).then(|| (&after[..length], length + 1))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_in_all_three_spellings() {
        let value = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let check = |text: &str, wanted: &str| assert_eq!(expand(text, value), wanted);
        check("%HOME%/x", "/root/x");
        check("$HOME/x${HOME}", "/root/x/root");
        check("%NOPE%/$NOPE/${NOPE", "%NOPE%/$NOPE/${NOPE");
        check("100%", "100%");
        check("$", "$");
    }
}
