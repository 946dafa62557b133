//! The plugin `mail`: sends a mail.

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, stream};

use crate::Machine;
use crate::mailing::Mail;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(MailRows)
}

struct MailRows;

impl Plugin for MailRows {
    type Args = Mail;
    const NEEDS: &'static [Permission] = &[Permission::Network];

    fn rows(&self, mail: Mail, scope: &Scope) -> Result<RowStream, Failure> {
        Ok(stream::rows([mail.send(scope)?]))
    }
}
