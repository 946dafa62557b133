//! Clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A client.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientView {
    /// `C.…`
    pub id: String,
    /// Short name, as the client says.
    pub hostname: String,
    /// Full name, as the client says.
    pub fqdn: String,
    /// `linux`, `windows`, `darwin`.
    pub os: String,
    /// Distribution or edition.
    pub platform: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// The agent's version.
    pub agent_version: String,
    /// The server's labels.
    pub labels: Vec<String>,
    /// Connected now.
    pub online: bool,
    /// Where it last connected from.
    pub address: Option<String>,
    /// When it enrolled.
    pub first_seen: String,
    /// When it was last heard of.
    pub last_seen: String,
    /// When its certificate was revoked.
    pub revoked_at: Option<String>,
}

/// A page of clients.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientPage {
    /// The clients.
    pub items: Vec<ClientView>,
    /// In all.
    pub total: u64,
}

/// What is asked of `GET /clients`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientsQuery {
    /// Part of an id, name, address or label.
    pub search: Option<String>,
    /// Exactly this label.
    pub label: Option<String>,
    /// Connected, or not.
    pub online: Option<bool>,
    /// `hostname`, `os`, `first_seen`, `last_seen`.
    pub sort: Option<String>,
    /// Descending.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// Add and remove labels.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelChange {
    /// To add.
    pub add: Vec<String>,
    /// To remove.
    pub remove: Vec<String>,
}
