//! The plugin `modules`: the files that a process has loaded.

use std::sync::Arc;

use parsers::linux::maps::Region;
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Modules(machine.clone()))
}

plugin_args! {
    /// The programs and libraries that a process has loaded: the files of which a region may be
    /// run, one row each with `ModuleName`, `ExePath`, `ModuleBaseAddress`, `ModuleBaseSize` and
    /// `Deleted`.
    pub struct ModulesArgs for "modules" {
        /// Number of the process.
        pid: i64,
    }
}

struct Modules(Arc<dyn Machine>);

impl Plugin for Modules {
    type Args = ModulesArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: ModulesArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let regions = self.0.memory_map(args.pid)?;
        let mut loaded: Vec<Vec<&Region>> = Vec::new();
        for region in regions.iter().filter(|region| region.inode != 0) {
            match loaded.iter_mut().find(|parts| parts[0].name == region.name) {
                Some(parts) => parts.push(region),
                None => loaded.push(vec![region]),
            }
        }
        let may_run = |region: &&Region| region.permissions.contains('x');
        loaded.retain(|parts| parts.iter().any(may_run));
        Ok(stream::rows(loaded.into_iter().map(|parts| row(&parts)).collect::<Vec<_>>()))
    }
}

fn row(parts: &[&Region]) -> Row {
    let first = parts[0];
    let start = parts.iter().map(|region| region.start).min().unwrap_or_default();
    let end = parts.iter().map(|region| region.end).max().unwrap_or_default();
    let name = first.name.rsplit('/').next().unwrap_or_default().to_owned();
    Row::new()
        .with("ModuleName", name)
        .with("ExePath", first.name.as_str())
        .with("ModuleBaseAddress", i64::try_from(start).map_or(Value::Null, Value::Int))
        .with("ModuleBaseSize", end - start)
        .with("Inode", first.inode)
        .with("Deleted", parts.iter().any(|region| region.deleted))
}
