//! Where the command line keeps its tokens: one private file in the user's configuration folder.
//!
//! # Invariants
//!
//! - Only the owner may read the file; one that others may read is refused, not used.
//! - A token is sent only to the server that gave it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::complaint::{Complaint, Outcome};
use crate::os;

/// What is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Credentials {
    /// The server that was signed in to last.
    pub(crate) current: Option<String>,
    /// By server.
    pub(crate) servers: BTreeMap<String, Login>,
}

/// How to sign in to one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// User name.
    pub(crate) user: String,
    /// The token.
    pub(crate) token: String,
    /// When it ends.
    pub(crate) expires: String,
    /// PEM of an authority to accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authority_pem: Option<String>,
}

/// The folder with this program's own settings.
fn folder() -> Outcome<PathBuf> {
    if let Some(folder) = std::env::var_os("LYCAON_CONFIG_DIR") {
        return Ok(folder.into());
    }
    if let Some(folder) = std::env::var_os("XDG_CONFIG_HOME").filter(|text| !text.is_empty()) {
        return Ok(PathBuf::from(folder).join("lycaon"));
    }
    match std::env::var_os("HOME").filter(|text| !text.is_empty()) {
        Some(home) => Ok(PathBuf::from(home).join(".config/lycaon")),
        None => Err(Complaint::failed("there is no folder for settings: HOME is not set")
            .hint("set LYCAON_CONFIG_DIR, or give --server and LYCAON_TOKEN")),
    }
}

/// Reads the file; empty when there is none.
pub(crate) fn load() -> Outcome<Credentials> {
    let path = folder()?.join("credentials.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Credentials::default());
        }
        Err(error) => return Err(Complaint::io("read", &path, &error)),
    };
    if os::readable_by_others(&path) {
        return Err(Complaint::failed(format!("{} can be read by others", path.display()))
            .hint(format!("it holds tokens: run `chmod 600 {}`", path.display())));
    }
    serde_json::from_str(&text).map_err(|error| {
        Complaint::failed(format!("{} is not understood: {error}", path.display()))
            .hint("remove it and sign in again with `lycaon login`")
    })
}

/// Writes the file; gives its path.
pub(crate) fn save(credentials: &Credentials) -> Outcome<PathBuf> {
    let folder = folder()?;
    os::make_private_dir(&folder).map_err(|e| Complaint::io("make", &folder, &e))?;
    let path = folder.join("credentials.json");
    let text = serde_json::to_vec_pretty(credentials)
        .map_err(|error| Complaint::failed(format!("cannot write the credentials: {error}")))?;
    os::write_private(&path, &text).map_err(|e| Complaint::io("write", &path, &e))?;
    Ok(path)
}
