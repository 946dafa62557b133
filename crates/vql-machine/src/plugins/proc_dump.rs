//! The plugin `proc_dump`: keeps the memory of a process.

use std::io::Read;
use std::sync::Arc;

use rows::{Dict, Name, OsPath, PathStyle, Row, Text};
use vql_plugin::{
    Entry, Failure, Permission, Plugin, RowStream, Scope, UploadRecord, UploadRequest, plugin_args,
    stream,
};

use crate::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(ProcDump(machine.clone()))
}

plugin_args! {
    /// Keeps the memory of a process with the results: everything that can be read of it, one region
    /// behind the other, and beside it a list of the regions with their addresses as JSON lines. One
    /// row with `Pid`, `FullPath`, `Size`, `Upload` and `Regions`.
    ///
    /// The process goes on meanwhile, so the parts are of different moments.
    pub struct ProcDumpArgs for "proc_dump" {
        /// Number of the process.
        pid: i64,
    }
}

struct ProcDump(Arc<dyn Machine>);

impl Plugin for ProcDump {
    type Args = ProcDumpArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState, Permission::FilesystemRead];

    fn rows(&self, args: ProcDumpArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let regions = self.0.memory_map(args.pid)?;
        let path = OsPath::parse(PathStyle::Unix, format!("/{}", args.pid).as_bytes());
        let mut memory = scope.accessor("process")?.open(&path, scope)?;
        let content = keep(&format!("{}.dmp", args.pid), &mut memory, scope)?;
        let lines: String = regions
            .iter()
            .filter(|region| region.is_readable())
            .map(|region| {
                let row = Row::new()
                    .with("Start", format!("{:#x}", region.start))
                    .with("End", format!("{:#x}", region.end))
                    .with("Permissions", region.permissions.as_str())
                    .with("Name", region.name.as_str());
                rows_json::row_to_json(&row) + "\n"
            })
            .collect();
        let list = keep(&format!("{}.regions.json", args.pid), &mut lines.as_bytes(), scope)?;
        Ok(stream::rows([Row::new()
            .with("Pid", args.pid)
            .with("FullPath", content.path.clone())
            .with("Size", content.stored_size)
            .with("Upload", shown(&content))
            .with("Regions", shown(&list))]))
    }
}

fn keep(name: &str, content: &mut dyn Read, scope: &Scope) -> Result<UploadRecord, Failure> {
    Ok(scope.host().uploads().upload(UploadRequest {
        name: Text::from(name),
        components: vec![Text::from(name)],
        accessor: Name::from("process"),
        size: None,
        info: None,
        content,
        stopped: &|| scope.stopped(),
    })?)
}

fn shown(record: &UploadRecord) -> Dict {
    Dict::new()
        .with("Path", record.path.clone())
        .with("Size", record.size)
        .with("sha256", record.sha256.as_str())
}
