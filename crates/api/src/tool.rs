//! Tools: files that artifacts need on clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tool: a file that is kept, or a name that artifacts want and for which none is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolView {
    /// Its name.
    pub name: String,
    /// Its version; empty for none.
    pub version: String,
    /// What the file is called; empty when none is kept.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// Of its content, in hex; `null` when no file is kept.
    pub sha256: Option<String>,
    /// When it was kept.
    pub stored: Option<String>,
    /// Artifacts that declare it.
    pub artifacts: Vec<String>,
}

/// What is asked of `PUT /tools/{tool}`, whose body is the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolQuery {
    /// Which version it is.
    pub version: Option<String>,
    /// What the file is called on clients; the tool's name when left out.
    pub filename: Option<String>,
    /// Bytes of the file. Needed.
    pub size: Option<u64>,
}
