//! What a person may do with hunts, by role.
//!
//! `admin` may do everything. `hunts:write` may make, edit and steer hunts, `hunts:delete` may delete
//! them. Whoever is signed in may look.

use base::Fault;

use super::error::ApiError;
use super::sign_in::Principal;

/// The role that may do everything.
pub(crate) const ADMIN: &str = "admin";

/// Something that not everybody may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Permission {
    /// Make, edit, steer hunts; change who takes part.
    WriteHunts,
    /// Delete hunts with all they brought.
    DeleteHunts,
}

impl Permission {
    fn role(self) -> &'static str {
        match self {
            Self::WriteHunts => "hunts:write",
            Self::DeleteHunts => "hunts:delete",
        }
    }
}

impl Principal {
    /// Refuses those who may not do this.
    pub(crate) fn needs(&self, permission: Permission) -> Result<(), ApiError> {
        let role = permission.role();
        if self.roles.iter().any(|own| own == ADMIN || own == role) {
            return Ok(());
        }
        let user = &self.user;
        let message = format!("`{user}` has neither the role `{role}` nor `{ADMIN}`");
        Err(ApiError::new(Fault::Denied, message).hint("ask an administrator for the role"))
    }
}
