//! Sending mail: what the plugin and the function `mail` have in common.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use parking_lot::Mutex;
use rows::{Dict, Row};
use vql_plugin::{Failure, Scope, plugin_args};

use crate::http_tls;

/// How long a server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

plugin_args! {
    /// Sends a mail through a server of SMTP; the answer says what was sent.
    ///
    /// The connection is encrypted when the server offers it; with a name and a password it has
    /// to be. Port 465 is encrypted from the start.
    pub(crate) struct Mail for "mail" {
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

/// When the query sent its last mail, in microseconds since 1970.
#[derive(Default)]
struct LastSent(Mutex<Option<i64>>);

impl Mail {
    /// Sends it; the row says what was sent.
    pub(crate) fn send(self, scope: &Scope) -> Result<Row, Failure> {
        if !self.secret.is_empty() {
            return Err(Failure::new(
                "no secrets are kept here; give server, server_port, auth_username and \
                 auth_password instead",
            ));
        }
        if self.server.is_empty() {
            return Err(Failure::new("no server is given: which one shall carry the mail?"));
        }
        let now = scope.host().clock().now().as_micros();
        let message = self.message(now)?;
        let transport = self.transport()?;
        let last = scope.keep("mail", LastSent::default);
        let mut last = last.0.lock();
        let pause = self.period.max(0).saturating_mul(1_000_000);
        if last.is_some_and(|sent| now.saturating_sub(sent) < pause) {
            let period = self.period;
            return Err(Failure::new(format!(
                "the last mail was sent less than {period} seconds (`period`) ago, so this one was not"
            )));
        }
        scope.check()?;
        transport.send(&message).map_err(|error| {
            let (server, port) = (&self.server, self.port());
            Failure::new(format!("{server}:{port} did not take the mail: {}", base::Chain(&error)))
        })?;
        *last = Some(now);
        Ok(Row::new()
            .with("To", rows::Value::array(self.to))
            .with("CC", rows::Value::array(self.cc.unwrap_or_default()))
            .with("Subject", self.subject)
            .with("Body", self.body)
            .with("Period", self.period)
            .with("ErrorStatus", "OK"))
    }

    fn port(&self) -> u16 {
        u16::try_from(self.server_port).ok().filter(|port| *port > 0).unwrap_or(587)
    }

    fn message(&self, now: i64) -> Result<Message, Failure> {
        let address = |name: &str, text: &str| {
            text.trim().parse::<Mailbox>().map_err(|error| {
                Failure::new(format!("`{name}`: `{text}` is no address of mail: {error}"))
            })
        };
        if self.from.is_empty() {
            return Err(Failure::new("no `from` is given: who sends the mail?"));
        }
        let moment = UNIX_EPOCH + Duration::from_micros(u64::try_from(now).unwrap_or(0));
        let mut builder = Message::builder()
            .from(address("from", &self.from)?)
            .subject(self.subject.as_str())
            .date(moment);
        let nobody = Vec::new();
        for (name, texts) in [("to", &self.to), ("cc", self.cc.as_ref().unwrap_or(&nobody))] {
            for text in
                texts.iter().flat_map(|text| text.split(',')).filter(|t| !t.trim().is_empty())
            {
                let address = address(name, text)?;
                builder = if name == "to" { builder.to(address) } else { builder.cc(address) };
            }
        }
        for (name, value) in self.headers.iter().flat_map(Dict::iter) {
            let name = HeaderName::new_from_ascii(name.to_string())
                .map_err(|_| Failure::new(format!("`{name}` cannot be the name of a header")))?;
            let text = value.to_text().to_str_lossy().replace(['\r', '\n'], " ");
            builder = builder.raw_header(HeaderValue::new(name, text));
        }
        builder
            .body(self.body.clone())
            .map_err(|error| Failure::new(format!("the mail cannot be put together: {error}")))
    }

    fn transport(&self) -> Result<SmtpTransport, Failure> {
        let tls = |error| Failure::new(format!("TLS cannot be set up: {error}"));
        let mut parameters = TlsParameters::builder(self.server.clone())
            .dangerous_accept_invalid_certs(self.skip_verify)
            .dangerous_accept_invalid_hostnames(self.skip_verify);
        for certificate in http_tls::certificates(&self.root_ca)? {
            let certificate = Certificate::from_der(certificate.to_vec()).map_err(tls)?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = parameters.build_rustls().map_err(tls)?;
        let port = self.port();
        let local = matches!(self.server.as_str(), "localhost" | "127.0.0.1" | "::1");
        let tls = match port {
            465 => Tls::Wrapper(parameters),
            // A password does not go over the network in the open.
            _ if !self.auth_username.is_empty() && !local => Tls::Required(parameters),
            _ => Tls::Opportunistic(parameters),
        };
        let mut builder = SmtpTransport::builder_dangerous(self.server.clone())
            .port(port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if !self.auth_username.is_empty() {
            builder = builder.credentials(Credentials::new(
                self.auth_username.clone(),
                self.auth_password.clone(),
            ));
        }
        Ok(builder.build())
    }
}
