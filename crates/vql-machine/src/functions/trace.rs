//! The function `trace`: keeps what this program is doing as a file.

use std::sync::Arc;

use rows::{Dict, Name, Row, Text, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, UploadRequest, plugin_args};

use crate::{Machine, own_program};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Trace(machine.clone()))
}

plugin_args! {
    /// Keeps with the results what this program is doing now: its threads and its memory, as JSON
    /// lines. Gives a dict with `Path` and `Size`.
    pub struct TraceArgs for "trace" {}
}

struct Trace(Arc<dyn Machine>);

impl Function for Trace {
    type Args = TraceArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, _args: TraceArgs, scope: &Scope) -> Result<Value, Failure> {
        let line = |kind: &str, row: &Row| {
            let row = Row::new().with("Type", kind).with("Line", Value::Dict(row.clone()));
            rows_json::row_to_json(&row) + "\n"
        };
        let threads = own_program::threads(&*self.0)?;
        let memory = own_program::memory(&*self.0)?;
        let threads = threads.iter().map(|row| line("threads", row));
        let content: String = threads.chain(memory.iter().map(|row| line("memory", row))).collect();
        let name = format!("trace-{}.json", scope.host().clock().now().as_micros());
        let record = scope.host().uploads().upload(UploadRequest {
            name: Text::from(name.as_str()),
            components: vec![Text::from(name.as_str())],
            accessor: Name::from("data"),
            size: Some(content.len() as u64),
            info: None,
            content: &mut content.as_bytes(),
            stopped: &|| scope.stopped(),
        })?;
        Ok(Value::Dict(Dict::new().with("Path", record.path).with("Size", record.size)))
    }
}
