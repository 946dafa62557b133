//! Who this agent is: a key that never leaves the machine, and the certificate that the server gave
//! for it.
//!
//! # Invariants
//! - **A7** the key is made once, is readable by its owner only, and is on disk before it is used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base::ClientId;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use crate::os::write_private;

/// A key with the certificate for it.
#[derive(Clone)]
pub struct Identity {
    /// PKCS #8, DER.
    pub key_der: Vec<u8>,
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// What the server calls this agent.
    pub client: ClientId,
}

/// Why the agent has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read or written.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The key's file holds something else.
    #[error("{} holds no private key; restore it, or remove it to enrol as a new client", .0.display())]
    BadKey(PathBuf),
    /// A key or signing request could not be made.
    #[error("could not make a key")]
    Make(#[source] rcgen::Error),
    /// The server's certificate is none, or is for another key.
    #[error("the server's certificate is not for this agent's key")]
    WrongCertificate,
}

/// A key, before or after enrolment.
pub struct Key {
    pair: KeyPair,
}

impl Key {
    /// A new key, on the curve P-256.
    pub fn generate() -> Result<Self, IdentityError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IdentityError::Make)?;
        Ok(Self { pair })
    }

    /// The key in `folder`, made there when there is none.
    pub fn load_or_make(folder: &Path) -> Result<Self, IdentityError> {
        let path = key_path(folder);
        match fs::read_to_string(&path) {
            Ok(pem) => {
                let pair = KeyPair::from_pem(&pem).map_err(|_| IdentityError::BadKey(path))?;
                Ok(Self { pair })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                fs::create_dir_all(folder)
                    .map_err(|source| file("create folder", folder.to_owned(), source))?;
                write_private(&path, key.pair.serialize_pem().as_bytes())
                    .map_err(|source| file("write", path, source))?;
                Ok(key)
            }
            Err(source) => Err(file("read", path, source)),
        }
    }

    /// The client that this key will be.
    pub fn client(&self) -> ClientId {
        ClientId::from_key_hash(Sha256::digest(self.pair.subject_public_key_info()).into())
    }

    /// A signing request, DER.
    pub fn signing_request(&self) -> Result<Vec<u8>, IdentityError> {
        let request = CertificateParams::default().serialize_request(&self.pair);
        Ok(request.map_err(IdentityError::Make)?.der().to_vec())
    }

    /// The identity that a certificate makes of this key.
    pub fn with_certificate(&self, certificate: Vec<u8>) -> Result<Identity, IdentityError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| IdentityError::WrongCertificate)?;
        if parsed.public_key().raw != self.pair.subject_public_key_info().as_slice() {
            return Err(IdentityError::WrongCertificate);
        }
        Ok(Identity { key_der: self.pair.serialize_der(), certificate, client: self.client() })
    }

    /// The identity on disk; `None` when the agent has not enrolled with this key.
    pub fn enrolled(&self, folder: &Path) -> Result<Option<Identity>, IdentityError> {
        let path = certificate_path(folder);
        let pem = match fs::read(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file("read", path, source)),
        };
        let Ok(certificate) = CertificateDer::from_pem_slice(&pem) else { return Ok(None) };
        // One that belongs to an older key counts as none: the agent enrols anew.
        Ok(self.with_certificate(certificate.to_vec()).ok())
    }
}

use rcgen::PublicKeyData as _;

/// Keeps the certificate next to the key.
pub fn save_certificate(folder: &Path, certificate: &[u8]) -> Result<(), IdentityError> {
    let path = certificate_path(folder);
    let pem = pem_text(certificate);
    write_private(&path, pem.as_bytes()).map_err(|source| file("write", path, source))
}

fn pem_text(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|at| &text[at..(at + 64).min(text.len())]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn key_path(folder: &Path) -> PathBuf {
    folder.join("key.pem")
}

fn certificate_path(folder: &Path) -> PathBuf {
    folder.join("certificate.pem")
}

fn file(action: &'static str, path: PathBuf, source: io::Error) -> IdentityError {
    IdentityError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_belongs_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let first = Key::load_or_make(folder.path()).unwrap();
        let again = Key::load_or_make(folder.path()).unwrap();
        assert_eq!(first.client(), again.client());
        assert!(again.enrolled(folder.path()).unwrap().is_none());
        assert!(crate::os::is_private(&folder.path().join("key.pem")).unwrap());
    }

    #[test]
    fn a_certificate_counts_only_for_its_own_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::load_or_make(folder.path()).unwrap();
        let own = CertificateParams::default().self_signed(&key.pair).unwrap();
        let other = Key::generate().unwrap();
        save_certificate(folder.path(), own.der()).unwrap();
        let identity = key.enrolled(folder.path()).unwrap().unwrap();
        assert_eq!((identity.client, &identity.certificate[..]), (key.client(), &own.der()[..]));
        assert!(other.enrolled(folder.path()).unwrap().is_none());
        assert!(matches!(
            other.with_certificate(own.der().to_vec()),
            Err(IdentityError::WrongCertificate)
        ));
        assert!(key.with_certificate(vec![1, 2, 3]).is_err());
    }

    #[test]
    fn a_broken_key_is_not_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.pem"), "not a key").unwrap();
        let refused = Key::load_or_make(folder.path()).err().unwrap().to_string();
        assert!(refused.contains("remove it to enrol as a new client"), "{refused}");
    }
}
