//! The function `mail`: sends a mail.

use std::sync::Arc;

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::mailing::Mail;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(MailFunction)
}

plugin_args! {
    /// Sends a mail through a server of SMTP; a dict says what was sent.
    ///
    /// The connection is encrypted when the server offers it; with a name and a password it has
    /// to be. Port 465 is encrypted from the start.
    pub struct MailFunctionArgs for "mail" {
        /// Who gets the mail.
        to: Vec<String>,
        /// Who sends it.
        from: String = "",
        /// Who gets a copy.
        cc: Option<Vec<String>>,
        /// The subject.
        subject: String = "",
        /// The text.
        body: String,
        /// How many seconds have to be between two mails of one query. A mail that comes too early
        /// is logged and not sent.
        period: i64 = 60,
        /// The port of the server.
        server_port: i64 = 587,
        /// The server that carries the mail.
        server: String = "",
        /// A name, when the server asks for one.
        auth_username: String = "",
        /// The password for that name.
        auth_password: String = "",
        /// Trust any server.
        skip_verify: bool = false,
        /// A certificate in PEM that is trusted in addition to the usual ones.
        root_ca: String = "",
        /// Name of a kept secret; there are none, so this is an error.
        secret: String = "",
        /// More headers.
        headers: Option<Dict>,
    }
}

impl From<MailFunctionArgs> for Mail {
    fn from(args: MailFunctionArgs) -> Self {
        Self {
            to: args.to,
            from: args.from,
            cc: args.cc.unwrap_or_default(),
            subject: args.subject,
            body: args.body,
            period: args.period,
            server: args.server,
            server_port: args.server_port,
            username: args.auth_username,
            password: args.auth_password,
            skip_verify: args.skip_verify,
            root_ca: args.root_ca,
            secret: args.secret,
            headers: args.headers,
        }
    }
}

struct MailFunction;

impl Function for MailFunction {
    type Args = MailFunctionArgs;
    const NEEDS: &'static [Permission] = &[Permission::Network];

    fn call(&self, args: MailFunctionArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Dict(Mail::from(args).send(scope)?))
    }
}
