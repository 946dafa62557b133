//! The function `shell_session`: opens a program to talk to.

use std::process::Command;
use std::sync::Arc;

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::shell::{Output, Sessions, Shown};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(ShellSession)
}

plugin_args! {
    /// Opens a program to talk to, or finds the session of that name that this query has opened.
    /// Gives a record with `Name`, `Pid`, `IsRunning` and `Query`: the rows of what the program writes,
    /// which come when it has ended. `shell_session_output` has them as they come.
    ///
    /// `shell_session_control` writes to it and ends it; otherwise it ends with the query. No shell is
    /// involved unless `argv` names one.
    pub struct ShellSessionArgs for "shell_session" {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Environment variables; they are added to those of this program.
        env: Option<Dict>,
        /// Directory to run in.
        cwd: String = "",
        /// Refused: no secrets are kept here that a program could be given.
        secret: String = "",
        /// Name of the session: letters, digits, `_`, `-` and `.`.
        name: String = "default",
    }
}

struct ShellSession;

impl Function for ShellSession {
    type Args = ShellSessionArgs;
    const NEEDS: &'static [Permission] = &[Permission::Execve];

    fn call(&self, args: ShellSessionArgs, scope: &Scope) -> Result<Value, Failure> {
        if !args.secret.is_empty() {
            let text = "secrets are not offered here; give the program what it needs with `env`";
            return Err(text.into());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if args.name.is_empty() || !args.name.chars().all(plain) {
            let name = &args.name;
            return Err(Failure::new(format!(
                "`{name}` is no name; use letters, digits, _, - and ."
            )));
        }
        let (program, rest) = args.argv.split_first().ok_or("argv must name a program")?;
        let mut command = Command::new(program);
        command.args(rest);
        for (name, value) in args.env.iter().flat_map(Dict::iter) {
            command.env(name.as_str(), value.to_text().to_str_lossy().as_ref());
        }
        if !args.cwd.is_empty() {
            command.current_dir(&args.cwd);
        }
        let session = Sessions::of(scope).open(&args.name, command)?;
        let query = Output::value(session.clone(), scope.clone());
        Ok(Value::Object(Arc::new(Shown { session, query })))
    }
}
