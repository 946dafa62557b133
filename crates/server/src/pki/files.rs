//! The authority's two files in a directory.

use std::path::Path;

use base::{Entropy, Timestamp};

use super::{Authority, PkiError, write_private};

/// The authority's certificate; agents are given a copy.
pub const CA_CERTIFICATE_FILE: &str = "ca.pem";

/// The authority's key; never leaves the directory.
pub const CA_KEY_FILE: &str = "ca.key";

/// Makes an authority and writes its files into `directory`, which must exist. An authority that is
/// there already is left alone and is an error.
pub fn create(
    directory: &Path,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> Result<Authority, PkiError> {
    let key_file = directory.join(CA_KEY_FILE);
    let certificate_file = directory.join(CA_CERTIFICATE_FILE);
    for file in [&key_file, &certificate_file] {
        if file.exists() {
            return Err(PkiError::Exists { path: file.display().to_string() });
        }
    }
    let authority = Authority::make(now, entropy)?;
    write_private(&key_file, authority.key_pem().as_bytes()).map_err(|source| PkiError::File {
        doing: "could not write",
        path: key_file.display().to_string(),
        source,
    })?;
    std::fs::write(&certificate_file, authority.certificate_pem()).map_err(|source| {
        PkiError::File {
            doing: "could not write",
            path: certificate_file.display().to_string(),
            source,
        }
    })?;
    Ok(authority)
}

/// Reads the authority whose files are in `directory`.
pub fn load(directory: &Path) -> Result<Authority, PkiError> {
    let read = |name: &str| {
        let file = directory.join(name);
        std::fs::read_to_string(&file).map_err(|source| PkiError::File {
            doing: "could not read",
            path: file.display().to_string(),
            source,
        })
    };
    Authority::read(&read(CA_CERTIFICATE_FILE)?, &read(CA_KEY_FILE)?)
}
