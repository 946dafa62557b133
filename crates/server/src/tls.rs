//! TLS as this server speaks it: version 1.3 only, the `ring` provider, no early data, tickets for
//! resumption, client certificates from the server's own authority.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::pki::{Authority, ServerIdentity};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library refused the settings.
    #[error("could not set up TLS")]
    Rustls(#[from] rustls::Error),
    /// The authority cannot check client certificates.
    #[error("could not set up the check of client certificates")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// A PEM file of the configuration is not one.
    #[error("{file} does not hold {wanted} in PEM form: {why}")]
    Pem {
        /// The file.
        file: String,
        /// What was wanted.
        wanted: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// For the agents' listener. A client certificate may be absent here, because an agent that wants
/// to enrol has none; every other request is refused without one.
pub fn for_agents(
    authority: &Authority,
    identity: ServerIdentity,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)?;
    harden(&mut config)?;
    Ok(Arc::new(config))
}

/// For the people's listener, when it speaks TLS.
pub fn for_people(
    certificates_file: &std::path::Path,
    key_file: &std::path::Path,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let bad = |file: &std::path::Path, wanted, why: String| TlsError::Pem {
        file: file.display().to_string(),
        wanted,
        why,
    };
    let chain = CertificateDer::pem_file_iter(certificates_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(certificates_file, "certificates", error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| bad(key_file, "a private key", error.to_string()))?;
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
    harden(&mut config)?;
    Ok(Arc::new(config))
}

fn harden(config: &mut rustls::ServerConfig) -> Result<(), TlsError> {
    // The default cache of sessions is small and slow; tickets need no memory at all.
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(())
}
