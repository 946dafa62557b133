//! Certificates of X.509, in DER or PEM.

use rows::{Dict, Time, Value};
use x509_parser::der_parser::oid::Oid;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

/// The bytes are no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate in DER or PEM: {0}")]
pub struct NotACertificate(String);

/// How many certificates are read from one text.
const CERTIFICATES_MAX: usize = 1_000;

/// Reads a certificate in DER, or all certificates of a text in PEM.
pub fn parse(bytes: &[u8]) -> Result<Vec<Dict>, NotACertificate> {
    if bytes.first() == Some(&0x30) {
        return one(bytes).map(|certificate| vec![certificate]);
    }
    let mut found = Vec::new();
    for block in x509_parser::pem::Pem::iter_from_buffer(bytes).take(CERTIFICATES_MAX) {
        let block = block.map_err(|error| NotACertificate(error.to_string()))?;
        if block.label == "CERTIFICATE" {
            found.push(one(&block.contents)?);
        }
    }
    if found.is_empty() {
        return Err(NotACertificate("it begins neither like DER nor like PEM".to_owned()));
    }
    Ok(found)
}

fn one(der: &[u8]) -> Result<Dict, NotACertificate> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| NotACertificate(error.to_string()))?;
    let mut extensions = Dict::new();
    for extension in certificate.extensions() {
        let mut read = extension_value(extension.parsed_extension());
        if extension.critical {
            read.set("Critical", true);
        }
        extensions.set(name_of(&extension.oid), read);
    }
    let key = certificate.public_key();
    let bits = key.parsed().map_or(0, |parsed| parsed.key_size());
    let kind = match key.parsed() {
        Ok(PublicKey::RSA(_)) => "RSA".to_owned(),
        Ok(PublicKey::EC(_)) => "ECDSA".to_owned(),
        Ok(PublicKey::DSA(_)) => "DSA".to_owned(),
        _ => name_of(&key.algorithm.algorithm),
    };
    Ok(Dict::new()
        .with("Version", i64::from(certificate.version().0) + 1)
        .with("SerialNumber", certificate.raw_serial_as_string())
        .with("SignatureAlgorithm", name_of(&certificate.signature_algorithm.algorithm))
        .with("Issuer", certificate.issuer().to_string())
        .with("Subject", certificate.subject().to_string())
        .with("NotBefore", moment(certificate.validity().not_before))
        .with("NotAfter", moment(certificate.validity().not_after))
        .with(
            "PublicKey",
            Dict::new().with("Type", kind).with("KeyStrength", i64::try_from(bits).unwrap_or(0)),
        )
        .with("IsCA", certificate.is_ca())
        .with("Extensions", extensions))
}

fn moment(time: ASN1Time) -> Value {
    Value::Time(Time::from_unix(time.timestamp(), 0))
}

fn name_of(oid: &Oid<'_>) -> String {
    oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
}

fn extension_value(extension: &ParsedExtension<'_>) -> Dict {
    let dict = Dict::new();
    match extension {
        ParsedExtension::BasicConstraints(constraints) => dict
            .with("IsCA", constraints.ca)
            .with("MaxPathLen", constraints.path_len_constraint.map(i64::from)),
        ParsedExtension::KeyUsage(usage) => dict.with("KeyUsage", usage.to_string()),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let known = [
                (usage.any, "Any"),
                (usage.server_auth, "Server Authentication"),
                (usage.client_auth, "Client Authentication"),
                (usage.code_signing, "Code Signing"),
                (usage.email_protection, "E-mail Protection"),
                (usage.time_stamping, "Time Stamping"),
                (usage.ocsp_signing, "OCSP Signing"),
            ];
            let named = known.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_owned());
            let all: Vec<String> = named.chain(usage.other.iter().map(name_of)).collect();
            dict.with("KeyUsage", Value::array(all))
        }
        ParsedExtension::SubjectKeyIdentifier(key) => dict.with("Value", hex(key.0)),
        ParsedExtension::AuthorityKeyIdentifier(key) => {
            dict.with("KeyId", key.key_identifier.as_ref().map(|key| hex(key.0)))
        }
        ParsedExtension::SubjectAlternativeName(names) => {
            dict.with("Names", general_names(&names.general_names))
        }
        ParsedExtension::IssuerAlternativeName(names) => {
            dict.with("Names", general_names(&names.general_names))
        }
        ParsedExtension::AuthorityInfoAccess(access) => {
            let described = access.accessdescs.iter().map(|description| {
                Dict::new()
                    .with("Method", name_of(&description.access_method))
                    .with("Location", general_name(&description.access_location))
            });
            dict.with("Access", Value::array(described))
        }
        ParsedExtension::CertificatePolicies(policies) => {
            dict.with("Policies", Value::array(policies.iter().map(|p| p.policy_id.to_id_string())))
        }
        _ => dict,
    }
}

fn general_names(names: &[GeneralName<'_>]) -> Value {
    Value::array(names.iter().map(general_name))
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(name) => format!("URI:{name}"),
        GeneralName::IPAddress(bytes) => {
            match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(four), _) => format!("IP:{}", std::net::Ipv4Addr::from(four)),
                (_, Ok(sixteen)) => format!("IP:{}", std::net::Ipv6Addr::from(sixteen)),
                _ => format!("IP:{}", hex(bytes)),
            }
        }
        GeneralName::DirectoryName(name) => format!("dir:{name}"),
        GeneralName::RegisteredID(oid) => format!("id:{}", oid.to_id_string()),
        _ => "other".to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(vec!["a.example".to_owned(), "127.0.0.1".to_owned()])
            .unwrap()
    }

    #[test]
    fn der_and_pem_say_the_same() {
        let made = certificate().cert;
        let der = parse(made.der()).unwrap();
        let pem = parse(format!("text before\n{}", made.pem()).as_bytes()).unwrap();
        assert_eq!(Value::Dict(der[0].clone()), Value::Dict(pem[0].clone()));
        let shown = |name: &str| der[0].get(name).unwrap().to_string();
        let lines = ["Version", "Subject", "NotAfter", "PublicKey", "Extensions"].map(shown);
        expect![[r#"
            3
            CN=rcgen self signed cert
            4096-01-01T00:00:00Z
            {"Type":"ECDSA","KeyStrength":256}
            {"subjectAltName":{"Names":["DNS:a.example","IP:127.0.0.1"]}}"#]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(parse(b"").is_err() && parse(b"0\x03\x02\x01\x01").is_err());
    }

    proptest::proptest! {
        #[test]
        fn damage_does_not_panic(at in 0..400_usize, byte: u8) {
            static MADE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            let mut der = MADE.get_or_init(|| certificate().cert.der().to_vec()).clone();
            let at = at % der.len();
            der[at] = byte;
            let _ = parse(&der);
        }
    }
}
