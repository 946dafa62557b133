//! The plugin `shell_session_output`: what the program of a session writes.

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::shell::Sessions;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(ShellSessionOutput)
}

plugin_args! {
    /// What the program of a session writes: rows with `Stdout`, `Stderr`, `ReturnCode` and
    /// `Complete`, as they come. The last row has `ReturnCode`. What one reader has taken, another
    /// does not get.
    pub struct ShellSessionOutputArgs for "shell_session_output" {
        /// Name of the session.
        name: String = "default",
    }
}

struct ShellSessionOutput;

impl Plugin for ShellSessionOutput {
    type Args = ShellSessionOutputArgs;
    const NEEDS: &'static [Permission] = &[Permission::Execve];

    fn rows(&self, args: ShellSessionOutputArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let session = Sessions::of(scope).find(&args.name)?;
        let scope = scope.clone();
        let mut ended = false;
        Ok(Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let (row, last) = session.next(&scope)?;
            ended = last;
            Some(row)
        })))
    }
}
