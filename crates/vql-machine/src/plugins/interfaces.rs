//! The plugin `interfaces`: the network interfaces of this machine: one row each, with their addresses.

use std::sync::Arc;

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Interfaces(machine.clone()))
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
