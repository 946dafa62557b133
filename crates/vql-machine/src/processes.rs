//! The processes of the machine.

use std::collections::HashMap;

use rows::{Row, Value};

use crate::machine::{Machine, Process};

/// Names of the accounts by id. A machine that does not tell has none.
pub(crate) fn user_names(machine: &dyn Machine) -> HashMap<u32, String> {
    let users = machine.users().unwrap_or_default();
    // Of several accounts with one id the first counts, as everywhere on such a machine.
    users.into_iter().rev().map(|user| (user.uid, user.name)).collect()
}

/// A process as the process list shows it.
pub(crate) fn row(process: Process, names: &HashMap<u32, String>) -> Row {
    let user = process.uid.map(|uid| names.get(&uid).cloned().unwrap_or_else(|| uid.to_string()));
    let memory = Row::new().with("RSS", process.resident_bytes).with("VMS", process.virtual_bytes);
    Row::new()
        .with("Pid", process.pid)
        .with("Ppid", process.parent)
        .with("Name", process.name)
        .with("CommandLine", command_line(&process.arguments))
        .with("Exe", process.exe)
        .with("ExeDeleted", process.exe_deleted)
        .with("Cwd", process.cwd)
        .with("Username", user)
        .with("Uid", process.uid)
        .with("Gid", process.gid)
        .with("CreateTime", process.created)
        .with("State", process.state)
        .with("Threads", process.threads)
        .with("User", process.user_secs)
        .with("System", process.system_secs)
        .with("Memory", memory)
        .with("TracerPid", process.tracer)
        .with("TokenIsElevated", process.uid == Some(0))
        .with("Argv", Value::array(process.arguments))
}

/// The arguments on one line, as tools print them. `Argv` keeps them apart.
pub(crate) fn command_line(arguments: &[String]) -> String {
    arguments.join(" ").trim_end().to_owned()
}
