//! The function `sigma_log_sources`: binds the log sources of Sigma rules to queries.

use rows::{ObjectKind, Value};
use vql_plugin::{Entry, Failure, Function, Scope, free_args};

use crate::sigma::log_sources::LogSources;

pub(super) fn entry() -> Entry {
    Entry::function(SigmaLogSources)
}

free_args! {
    /// Binds log sources to queries, for `sigma()`.
    ///
    /// Each argument is a query; its name is `category/product/service`, between backticks, with `*`
    /// for what does not matter: `*/windows/security`. A rule goes to every query whose given parts are
    /// those of the rule. The queries run when `sigma()` runs, once each.
    pub struct SigmaLogSourcesArgs for "sigma_log_sources";
}

struct SigmaLogSources;

impl Function for SigmaLogSources {
    type Args = SigmaLogSourcesArgs;

    fn call(&self, args: SigmaLogSourcesArgs, _scope: &Scope) -> Result<Value, Failure> {
        let forced = args.0.0.into_iter().map(|(name, value)| (name, force(value)));
        Ok(LogSources::read(forced)?.into_value())
    }
}

/// The query behind an argument; it does not run.
fn force(value: Value) -> Value {
    match &value {
        Value::Object(object) if object.kind() == ObjectKind::Lazy => {
            object.force().map_or(Value::Null, force)
        }
        _ => value,
    }
}
