//! The plugin `partitions`: disks and their parts.

use std::sync::Arc;

use parsers::linux::mounts::{mounts, partitions};
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Partitions(machine.clone()))
}

plugin_args! {
    /// The disks of the machine and their parts: one row each, with `Device`, `Name`, `Size`, and
    /// where it is mounted: `MountPoints` and `FSType`.
    pub struct PartitionsArgs for "partitions" {}
}

struct Partitions(Arc<dyn Machine>);

impl Plugin for Partitions {
    type Args = PartitionsArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: PartitionsArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let text = self.0.system_file("/proc/partitions")?;
        // Where it is mounted is worth something, but not needed.
        let mounted = self.0.system_file("/proc/self/mountinfo").unwrap_or_default();
        let mounted = mounts(&String::from_utf8_lossy(&mounted));
        let rows = partitions(&String::from_utf8_lossy(&text)).into_iter().map(|part| {
            let numbers = format!("{}:{}", part.major, part.minor);
            let here: Vec<_> =
                mounted.iter().filter(|mount| mount.device_numbers == numbers).collect();
            Row::new()
                .with("Device", format!("/dev/{}", part.name))
                .with("Name", part.name)
                .with("Major", part.major)
                .with("Minor", part.minor)
                .with("Size", part.bytes)
                .with("FSType", here.first().map(|mount| mount.kind.as_str()))
                .with("MountPoints", Value::array(here.iter().map(|mount| mount.point.as_str())))
        });
        Ok(stream::rows(rows.collect::<Vec<_>>()))
    }
}
