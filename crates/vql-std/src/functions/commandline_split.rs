//! The function `commandline_split`: splits a command line into its arguments, by the rules of Windows or of a shell.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(CommandlineSplit)
}

plugin_args! {
    /// Splits a command line into its arguments, by the rules of Windows or of a shell.
    pub struct CommandlineSplitArgs for "commandline_split" {
        /// The command line.
        command: String,
        /// Split as a shell does.
        bash_style: bool = false,
    }
}

struct CommandlineSplit;

impl Function for CommandlineSplit {
    type Args = CommandlineSplitArgs;

    fn call(&self, args: CommandlineSplitArgs, _scope: &Scope) -> Result<Value, Failure> {
        use parsers::command_line::{split_shell, split_windows};
        let split = if args.bash_style { split_shell } else { split_windows };
        Ok(Value::array(split(&args.command)))
    }
}
