//! The processes of the machine.

use std::collections::HashMap;

use crate::machine::Machine;

/// Names of the accounts by id. A machine that does not tell has none.
pub(crate) fn user_names(machine: &dyn Machine) -> HashMap<u32, String> {
    let users = machine.users().unwrap_or_default();
    // Of several accounts with one id the first counts, as everywhere on such a machine.
    users.into_iter().rev().map(|user| (user.uid, user.name)).collect()
}

/// The arguments on one line, as tools print them. `Argv` keeps them apart.
pub(crate) fn command_line(arguments: &[String]) -> String {
    arguments.join(" ").trim_end().to_owned()
}
