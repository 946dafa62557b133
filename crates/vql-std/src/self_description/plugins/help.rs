//! The plugin `help`: what plugins and functions say about themselves.

use std::sync::Arc;

use rows::{Dict, Row, Value};
use vql_plugin::{Entry, Failure, Kind, Plugin, RowStream, Scope, Spec, plugin_args, stream};

pub(super) fn entry(specs: &Arc<[Spec]>) -> Entry {
    Entry::plugin(Help(specs.clone()))
}

plugin_args! {
    /// What plugins and functions there are: one row each, with their arguments.
    pub struct HelpArgs for "help" {}
}

struct Help(Arc<[Spec]>);

impl Plugin for Help {
    type Args = HelpArgs;

    fn rows(&self, _args: HelpArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let specs = self.0.clone();
        Ok(stream::rows((0..specs.len()).map(move |at| row(&specs[at]))))
    }
}

fn row(spec: &Spec) -> Row {
    let kind = match spec.kind {
        Kind::Plugin => "Plugin",
        Kind::Function => "Function",
    };
    let args = spec.args.iter().map(|arg| {
        Dict::new()
            .with("Name", arg.name)
            .with("Type", arg.type_name)
            .with("Required", arg.required)
            .with("Description", arg.doc.trim())
    });
    Row::new()
        .with("Name", spec.name)
        .with("Type", kind)
        .with("Description", spec.doc.trim())
        .with("Args", Value::array(args))
        .with("Permissions", Value::array(spec.needs.iter().map(ToString::to_string)))
}
