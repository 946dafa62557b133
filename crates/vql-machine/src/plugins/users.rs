//! The plugin `users`: the accounts that this machine itself knows: one row each.

use std::sync::Arc;

use rows::Row;
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Users(machine.clone()))
}

plugin_args! {
    /// The accounts that this machine itself knows: one row each.
    pub struct UsersArgs for "users" {}
}

struct Users(Arc<dyn Machine>);

impl Plugin for Users {
    type Args = UsersArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: UsersArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let users = self.0.users()?;
        Ok(stream::rows(users.into_iter().map(|user| {
            Row::new()
                .with("Uid", user.uid)
                .with("Gid", user.gid)
                .with("Name", user.name)
                .with("Description", user.description)
                .with("Directory", user.home)
                .with("Shell", user.shell)
        })))
    }
}
