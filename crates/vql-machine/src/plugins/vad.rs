//! The plugin `vad`: the memory regions of a process.

use std::sync::Arc;

use parsers::linux::maps::Region;
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Vad(machine.clone()))
}

plugin_args! {
    /// The memory regions of a process: one row each, with `Address`, `Size`, `Protection` (`rwx`),
    /// `MappingName`, `Type` and `State`. What is at an address is read with the accessor `process`.
    pub struct VadArgs for "vad" {
        /// Number of the process.
        pid: i64,
    }
}

struct Vad(Arc<dyn Machine>);

impl Plugin for Vad {
    type Args = VadArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: VadArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let regions = self.0.memory_map(args.pid)?;
        Ok(stream::rows(regions.into_iter().map(row)))
    }
}

fn row(region: Region) -> Row {
    // An address is a number that VQL can count with; none of a process lies beyond.
    let number = |address: u64| i64::try_from(address).map_or(Value::Null, Value::Int);
    let size = region.size();
    let kind = match (region.inode, region.permissions.contains('s')) {
        (0, false) => "private",
        (0, true) => "shared",
        (_, _) if region.permissions.contains('x') => "image",
        _ => "mapped",
    };
    Row::new()
        .with("Address", number(region.start))
        .with("Size", size)
        .with("MappingName", region.name)
        .with("State", if region.deleted { "DELETED" } else { "COMMIT" })
        .with("Type", kind)
        .with("Protection", region.permissions.get(..3).unwrap_or_default())
        .with("Shared", region.permissions.ends_with('s'))
        .with("Offset", number(region.offset))
        .with("Device", region.device)
        .with("Inode", region.inode)
}
