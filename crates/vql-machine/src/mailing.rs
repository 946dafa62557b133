//! Sending mail: what the plugin and the function `mail` have in common.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use parking_lot::Mutex;
use rows::{Dict, Row};
use vql_plugin::{Failure, Scope};

use crate::http_tls;

/// How long a server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail, and who carries it.
pub(crate) struct Mail {
    pub(crate) to: Vec<String>,
    pub(crate) from: String,
    pub(crate) cc: Vec<String>,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// Seconds that have to be between two mails of one query.
    pub(crate) period: i64,
    pub(crate) server: String,
    pub(crate) server_port: i64,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) skip_verify: bool,
    pub(crate) root_ca: String,
    pub(crate) secret: String,
    pub(crate) headers: Option<Dict>,
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
            .with("CC", rows::Value::array(self.cc))
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
        for (name, texts) in [("to", &self.to), ("cc", &self.cc)] {
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
            _ if !self.username.is_empty() && !local => Tls::Required(parameters),
            _ => Tls::Opportunistic(parameters),
        };
        let mut builder = SmtpTransport::builder_dangerous(self.server.clone())
            .port(port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if !self.username.is_empty() {
            builder =
                builder.credentials(Credentials::new(self.username.clone(), self.password.clone()));
        }
        Ok(builder.build())
    }
}
