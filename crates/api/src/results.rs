//! Rows, logs and uploads.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much one source has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    /// `Artifact` or `Artifact/Source`.
    pub source: String,
    /// Its rows.
    pub rows: u64,
    /// Its columns, in the order in which they were first met.
    pub columns: Vec<String>,
}

/// Which rounds of a hunt count.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoundsQuery {
    /// Of this round of a hunt; the current one when left out.
    pub round: Option<u32>,
    /// Of all rounds of a hunt together; not with `round`.
    pub all_rounds: Option<bool>,
}

/// What is asked of `…/results`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RowsQuery {
    /// Of this round of a hunt; the current one when left out.
    pub round: Option<u32>,
    /// Of all rounds of a hunt together; not with `round`.
    pub all_rounds: Option<bool>,
    /// Of this source only.
    pub source: Option<String>,
    /// Rows in which any column has this text, letter case ignored.
    pub search: Option<String>,
    /// Conditions, all of which must hold, one a line: `Column=text`, `Column!=text`,
    /// `Column~text` (has it inside), `Column>text`, `Column<text`.
    pub filter: Option<String>,
    /// A column, or `_client`, `_hostname`, `_flow`, `_round`, `_source`, `_stored`.
    pub sort: Option<String>,
    /// Descending.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// One row, with where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// `C.…`
    pub client: String,
    /// That client's name.
    pub hostname: String,
    /// `F.…`
    pub flow: String,
    /// In which round, when that flow is of a hunt.
    pub round: Option<u32>,
    /// The source.
    pub source: String,
    /// When it arrived.
    pub stored: String,
    /// The row itself.
    #[schema(value_type = Object)]
    pub row: serde_json::Map<String, serde_json::Value>,
}

/// A page of rows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RowPage {
    /// The rows.
    pub items: Vec<RowView>,
    /// How many pass the filters in all.
    pub total: u64,
}

/// One line of a flow's log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    /// By the client's clock.
    pub time: String,
    /// `DEBUG`, `INFO`, `DEFAULT`, `WARN`, `ERROR`, `ALERT`.
    pub level: String,
    /// What was said.
    pub text: String,
}

/// A page of log lines.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The lines, oldest first.
    pub items: Vec<LogView>,
    /// In all.
    pub total: u64,
}

/// An uploaded file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UploadView {
    /// `U.…`
    pub id: String,
    /// The path on the client.
    pub path: String,
    /// The accessor it was read through.
    pub accessor: String,
    /// Bytes.
    pub size: u64,
    /// Hex; absent while it arrives.
    pub sha256: Option<String>,
    /// When it was complete.
    pub stored: Option<String>,
}

/// A page of uploads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UploadPage {
    /// The files.
    pub items: Vec<UploadView>,
    /// In all.
    pub total: u64,
}
