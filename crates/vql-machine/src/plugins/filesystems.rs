//! The plugin `filesystems`: the file systems that are mounted.

use std::sync::Arc;

use parsers::linux::mounts::{Mount, mounts};
use rows::Row;
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Filesystems(machine.clone()))
}

plugin_args! {
    /// The file systems that are mounted: one row each, with `Device`, `MountPoint`, `FSType`, `Opts`,
    /// `Root`, and the bytes `Total`, `Free` and `Available`.
    ///
    /// A file system of another machine is not asked for its size: it might not answer.
    pub struct FilesystemsArgs for "filesystems" {}
}

struct Filesystems(Arc<dyn Machine>);

impl Plugin for Filesystems {
    type Args = FilesystemsArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: FilesystemsArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let text = self.0.system_file("/proc/self/mountinfo")?;
        let machine = self.0.clone();
        let mounted = mounts(&String::from_utf8_lossy(&text));
        Ok(Box::new(mounted.into_iter().map(move |mount| {
            let space = is_local(&mount).then(|| machine.space(&mount.point)).flatten();
            Row::new()
                .with("Device", mount.source)
                .with("MountPoint", mount.point)
                .with("FSType", mount.kind)
                .with("Opts", mount.options)
                .with("Root", mount.root)
                .with("DeviceNumbers", mount.device_numbers)
                .with("Total", space.map(|[total, ..]| total))
                .with("Free", space.map(|[_, free, _]| free))
                .with("Available", space.map(|[.., available]| available))
        })))
    }
}

fn is_local(mount: &Mount) -> bool {
    let remote = ["nfs", "cifs", "smb", "fuse", "9p", "ceph", "afs", "autofs", "gfs", "lustre"];
    !remote.iter().any(|kind| mount.kind.starts_with(kind))
}
