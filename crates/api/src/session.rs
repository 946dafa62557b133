//! Signing in, who one is, errors, health, enrolment tokens, audit.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Sign in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// `true`: answer with a token for programs instead of a cookie.
    #[serde(default)]
    pub token: bool,
}

/// Signed in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginReply {
    /// User name.
    pub user: String,
    /// To be repeated in [`crate::CSRF_HEADER`] with every change; empty for tokens.
    pub csrf: String,
    /// For programs; empty for browsers.
    pub token: String,
    /// When the session ends.
    pub expires: String,
}

/// Who the caller is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// User name.
    pub user: String,
    /// The tenant.
    pub org: String,
    /// What the user may do.
    pub roles: Vec<String>,
    /// The CSRF token of this session; empty for programs.
    pub csrf: String,
    /// The server's version.
    pub version: String,
}

/// Why a request failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What was wrong, with its causes.
    pub message: String,
    /// How to mend it; empty when there is nothing to say.
    pub hint: String,
    /// Names this request in the server's log.
    pub request_id: String,
    /// Problems in particular fields or places.
    pub problems: Vec<Problem>,
}

/// One problem in a text, a field or a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The field: `condition.server`, `artifacts[0].parameters.glob`, or empty.
    pub field: String,
    /// First byte in the text, where it is about a text.
    pub start: Option<u64>,
    /// First byte after it.
    pub end: Option<u64>,
    /// Line from 1, where it is about a text.
    pub line: Option<u64>,
    /// Column from 1.
    pub column: Option<u64>,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// Is the server well?
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` or `degraded`.
    pub status: String,
    /// What is wrong, if anything.
    pub problems: Vec<String>,
    /// The same problems, with their beginning and what works all the same.
    #[serde(default)]
    pub troubles: Vec<TroubleView>,
    /// The server's version.
    pub version: String,
}

/// Something that is wrong with the server now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TroubleView {
    /// What: a whole sentence.
    pub what: String,
    /// Since when it is known.
    pub since: String,
    /// What works all the same; empty when that is not known.
    pub works: String,
}

/// One server process of an installation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// `N.…`, another one after each start.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the one that answers.
    pub answers: bool,
    /// The version of its program.
    pub version: String,
    /// Where agents connect to it.
    pub agents: String,
    /// Where people connect to it.
    pub people: String,
    /// When it started.
    pub started: String,
    /// Milliseconds since its last sign of life.
    pub silent_ms: u64,
    /// Agents that are connected to it.
    pub clients: u64,
    /// What it does for all nodes.
    pub duties: Vec<String>,
}

/// The first page's numbers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Clients enrolled.
    pub clients: u64,
    /// Of these, connected now.
    pub online: u64,
    /// Hunts by state.
    pub hunts_running: u64,
    /// Paused or draining.
    pub hunts_waiting: u64,
    /// Flows under way.
    pub flows_running: u64,
    /// What is wrong, if anything.
    pub problems: Vec<String>,
}

/// Make an enrolment token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Labels for every client that enrols with it.
    #[serde(default)]
    pub labels: Vec<String>,
    /// How long it may be used: `1h`, `7d`.
    pub expires_after: String,
    /// How often.
    pub uses_max: u32,
}

/// An enrolment token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Public part.
    pub id: String,
    /// The whole token; only in the answer to its making.
    pub token: Option<String>,
    /// Labels it grants.
    pub labels: Vec<String>,
    /// When it ends.
    pub expires: String,
    /// How often it may be used.
    pub uses_max: u32,
    /// How often it was.
    pub uses: u32,
    /// It was withdrawn.
    pub revoked: bool,
}

/// One line of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When.
    pub time: String,
    /// Who.
    pub actor: String,
    /// What was done: `hunt.start`, `client.label`, `token.create`.
    pub action: String,
    /// To what.
    pub object: String,
    /// How.
    pub detail: String,
}

/// A page of the audit log, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub items: Vec<AuditEntry>,
    /// In all.
    pub total: u64,
}
