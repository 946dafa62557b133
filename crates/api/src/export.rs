//! Exported zips: what is asked of them, and `manifest.json` in them, with hashes and counts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is asked of `…/export.zip`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZipQuery {
    /// Of this round of a hunt; the current one when left out.
    pub round: Option<u32>,
    /// Leave out so many bytes, to go on with a download that was cut. Send the `ETag` of that
    /// download as `If-Match`: the answer is 412 when the content is another by now.
    pub skip: Option<u64>,
}

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
    /// When it was written; of what a server exports, when its content last changed, so that the same
    /// content makes the same bytes.
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
