//! The plugin `info`: what this machine is: one row with its name, operating system, platform, architecture,

use std::sync::Arc;

use rows::{Row, Time, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::{Facts, Machine};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Info(machine.clone()))
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

    fn rows(&self, _args: InfoArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let mut facts = self.0.facts()?;
        if let Some(view) = scope.view() {
            if let Some(os) = &view.machine.os {
                facts.os.clone_from(os);
            }
            if let Some(hostname) = &view.machine.hostname {
                facts.hostname.clone_from(hostname);
                facts.fqdn.clone_from(hostname);
            }
        }
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
