//! The function `shell_session_control`: writes to a program, closes its input, ends it.

use std::sync::Arc;

use rows::{Dict, Text, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::shell::Sessions;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(ShellSessionControl)
}

plugin_args! {
    /// Writes to the program of a session, closes its input, or ends it. Gives a dict with `Name` and
    /// `IsRunning`; NULL when that failed, which is logged.
    pub struct ShellSessionControlArgs for "shell_session_control" {
        /// Name of the session.
        name: String = "default",
        /// What the program shall read.
        stdin: Option<Text>,
        /// There is no more to read, after `stdin`.
        close_stdin: bool = false,
        /// End the program and what it has started.
        kill: bool = false,
    }
}

struct ShellSessionControl;

impl Function for ShellSessionControl {
    type Args = ShellSessionControlArgs;
    const NEEDS: &'static [Permission] = &[Permission::Execve];

    fn call(&self, args: ShellSessionControlArgs, scope: &Scope) -> Result<Value, Failure> {
        let session = Sessions::of(scope).find(&args.name)?;
        if let Some(text) = args.stdin {
            session.write(text.to_vec())?;
        }
        if args.close_stdin {
            session.close_input();
        }
        if args.kill {
            session.kill();
        }
        let running = session.is_running();
        Ok(Value::Dict(Dict::new().with("Name", args.name).with("IsRunning", running)))
    }
}
