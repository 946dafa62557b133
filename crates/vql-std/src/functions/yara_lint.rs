//! YARA rules without those that cannot be compiled.

use rows::{Dict, Text, Value};
use vql_plugin::{Entry, Failure, Function, Level, Scope, plugin_args};
use yara::Variable;

pub(super) fn entry() -> Entry {
    Entry::function(YaraLint)
}

plugin_args! {
    /// The YARA rules of a text that can be compiled; the others are named in the log, with the
    /// place and the reason.
    pub struct YaraLintArgs for "yara_lint" {
        /// The rules.
        rules: Text,
        /// Leave out what rules say about themselves (`meta`), which makes them smaller.
        clean: bool = false,
        /// Values that the rules may use by name.
        vars: Option<Dict>,
    }
}

struct YaraLint;

impl Function for YaraLint {
    type Args = YaraLintArgs;

    fn call(&self, args: YaraLintArgs, scope: &Scope) -> Result<Value, Failure> {
        let vars = args.vars.unwrap_or_default();
        let vars = vars.iter().map(|(name, value)| {
            let value = match value {
                Value::Bool(truth) => Variable::Bool(*truth),
                Value::Int(number) => Variable::Int(*number),
                Value::Float(number) => Variable::Float(*number),
                other => Variable::Text(other.to_text().to_vec()),
            };
            (name.to_string(), value)
        });
        let linted = yara::lint(&args.rules.to_str_lossy(), args.clean, &vars.collect::<Vec<_>>());
        for (name, bad) in &linted.bad {
            let rule = if name.is_empty() { "what is no rule" } else { name };
            scope.log(Level::Default, &format!("yara_lint: left out {rule}: {bad}"));
        }
        Ok(Value::text(linted.text))
    }
}
