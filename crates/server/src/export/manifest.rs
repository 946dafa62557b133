//! `manifest.json`: what is in a zip, with hashes and counts.

use serde::Serialize;

/// One file of the zip.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FileEntry {
    /// Its name in the zip.
    pub(crate) path: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// Of its bytes, in hex.
    pub(crate) sha256: String,
    /// `rows`, `csv`, `log`, `upload`, `members`.
    pub(crate) kind: &'static str,
    /// Its rows or lines; not of uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    /// Of which flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flow: Option<String>,
    /// Of which source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Of an upload: the path on the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) original: Option<String>,
}

/// The whole manifest.
#[derive(Debug, Serialize)]
pub(crate) struct Manifest {
    /// The form of this file.
    pub(crate) manifest_version: u32,
    /// Which Lycaon wrote it.
    pub(crate) lycaon: &'static str,
    /// `hunt` or `flow`.
    pub(crate) kind: &'static str,
    /// `H.…` or `F.…`
    pub(crate) id: String,
    /// Of a hunt.
    pub(crate) name: String,
    /// When it was written.
    pub(crate) exported: String,
    /// Clients with a folder.
    pub(crate) clients: u64,
    /// Rows over all clients.
    pub(crate) rows: u64,
    /// Uploaded files over all clients.
    pub(crate) uploads: u64,
    /// Their bytes.
    pub(crate) upload_bytes: u64,
    /// All files but this one.
    pub(crate) files: Vec<FileEntry>,
}
