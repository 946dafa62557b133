//! A client: an enrolled agent's identity, and what is known of it.
//!
//! Facts are what the agent says of itself and may be lies; address, labels and the times of
//! sight are the server's own knowledge.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{ClientId, Timestamp};

use crate::org::OrgId;

/// What an agent says of itself when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// The machine's short name.
    pub hostname: String,
    /// The machine's full name.
    pub fqdn: String,
    /// `linux`, `windows`, `darwin`.
    pub os: String,
    /// The distribution or edition, with its version.
    pub platform: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// The agent's version.
    pub agent_version: String,
}

/// The server's record of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its identity.
    pub id: ClientId,
    /// The tenant it enrolled into.
    pub org: OrgId,
    /// SHA-256 of its whole public key; a second key with the same id is refused.
    pub key_hash: [u8; 32],
    /// What it says of itself.
    pub facts: ClientFacts,
    /// Labels that the server gave it.
    pub labels: BTreeSet<String>,
    /// When it enrolled.
    pub first_seen: Timestamp,
    /// When it was last heard of. Kept coarsely: written on connect and disconnect.
    pub last_seen: Timestamp,
    /// Where it last connected from.
    pub address: Option<IpAddr>,
    /// Set when its certificate was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Label changes since its last check; hunts are offered to it again when this moves.
    pub recheck: u64,
}

/// A permission to enrol, as an administrator gives it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Public part, shown in lists.
    pub id: String,
    /// SHA-256 of the secret part; the secret itself is not kept.
    pub secret_hash: [u8; 32],
    /// The tenant that clients enrol into.
    pub org: OrgId,
    /// Labels that every client enrolled with it receives.
    pub labels: BTreeSet<String>,
    /// Not usable from this moment on.
    pub expires: Timestamp,
    /// How often it may be used in all.
    pub uses_max: u32,
    /// How often it was used.
    pub uses: u32,
    /// Set when an administrator withdrew it.
    pub revoked: bool,
}

/// Why an enrolment token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// No such token, or the secret is wrong.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was used as often as it may.
    UsedUp,
    /// It was withdrawn.
    Revoked,
}

impl EnrolmentToken {
    /// Whether the token may be used at `now`. The secret has been compared already.
    pub fn usable(&self, now: Timestamp) -> Result<(), TokenRefusal> {
        if self.revoked {
            Err(TokenRefusal::Revoked)
        } else if now >= self.expires {
            Err(TokenRefusal::Expired)
        } else if self.uses >= self.uses_max {
            Err(TokenRefusal::UsedUp)
        } else {
            Ok(())
        }
    }
}

/// A label: 1 to 100 printable characters without blanks at its ends.
pub fn is_label(text: &str) -> bool {
    let count = text.chars().count();
    (1..=100).contains(&count) && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_by_time_by_use_and_by_hand() {
        let token = EnrolmentToken {
            id: "t".into(),
            secret_hash: [0; 32],
            org: OrgId::default(),
            labels: BTreeSet::new(),
            expires: Timestamp::from_secs(100),
            uses_max: 2,
            uses: 1,
            revoked: false,
        };
        let at = Timestamp::from_secs;
        assert_eq!(token.usable(at(99)), Ok(()));
        assert_eq!(token.usable(at(100)), Err(TokenRefusal::Expired));
        assert_eq!(
            EnrolmentToken { uses: 2, ..token.clone() }.usable(at(1)),
            Err(TokenRefusal::UsedUp)
        );
        assert_eq!(
            EnrolmentToken { revoked: true, ..token }.usable(at(1)),
            Err(TokenRefusal::Revoked)
        );
    }
}
