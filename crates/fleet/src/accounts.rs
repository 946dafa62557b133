//! The records of people: users, their sign-ins and API tokens, settings, and who did what.
//!
//! Passwords arrive here already hashed, session secrets as their SHA-256: what is stored does not
//! let anybody in.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base::Timestamp;
use model::org::{Actor, OrgId};
use model::store::{Page, Paging, StoreError};

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name, unique over all organisations.
    pub name: String,
    /// The tenant.
    pub org: OrgId,
    /// The password, hashed, in the PHC text form.
    pub password_hash: String,
    /// What the person may do, by role name.
    pub roles: BTreeSet<String>,
    /// Shut out without being forgotten.
    pub disabled: bool,
    /// When the record was made.
    pub created: Timestamp,
}

/// A secret that stands for a user: a browser's session or an API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// For whom it stands.
    pub user: String,
    /// What it is.
    pub kind: SignInKind,
    /// Where it comes from, or what the token is for; shown in lists.
    pub note: String,
    /// Since when.
    pub created: Timestamp,
    /// Not from this moment on.
    pub expires: Timestamp,
}

/// What a [`SignIn`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// A browser's session.
    Browser,
    /// A token for programs.
    ApiToken,
}

impl SignInKind {
    /// The word for this kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::ApiToken => "api_token",
        }
    }

    /// The kind with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Browser, Self::ApiToken].into_iter().find(|kind| kind.name() == name)
    }
}

/// Remembers users and their sign-ins.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - A sign-in for an unknown user is [`StoreError::NotFound`].
/// - [`sign_in`](Self::sign_in) finds nothing that is over at `now`, and nothing of a disabled user.
/// - Removing or disabling a user, or changing the password hash, ends all its sign-ins in the
///   same transaction.
///
/// Every implementation runs `testkit::account_suite`.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Writes a user, new or changed.
    async fn put_user(&self, user: &User) -> Result<(), StoreError>;

    /// The user with this name.
    async fn user(&self, name: &str) -> Result<Option<User>, StoreError>;

    /// All users by name.
    async fn users(&self) -> Result<Vec<User>, StoreError>;

    /// Forgets a user.
    async fn remove_user(&self, name: &str) -> Result<(), StoreError>;

    /// Writes a sign-in, and forgets those that are over.
    async fn put_sign_in(&self, sign_in: &SignIn) -> Result<(), StoreError>;

    /// For whom a secret with this SHA-256 stands at `now`.
    async fn sign_in(
        &self,
        secret_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(SignIn, User)>, StoreError>;

    /// Ends one sign-in; ending what is not there is fine.
    async fn end_sign_in(&self, secret_hash: &[u8; 32]) -> Result<(), StoreError>;

    /// All sign-ins of a user, newest first.
    async fn sign_ins_of(&self, user: &str) -> Result<Vec<SignIn>, StoreError>;
}

/// Remembers named texts: secrets of the installation, switches, what an administrator chose.
///
/// # Contract
///
/// - `set` that returned `Ok` is durable; `setting` sees it.
#[async_trait]
pub trait SettingStore: Send + Sync {
    /// The text under this key.
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Writes a text; `None` removes it.
    async fn set(&self, key: &str, value: Option<&str>) -> Result<(), StoreError>;
}

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// In which organisation.
    pub org: OrgId,
    /// Who.
    pub actor: Actor,
    /// What, as a short verb: `hunt.start`, `client.label`.
    pub action: String,
    /// To what: an id or a name.
    pub object: String,
    /// How, for a person.
    pub detail: String,
}

/// Remembers who did what. Entries are never changed.
///
/// # Contract
///
/// - `record` that returned `Ok` is durable; `entries` are newest first.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes an entry.
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Entries of an organisation, newest first; of one object when it is named.
    async fn entries(
        &self,
        org: &OrgId,
        object: Option<&str>,
        paging: Paging,
    ) -> Result<Page<AuditEntry>, StoreError>;
}
