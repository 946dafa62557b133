//! Where a server is, who asks, and how its certificate is checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log_rules::Address;
use loghunt::engine::EngineError;
use model::log::TenantName;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

/// How long a connection may take to come up.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

/// How long everything that is not a question may take.
pub(crate) const ASIDE: Duration = Duration::from_secs(60);

/// A server, as one tenant reaches it.
#[derive(Clone)]
pub(crate) struct Site {
    /// Engine and host, as messages name it; never a credential.
    pub(crate) place: Arc<str>,
    pub(crate) url: Url,
    pub(crate) user: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) tls: Arc<ClientConfig>,
    /// The certificates of `ca_file`.
    pub(crate) ca_pem: Option<Vec<u8>>,
}

impl Site {
    /// Reads an address. `{tenant}` in its URL and database stands for the tenant's name.
    pub(crate) fn new(
        engine: &str,
        address: &Address,
        tenant: &TenantName,
        secret: Option<String>,
    ) -> Result<Self, EngineError> {
        let text = address.url.replace("{tenant}", tenant.as_str());
        let mut url = Url::parse(&text).map_err(|error| {
            // The text itself may hold a password.
            EngineError::permanent(format!(
                "the `url` of a {engine} engine is no URL: {error}; write for instance \
                 https://logs.example:8443"
            ))
        })?;
        let host = url.host_str().unwrap_or("").to_owned();
        let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        let user = match (&address.user, url.username()) {
            (Some(user), _) => Some(user.replace("{tenant}", tenant.as_str())),
            (None, "") => None,
            (None, name) => Some(name.to_owned()),
        };
        let secret = secret.or_else(|| url.password().map(str::to_owned));
        // From here on no message that shows the URL shows a password. Some schemes take neither.
        let _ = url.set_password(None).and_then(|()| url.set_username(""));
        let database = address.database.as_ref();
        Ok(Self {
            place: format!("{engine} at {host}{port}").into(),
            user,
            secret,
            database: database.map(|name| name.replace("{tenant}", tenant.as_str())),
            tls: Arc::new(tls(address.ca_file.as_deref())?),
            ca_pem: address.ca_file.as_ref().and_then(|path| std::fs::read(path).ok()),
            url,
        })
    }

    /// A message about this server.
    pub(crate) fn says(&self, what: impl std::fmt::Display) -> String {
        let text = format!("{}: {what}", self.place);
        match &self.secret {
            // Some servers repeat what they were sent.
            Some(secret) if !secret.is_empty() && text.contains(secret.as_str()) => {
                text.replace(secret.as_str(), "***")
            }
            _ => text,
        }
    }

    /// An HTTP client for it.
    pub(crate) fn http(&self) -> Result<reqwest::Client, EngineError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured((*self.tls).clone())
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| EngineError::permanent(self.says(error)))
    }

    /// A request that did not come to an answer.
    pub(crate) fn unheard(&self, error: &reqwest::Error) -> EngineError {
        EngineError::transient(self.says(format!("no answer: {}", causes(error))))
    }
}

/// An error with all of its causes: the outermost alone often says nothing.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, EngineError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let bad = |why: String| {
                EngineError::permanent(format!(
                    "the `ca_file` {} cannot be used: {why}; it holds certificates in PEM",
                    path.display()
                ))
            };
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(bad("there is no certificate in it".into()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the usual versions");
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_has_a_password() {
        let address = Address {
            url: "https://alice:hunter2@db.example:9440/{tenant}".into(),
            user: None,
            secret: None,
            database: Some("logs_{tenant}".into()),
            ca_file: None,
        };
        let tenant = TenantName::new("acme").unwrap();
        let site = Site::new("ClickHouse", &address, &tenant, None).unwrap();
        assert_eq!(&*site.place, "ClickHouse at db.example:9440");
        assert_eq!(site.url.as_str(), "https://db.example:9440/acme");
        assert_eq!(site.database.as_deref(), Some("logs_acme"));
        assert_eq!(
            (site.user.as_deref(), site.secret.as_deref()),
            (Some("alice"), Some("hunter2"))
        );
        assert_eq!(site.says("wrong: hunter2"), "ClickHouse at db.example:9440: wrong: ***");
        let bad = Address { url: "alice:hunter2@db".into(), ..address };
        let error = Site::new("ClickHouse", &bad, &tenant, None).err();
        assert!(error.is_none_or(|error| !error.message.contains("hunter2")));
    }
}
