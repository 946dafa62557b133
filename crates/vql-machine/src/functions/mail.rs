//! The function `mail`: sends a mail.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope};

use crate::Machine;
use crate::mailing::Mail;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(MailFunction)
}

struct MailFunction;

impl Function for MailFunction {
    type Args = Mail;
    const NEEDS: &'static [Permission] = &[Permission::Network];

    fn call(&self, mail: Mail, scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Dict(mail.send(scope)?))
    }
}
