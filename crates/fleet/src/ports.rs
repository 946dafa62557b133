//! The records of clients and enrolment tokens.

use std::collections::BTreeSet;
use std::net::IpAddr;

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use model::client::{Client, ClientFacts, EnrolmentToken};
use model::org::{Actor, OrgId};
use model::store::{Page, Paging, StoreError};

use crate::enrolment::{Enrolment, EnrolmentRefusal, LabelChange};

/// Remembers the clients.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable: a kill of the process loses nothing of it.
/// - [`enrol`](Self::enrol) decides by [`crate::enrolment::decide`] inside one transaction with
///   the token's use; the same key twice gives the same client and one use.
/// - A change of labels and the change of the recheck mark are one transaction; the mark grows by
///   one exactly when the set of labels changed.
/// - An unknown client is [`StoreError::NotFound`], except in `get`.
///
/// Every implementation runs `testkit::fleet_suite`.
#[async_trait]
pub trait ClientStore: Send + Sync {
    /// Makes a client of a key, or finds the client that it is.
    async fn enrol(&self, enrolment: &Enrolment, now: Timestamp) -> Result<Enrolled, EnrolError>;

    /// The client with this id.
    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError>;

    /// Those that match, in the order asked for, a page of them.
    async fn list(&self, query: &ClientList) -> Result<Page<Client>, StoreError>;

    /// Changes labels and, when that made a difference, the recheck mark. Returns the client as
    /// it is now.
    async fn set_labels(&self, id: ClientId, change: &LabelChange) -> Result<Client, StoreError>;

    /// Notes what a client said of itself when it connected, and when and where that was. `last_seen` never
    /// moves back.
    async fn seen(&self, id: ClientId, sighting: &Sighting) -> Result<(), StoreError>;

    /// Moves the recheck mark, so that hunts are offered to the client again. Returns the new mark.
    async fn ask_again(&self, id: ClientId) -> Result<u64, StoreError>;

    /// Shuts the client out; once is enough. Returns the client as it is now.
    async fn revoke(&self, id: ClientId, now: Timestamp) -> Result<Client, StoreError>;

    /// The clients of an organisation that have one of these names, short or full, those aside that
    /// were revoked; ASCII letter case ignored. Each name with each of its clients, by name and id.
    async fn named(
        &self,
        org: &OrgId,
        names: &BTreeSet<String>,
    ) -> Result<Vec<(String, ClientId)>, StoreError>;

    /// All labels of an organisation with the number of clients that have them, by name.
    async fn labels(&self, org: &OrgId) -> Result<Vec<(String, u64)>, StoreError>;
}

/// An enrolment that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The client.
    pub client: Client,
    /// Whether it was not known before.
    pub fresh: bool,
}

/// Why an enrolment did not go well.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It was decided so; the text is for the agent's log.
    #[error(transparent)]
    Refused(#[from] EnrolmentRefusal),
    /// The store failed.
    #[error("could not record the enrolment")]
    Store(#[from] StoreError),
}

/// What is noted when a client connects or leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// From where; `None` leaves the address alone.
    pub address: Option<IpAddr>,
    /// What it said of itself; `None` leaves the facts alone.
    pub facts: Option<ClientFacts>,
}

/// Which clients are wanted. All conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientList {
    /// Of this organisation.
    pub org: OrgId,
    /// This text is in the id, a name, the platform, the address or a label; letter case ignored.
    pub text: Option<String>,
    /// It has this label.
    pub label: Option<String>,
    /// It runs this operating system.
    pub os: Option<String>,
    /// Whether it is connected, which only [`crate::presence`] knows.
    pub presence: PresenceFilter,
    /// In this order.
    pub sort: ClientSort,
    /// The other way round.
    pub descending: bool,
    /// A page of them.
    pub paging: Paging,
}

impl ClientList {
    /// All clients of an organisation by name, the first page.
    pub fn of(org: OrgId) -> Self {
        Self {
            org,
            text: None,
            label: None,
            os: None,
            presence: PresenceFilter::Any,
            sort: ClientSort::Hostname,
            descending: false,
            paging: Paging::default(),
        }
    }
}

/// A condition on being connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceFilter {
    /// No condition.
    Any,
    /// One of these.
    Among(BTreeSet<ClientId>),
    /// None of these.
    NotAmong(BTreeSet<ClientId>),
}

/// The order of a list of clients; ties are broken by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSort {
    /// By short name.
    Hostname,
    /// By operating system.
    Os,
    /// By the agent's version.
    AgentVersion,
    /// By enrolment.
    FirstSeen,
    /// By the last sighting.
    LastSeen,
}

/// Remembers the enrolment tokens. They are used up by [`ClientStore::enrol`].
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - A second token with the same id is [`StoreError::Conflict`].
///
/// Every implementation runs `testkit::fleet_suite`.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Writes a new token.
    async fn create_token(
        &self,
        token: &EnrolmentToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// All tokens of an organisation with who made them, newest first.
    async fn tokens(&self, org: &OrgId) -> Result<Vec<TokenRecord>, StoreError>;

    /// The token with this public part.
    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StoreError>;

    /// Withdraws a token; once is enough.
    async fn revoke_token(&self, id: &str) -> Result<(), StoreError>;
}

/// A token with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The token.
    pub token: EnrolmentToken,
    /// Who made it.
    pub creator: Actor,
    /// When.
    pub created: Timestamp,
}
