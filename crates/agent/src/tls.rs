//! TLS 1.3 towards the server: only the authority in the configuration is believed.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::identity::Identity;

/// Why no TLS configuration can be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority is no certificate.
    #[error("the server's authority cannot be read: {why}; it must be a PEM certificate")]
    BadAuthority {
        /// What is wrong with it.
        why: String,
    },
    /// The agent's own key or certificate is not accepted by TLS.
    #[error("the agent's own certificate or key cannot be used; remove both to enrol anew")]
    BadIdentity(#[source] rustls::Error),
    /// The crypto provider does not speak TLS 1.3.
    #[error("TLS 1.3 is not available")]
    NoTls13(#[source] rustls::Error),
}

/// The authority as the only root.
fn roots(ca_pem: &str) -> Result<RootCertStore, TlsError> {
    let bad = |why: String| TlsError::BadAuthority { why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

/// A configuration that shows the agent's certificate, or none when it has not enrolled.
pub fn client_config(
    ca_pem: &str,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::NoTls13)?
        .with_root_certificates(roots(ca_pem)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from(identity.certificate.clone())];
            let key = PrivateKeyDer::Pkcs8(identity.key_der.clone().into());
            builder.with_client_auth_cert(chain, key).map_err(TlsError::BadIdentity)?
        }
    };
    // One server: a handful of sessions to resume is plenty.
    config.resumption = Resumption::in_memory_sessions(4);
    Ok(Arc::new(config))
}
