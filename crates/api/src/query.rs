//! What lists are asked with, where a list needs no question of its own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which page of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// Skip.
    pub offset: Option<u64>,
    /// At most; 50 when left out, never more than 1000.
    pub limit: Option<u64>,
}

/// What is asked of `GET /flows` and `GET /clients/{client}/flows`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowsQuery {
    /// Only flows in this state.
    pub state: Option<String>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// What is asked of `GET /hunts`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HuntsQuery {
    /// Part of an id, a name or a description.
    pub search: Option<String>,
    /// Only hunts in this state.
    pub state: Option<String>,
    /// Only hunts with this tag.
    pub tag: Option<String>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// What is asked of `GET /artifacts`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ArtifactsQuery {
    /// Part of a name or a description.
    pub search: Option<String>,
}
