//! What a plugin needs to be allowed to do. The words are those that artifacts use.

use std::fmt;
use std::str::FromStr;

/// One thing that a plugin or function may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Read files of the machine.
    FilesystemRead,
    /// Write files of the machine.
    FilesystemWrite,
    /// Look at processes, users, sockets and the like.
    MachineState,
    /// Run programs.
    Execve,
    /// Open network connections.
    Network,
    /// Act as another user.
    Impersonation,
    /// Read what the server has stored.
    ReadResults,
    /// Start collections and hunts.
    CollectClient,
    /// Administer the server.
    ServerAdmin,
    /// Run queries that are given as text.
    NestedQuery,
}

const ALL: &[(Permission, &str)] = &[
    (Permission::FilesystemRead, "FILESYSTEM_READ"),
    (Permission::FilesystemWrite, "FILESYSTEM_WRITE"),
    (Permission::MachineState, "MACHINE_STATE"),
    (Permission::Execve, "EXECVE"),
    (Permission::Network, "NETWORK"),
    (Permission::Impersonation, "IMPERSONATION"),
    (Permission::ReadResults, "READ_RESULTS"),
    (Permission::CollectClient, "COLLECT_CLIENT"),
    (Permission::ServerAdmin, "SERVER_ADMIN"),
    (Permission::NestedQuery, "NESTED_QUERY"),
];

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(permission, _)| permission == self).map_or("", |(_, n)| *n);
        f.write_str(name)
    }
}

/// A text that names no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a permission; the permissions are {}", known())]
pub struct BadPermission {
    /// What was given.
    pub text: String,
}

fn known() -> String {
    ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Permission {
    type Err = BadPermission;

    fn from_str(text: &str) -> Result<Self, BadPermission> {
        let found = ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found
            .map(|(permission, _)| *permission)
            .ok_or_else(|| BadPermission { text: text.to_owned() })
    }
}
