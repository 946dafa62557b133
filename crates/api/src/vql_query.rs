//! Queries that the server evaluates over its own records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Evaluate VQL on the server.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VqlQuery {
    /// The query.
    pub vql: String,
    /// Variables that it knows, as text.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Rows at most; 100,000 when left out.
    #[serde(default)]
    pub rows_max: Option<u64>,
    /// How long it may take: `10m` when left out, `1h` at most.
    #[serde(default)]
    pub timeout: Option<String>,
}
