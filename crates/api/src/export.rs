//! `manifest.json` in an exported zip: what is in it, with hashes and counts.

use serde::{Deserialize, Serialize};

/// One file of the zip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportedFile {
    /// Its name in the zip.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Of its bytes, in hex.
    pub sha256: String,
    /// `rows`, `csv`, `log`, `upload`, `members`.
    pub kind: String,
    /// Its rows or lines; not of uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Of which flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Of which source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of an upload: the path on the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
}

/// The whole manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportManifest {
    /// The form of this file.
    pub manifest_version: u32,
    /// Which Lycaon wrote it.
    pub lycaon: String,
    /// `hunt` or `flow`.
    pub kind: String,
    /// `H.…` or `F.…`
    pub id: String,
    /// Of a hunt.
    pub name: String,
    /// When it was written.
    pub exported: String,
    /// Clients with a folder.
    pub clients: u64,
    /// Rows over all clients.
    pub rows: u64,
    /// Uploaded files over all clients.
    pub uploads: u64,
    /// Their bytes.
    pub upload_bytes: u64,
    /// All files but this one.
    pub files: Vec<ExportedFile>,
}
