//! The function `version`: whether a name exists.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Kind, Scope, Spec, plugin_args};

pub(super) fn entry(specs: &Arc<[Spec]>) -> Entry {
    Entry::function(Version(specs.clone()))
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
