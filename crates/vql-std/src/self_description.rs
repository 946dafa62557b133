//! What can be asked about the plugins and functions themselves: `version` and `help`.

use std::sync::Arc;

use rows::{Dict, Row, Value};
use vql_plugin::{
    Catalog, Failure, Function, Kind, Plugin, RowStream, Scope, Spec, plugin_args, stream,
};

/// This catalog and `version` and `help`, which know all of it.
pub fn self_describing(catalog: Catalog) -> Catalog {
    let specs: Arc<[Spec]> = catalog.specs().cloned().collect();
    catalog.function(Version(specs.clone())).plugin(Help(specs))
}

plugin_args! {
    /// The version of a function or plugin, 0 or more; NULL when there is none of that name, so
    /// that a query can ask before it calls.
    pub struct VersionArgs for "version" {
        /// Name of a function.
        function: Option<String>,
        /// Name of a plugin.
        plugin: Option<String>,
    }
}

struct Version(Arc<[Spec]>);

/// Every plugin and function is in its first version; the tests of artifacts ask for 0 or 1.
const FIRST: i64 = 1;

impl Function for Version {
    type Args = VersionArgs;

    fn call(&self, args: VersionArgs, _scope: &Scope) -> Result<Value, Failure> {
        let known = |kind: Kind, name: &str| {
            let itself = match kind {
                Kind::Function => name == "version",
                Kind::Plugin => name == "help",
            };
            itself || self.0.iter().any(|spec| spec.kind == kind && spec.name == name)
        };
        let found = match (&args.function, &args.plugin) {
            (Some(name), _) => known(Kind::Function, name),
            (None, Some(name)) => known(Kind::Plugin, name),
            (None, None) => return Err("one of function and plugin must be given".into()),
        };
        Ok(if found { Value::Int(FIRST) } else { Value::Null })
    }
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
