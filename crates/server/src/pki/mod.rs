//! The server's own certificate authority: makes it, keeps its files, signs agents' keys, and
//! reads an identity out of a certificate.
//!
//! # Invariants
//!
//! - A client's identity is the SHA-256 over the DER form of its public key (SubjectPublicKeyInfo),
//!   as it stands in its certificate; nothing else in a certificate or a request counts.
//! - Of a signing request only the key is taken over. Names, uses and extensions are the server's.
//! - The authority's key is readable by its owner only.
//!
//! # Not here
//!
//! Whether a key may become a client is decided by `fleet::enrolment`.

mod files;
mod os;

use std::time::Duration;

use base::{ClientId, Entropy, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SanType, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

pub use files::{CA_CERTIFICATE_FILE, CA_KEY_FILE, create, load};
pub use os::write_private;

/// A name that every server certificate carries, so that agents can check it wherever the server
/// is reached.
pub const SERVER_NAME: &str = "lycaon-server";

const CA_LIFE: Duration = Duration::from_secs(20 * 365 * 86_400);
const SERVER_LIFE: Duration = Duration::from_secs(5 * 365 * 86_400);
/// Clocks of agents may be behind by this much.
const BACKDATED: Duration = Duration::from_secs(86_400);
/// The greatest public key that is accepted, in DER: RSA of 8192 bits fits.
const PUBLIC_KEY_BYTES_MAX: usize = 1_200;

/// Why something about certificates did not work.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A certificate could not be made.
    #[error("could not make {what}")]
    Make {
        /// What was to be made.
        what: &'static str,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// A file could not be read or written.
    #[error("{doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The authority exists already.
    #[error("{path} exists already; remove it by hand if all agents are to enrol anew")]
    Exists {
        /// The file that exists.
        path: String,
    },
    /// A file or certificate does not hold what it should.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What is wrong.
        why: String,
    },
}

/// The server's certificate authority.
pub struct Authority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its private key, for a listener.
pub struct ServerIdentity {
    /// The certificate and what leads up to it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// Who a certificate belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIdentity {
    /// The client's id.
    pub client: ClientId,
    /// The whole hash of the key.
    pub key_hash: [u8; 32],
}

impl KeyIdentity {
    /// The identity of a public key in DER.
    pub fn of_public_key(spki_der: &[u8]) -> Self {
        let key_hash: [u8; 32] = Sha256::digest(spki_der).into();
        Self { client: ClientId::from_key_hash(key_hash), key_hash }
    }

    /// The identity of the key in a certificate whose signature was checked already.
    pub fn of_certificate(der: &[u8]) -> Result<Self, PkiError> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).map_err(|error| {
            PkiError::Unreadable { what: "the client certificate".into(), why: error.to_string() }
        })?;
        Ok(Self::of_public_key(certificate.public_key().raw))
    }
}

/// A signing request whose signature was checked: its maker owns the key.
pub struct SigningRequest {
    request: CertificateSigningRequestParams,
    /// Whose certificate it would be.
    pub identity: KeyIdentity,
}

impl SigningRequest {
    /// Reads a request in DER and checks that it was signed with its own key.
    pub fn read(der: &[u8]) -> Result<Self, PkiError> {
        let unreadable = |why: String| PkiError::Unreadable {
            what: "the certificate signing request".into(),
            why,
        };
        let request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))
                .map_err(|error| unreadable(error.to_string()))?;
        let spki = request.public_key.subject_public_key_info();
        if spki.len() > PUBLIC_KEY_BYTES_MAX {
            return Err(unreadable("its key is too long; use P-256".into()));
        }
        let identity = KeyIdentity::of_public_key(&spki);
        Ok(Self { request, identity })
    }
}

impl Authority {
    /// Makes a new authority.
    pub fn make(now: Timestamp, entropy: &mut dyn Entropy) -> Result<Self, PkiError> {
        let making = |source| PkiError::Make { what: "the certificate authority", source };
        let key = KeyPair::generate().map_err(making)?;
        let mut parameters = parameters("Lycaon CA", now, CA_LIFE, entropy);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters.self_signed(&key).map_err(making)?;
        Self::read(&certificate.pem(), &key.serialize_pem())
    }

    /// Reads an authority from its two PEM texts.
    pub fn read(certificate_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let unreadable =
            |what: &str, why: String| PkiError::Unreadable { what: what.to_owned(), why };
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|error| unreadable("the authority's certificate", error.to_string()))?;
        let key = KeyPair::from_pem(key_pem)
            .map_err(|error| unreadable("the authority's key", error.to_string()))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| unreadable("the authority's certificate", error.to_string()))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(unreadable(
                "the certificate authority",
                "its key does not belong to its certificate".into(),
            ));
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| unreadable("the authority's certificate", error.to_string()))?;
        Ok(Self {
            certificate_pem: certificate_pem.to_owned(),
            certificate,
            key_pem: key_pem.to_owned(),
            issuer,
        })
    }

    /// The authority's certificate as PEM: what agents are given to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Makes a certificate for the server's listener, good for `names` (DNS names and addresses)
    /// besides [`SERVER_NAME`] and the loopback's.
    pub fn server_identity(
        &self,
        names: &[String],
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<ServerIdentity, PkiError> {
        let making = |source| PkiError::Make { what: "the server's certificate", source };
        let key = KeyPair::generate().map_err(making)?;
        let mut parameters = parameters(SERVER_NAME, now, SERVER_LIFE, entropy);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let own = [SERVER_NAME, "localhost", "127.0.0.1", "::1"].map(str::to_owned);
        for name in own.iter().chain(names) {
            let name = match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into().map_err(making)?),
            };
            parameters.subject_alt_names.push(name);
        }
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(making)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|why| {
            PkiError::Unreadable { what: "the server's key".into(), why: why.to_owned() }
        })?;
        Ok(ServerIdentity { chain: vec![certificate.der().clone()], key })
    }

    /// Makes the certificate of a client that was let in.
    pub fn sign(
        &self,
        request: SigningRequest,
        life: Duration,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<CertificateDer<'static>, PkiError> {
        let name = request.identity.client.to_string();
        let mut own = parameters(&name, now, life, entropy);
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let mut request = request.request;
        request.params = own;
        let certificate = request
            .signed_by(&self.issuer)
            .map_err(|source| PkiError::Make { what: "the client's certificate", source })?;
        Ok(certificate.der().clone())
    }
}

/// What all certificates have in common.
fn parameters(
    name: &str,
    now: Timestamp,
    life: Duration,
    entropy: &mut dyn Entropy,
) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    parameters.distinguished_name = subject;
    parameters.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_1970(now.minus(BACKDATED));
    parameters.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970(now.plus(life));
    parameters.use_authority_key_identifier_extension = true;
    let mut serial = [0u8; 16];
    entropy.fill(&mut serial);
    // Positive and never shortened: 16 bytes of which the first is neither 0 nor above 0x7f.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    parameters
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(at.since(Timestamp::EPOCH).as_secs())
}

#[cfg(test)]
mod tests {
    use base::SeededEntropy;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn request(key: &KeyPair) -> Vec<u8> {
        let mut asked = CertificateParams::new(vec!["another.example".to_owned()]).unwrap();
        asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        asked.serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn of_a_request_only_the_key_is_taken_over() {
        let authority = Authority::make(NOW, &mut SeededEntropy::new(1)).unwrap();
        let key = KeyPair::generate().unwrap();
        let request = SigningRequest::read(&request(&key)).unwrap();
        let identity = request.identity;
        let life = Duration::from_secs(86_400);
        let der = authority.sign(request, life, NOW, &mut SeededEntropy::new(2)).unwrap();
        assert_eq!(KeyIdentity::of_certificate(&der).unwrap(), identity);
        assert_eq!(identity, KeyIdentity::of_public_key(&key.subject_public_key_info()));
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert!(!certificate.is_ca());
        assert!(certificate.subject_alternative_name().unwrap().is_none());
        assert_eq!(certificate.subject().to_string(), format!("CN={}", identity.client));
        assert_eq!(certificate.raw_serial().len(), 16);
        assert_eq!(
            certificate.validity().not_after.timestamp(),
            NOW.plus(life).as_micros() / 1_000_000
        );
    }

    #[test]
    fn a_request_that_was_not_signed_with_its_key_is_refused() {
        let key = KeyPair::generate().unwrap();
        let mut der = request(&key);
        let last = der.len() - 1;
        der[last] ^= 1;
        assert!(SigningRequest::read(&der).is_err());
        assert!(SigningRequest::read(b"nonsense").is_err());
    }

    #[test]
    fn an_authority_reads_what_it_writes_and_refuses_a_key_of_another() {
        let mut entropy = SeededEntropy::new(1);
        let first = Authority::make(NOW, &mut entropy).unwrap();
        let second = Authority::make(NOW, &mut entropy).unwrap();
        assert!(Authority::read(first.certificate_pem(), first.key_pem()).is_ok());
        let mixed = Authority::read(first.certificate_pem(), second.key_pem());
        assert!(mixed.is_err_and(|error| error.to_string().contains("does not belong")));
    }

    #[test]
    fn a_directory_keeps_one_authority() {
        let folder = tempfile::tempdir().unwrap();
        let mut entropy = SeededEntropy::new(1);
        let made = create(folder.path(), NOW, &mut entropy).unwrap();
        let read = load(folder.path()).unwrap();
        assert_eq!(made.certificate_pem(), read.certificate_pem());
        let again = create(folder.path(), NOW, &mut entropy);
        assert!(matches!(again, Err(PkiError::Exists { .. })));
    }
}
