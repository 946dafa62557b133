//! Flows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One artifact with parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactCall {
    /// The artifact's name.
    pub name: String,
    /// Parameters that differ from their default, as text.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

/// What one client's flow may use; texts such as `1GiB` and `10m`. Zero or `0s`: no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowLimits {
    /// Rows.
    pub rows: u64,
    /// Bytes of uploads: a number, or a text with a unit.
    pub upload_bytes: String,
    /// Percent of one processor: `50%` or `0` for no limit.
    pub cpu: String,
    /// From delivery to the agent.
    pub timeout: String,
    /// Without progress.
    pub progress_timeout: String,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            upload_bytes: "1GiB".into(),
            cpu: "0".into(),
            timeout: "10m".into(),
            progress_timeout: "0s".into(),
        }
    }
}

/// Start a flow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowRequest {
    /// Where.
    pub client: String,
    /// What.
    pub artifacts: Vec<ArtifactCall>,
    /// Within which limits.
    #[serde(default)]
    pub limits: FlowLimits,
}

/// A flow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// `F.…`
    pub id: String,
    /// Where.
    pub client: String,
    /// That client's name.
    pub hostname: String,
    /// The hunt it belongs to.
    pub hunt: Option<String>,
    /// Who asked.
    pub actor: String,
    /// What.
    pub artifacts: Vec<ArtifactCall>,
    /// `queued`, `running`, `done`, `failed`, `cancelled`, `expired`.
    pub state: String,
    /// Why, for `failed`.
    pub reason: String,
    /// From 1.
    pub attempt: u32,
    /// Rows that arrived in this attempt.
    pub rows: u64,
    /// Files that arrived in this attempt.
    pub uploads: u64,
    /// Their bytes.
    pub upload_bytes: u64,
    /// Processor time on the client.
    pub cpu_millis: u64,
    /// When it was asked for.
    pub created: String,
    /// When the agent took it.
    pub started: Option<String>,
    /// When it ended.
    pub ended: Option<String>,
}

/// A page of flows, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowPage {
    /// The flows.
    pub items: Vec<FlowView>,
    /// In all.
    pub total: u64,
}
