//! Whom a hunt is about: previews, lists of clients, who is put in and taken out by hand, why a client
//! is or is not in it; and what a hunt is made of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{MemberView, Problem};

/// What a hunt would do, by the server's own records.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct HuntPreview {
    /// Clients that include and exclude select: these would be asked.
    pub asked: u64,
    /// Of these, connected now.
    pub online: u64,
    /// Of these, connected now or seen within seven days.
    pub recent: u64,
    /// Clients that include and exclude leave out.
    pub excluded: u64,
    /// Why they are left out, the commonest first.
    pub excluded_by: Vec<PreviewCount>,
    /// Of those selected: how many run which operating system.
    pub systems: Vec<PreviewCount>,
    /// Of those selected: how many have which label; clients without one are not counted here.
    pub labels: Vec<PreviewCount>,
    /// Some of those selected, spread over all of them.
    pub sample: Vec<PreviewClient>,
    /// How long admission takes by rate, ceiling and client limit when all that are connected now
    /// match: `3m`; `0s` when at once.
    pub duration_online: String,
    /// The same for all that are selected, were they connected.
    pub duration_all: String,
    /// What a preview cannot know of this hunt.
    pub unknown: Vec<String>,
    /// What is wrong with the request; empty when it could be made.
    pub problems: Vec<Problem>,
}

/// So many clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewCount {
    /// With this label, system or reason.
    pub name: String,
    /// How many.
    pub clients: u64,
    /// Of these, connected now.
    pub online: u64,
}

/// One client of a preview's sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewClient {
    /// `C.…`
    pub id: String,
    /// Short name.
    pub hostname: String,
    /// `linux`, `windows`, `darwin`.
    pub os: String,
    /// The server's labels.
    pub labels: Vec<String>,
    /// Connected now.
    pub online: bool,
    /// When it was last heard of.
    pub last_seen: String,
}

/// Find the clients that a list names.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientListRequest {
    /// Ids and host names, one a line or separated by commas, or a table with a heading.
    pub text: String,
    /// The column that is meant, when the text is a table.
    #[serde(default)]
    pub column: Option<String>,
}

/// The clients that a list names.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ClientListReply {
    /// Those that were found, once each.
    pub clients: Vec<ResolvedClient>,
    /// Names that nobody has, that several have, and what is no name.
    pub problems: Vec<Problem>,
}

/// A client by one of its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResolvedClient {
    /// As the list names it.
    pub name: String,
    /// `C.…`
    pub client: String,
}

/// Put clients into a hunt, or take them out while they wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RosterRequest {
    /// Ids or host names.
    pub clients: Vec<String>,
    /// More of them, as [`ClientListRequest::text`].
    pub clients_text: String,
}

/// What became of each client.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RosterReply {
    /// One for each, in the order of the request.
    pub items: Vec<RosterOutcome>,
    /// How many were changed.
    pub changed: u64,
}

/// What became of one client.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RosterOutcome {
    /// `C.…`
    pub client: String,
    /// Its name.
    pub hostname: String,
    /// `queued`, `waits`, `stays`, `full`, `removed`, `unknown`.
    pub outcome: String,
    /// For a person.
    pub explanation: String,
}

/// Make a hunt of another one, or of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CopyRequest {
    /// Its name; that of the original when left out.
    pub name: Option<String>,
    /// Start it at once.
    pub start: bool,
}

/// Add and remove tags of a hunt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagChange {
    /// To add.
    pub add: Vec<String>,
    /// To remove.
    pub remove: Vec<String>,
}

/// Why a client is or is not in a hunt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    /// `C.…`
    pub client: String,
    /// Its name.
    pub hostname: String,
    /// `member`, `refused`, `asked`, `not_seen`, `not_asked`.
    pub verdict: String,
    /// For a person: where it stands, since when, and why.
    pub explanation: String,
    /// For a person: what comes next; empty when nothing does.
    pub next: String,
    /// Its record, when there is one.
    pub member: Option<MemberView>,
}
