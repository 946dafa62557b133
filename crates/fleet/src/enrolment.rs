//! Decides whether a key may become a client.
//!
//! Pure: a token, the record that may already exist, and a moment go in; a verdict comes out.
//! Stores call [`decide`] inside the transaction that uses the token up and writes the client, so
//! that two enrolments cannot both take the last use.
//!
//! # Invariants
//!
//! - An answer that was lost may be asked for again: the same key with the same token gets the
//!   same client and uses nothing up, even when the token is used up or over by then.
//! - A second key with the same client id is refused, whoever brings it.
//! - A revoked client stays out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{ClientId, Timestamp};
use model::client::{Client, ClientFacts, EnrolmentToken, TokenRefusal};

/// What an agent brings to become a client. The server has checked that it owns the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The public part of its token.
    pub token: String,
    /// SHA-256 of the secret part.
    pub secret_hash: [u8; 32],
    /// SHA-256 of its whole public key.
    pub key_hash: [u8; 32],
    /// What it says of itself.
    pub facts: ClientFacts,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// Why a key does not become a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentRefusal {
    /// The token is not accepted.
    #[error("{}", sentence(*.0))]
    Token(TokenRefusal),
    /// Another key has this client id already.
    #[error("another key already has the id {0}; make a new key on the agent")]
    KeyClash(ClientId),
    /// This client was revoked.
    #[error("client {0} was revoked; make a new key on the agent and enrol it anew")]
    Revoked(ClientId),
}

fn sentence(refusal: TokenRefusal) -> &'static str {
    match refusal {
        TokenRefusal::Unknown => "the enrolment token is unknown or its secret is wrong",
        TokenRefusal::Expired => "the enrolment token has expired; ask for a new one",
        TokenRefusal::UsedUp => {
            "the enrolment token was used as often as it may; ask for a new one"
        }
        TokenRefusal::Revoked => "the enrolment token was withdrawn; ask for a new one",
    }
}

/// What is to be done about an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Write this client and count one use of the token.
    Admit(Box<Client>),
    /// The client exists; use nothing up.
    Known,
}

/// Whether `enrolment` may become a client.
///
/// `token` is the record with the token's public part, `existing` the record with the client id
/// that belongs to the key.
pub fn decide(
    enrolment: &Enrolment,
    token: Option<&EnrolmentToken>,
    existing: Option<&Client>,
    now: Timestamp,
) -> Result<Verdict, EnrolmentRefusal> {
    let token = token
        .filter(|token| same_bytes(&token.secret_hash, &enrolment.secret_hash))
        .ok_or(EnrolmentRefusal::Token(TokenRefusal::Unknown))?;
    if let Some(client) = existing {
        if client.key_hash != enrolment.key_hash {
            return Err(EnrolmentRefusal::KeyClash(client.id));
        }
        if client.revoked_at.is_some() {
            return Err(EnrolmentRefusal::Revoked(client.id));
        }
        if token.revoked {
            return Err(EnrolmentRefusal::Token(TokenRefusal::Revoked));
        }
        if client.org == token.org {
            return Ok(Verdict::Known);
        }
        // The key belongs to another tenant; its record is not to be moved by a token.
        return Err(EnrolmentRefusal::KeyClash(client.id));
    }
    token.usable(now).map_err(EnrolmentRefusal::Token)?;
    Ok(Verdict::Admit(Box::new(new_client(enrolment, token, now))))
}

fn new_client(enrolment: &Enrolment, token: &EnrolmentToken, now: Timestamp) -> Client {
    Client {
        id: ClientId::from_key_hash(enrolment.key_hash),
        org: token.org.clone(),
        key_hash: enrolment.key_hash,
        facts: enrolment.facts.clone(),
        labels: token.labels.clone(),
        first_seen: now,
        last_seen: now,
        address: enrolment.address,
        revoked_at: None,
        recheck: 0,
    }
}

/// Compares in a time that does not depend on where the difference is.
fn same_bytes(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.iter().zip(right).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Which labels to add and which to take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// These are set.
    pub add: BTreeSet<String>,
    /// These are removed; one that is also added stays.
    pub remove: BTreeSet<String>,
}

impl LabelChange {
    /// The labels after this change.
    pub fn applied_to(&self, labels: &BTreeSet<String>) -> BTreeSet<String> {
        labels.difference(&self.remove).chain(&self.add).cloned().collect()
    }

    /// The first label that may not be set, if there is one.
    pub fn bad_label(&self) -> Option<&str> {
        self.add.iter().find(|label| !model::client::is_label(label)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::org::OrgId;

    fn token() -> EnrolmentToken {
        EnrolmentToken {
            id: "t1".into(),
            secret_hash: [7; 32],
            org: OrgId::default(),
            labels: ["web".to_owned()].into(),
            expires: Timestamp::from_secs(100),
            uses_max: 1,
            uses: 0,
            revoked: false,
        }
    }

    fn enrolment() -> Enrolment {
        Enrolment {
            token: "t1".into(),
            secret_hash: [7; 32],
            key_hash: [9; 32],
            facts: ClientFacts::default(),
            address: None,
        }
    }

    fn admitted() -> Client {
        match decide(&enrolment(), Some(&token()), None, Timestamp::from_secs(1)) {
            Ok(Verdict::Admit(client)) => *client,
            other => panic!("not admitted: {other:?}"),
        }
    }

    #[test]
    fn a_good_token_makes_a_client_with_its_labels() {
        let client = admitted();
        assert_eq!(client.id, ClientId::from_key_hash([9; 32]));
        assert!(client.labels.contains("web"));
    }

    #[test]
    fn a_lost_answer_can_be_asked_for_again_after_the_token_is_used_up() {
        let used = EnrolmentToken { uses: 1, ..token() };
        let late = Timestamp::from_secs(500);
        assert_eq!(decide(&enrolment(), Some(&used), Some(&admitted()), late), Ok(Verdict::Known));
    }

    #[test]
    fn each_refusal_says_why() {
        let check = |token: Option<&EnrolmentToken>, existing: Option<&Client>, text: &str| {
            let refusal = decide(&enrolment(), token, existing, Timestamp::from_secs(1));
            assert!(refusal.unwrap_err().to_string().contains(text), "{text}");
        };
        check(None, None, "unknown");
        check(Some(&EnrolmentToken { secret_hash: [1; 32], ..token() }), None, "secret is wrong");
        check(Some(&EnrolmentToken { uses: 1, ..token() }), None, "as often as it may");
        check(Some(&EnrolmentToken { revoked: true, ..token() }), None, "withdrawn");
        check(Some(&EnrolmentToken { expires: Timestamp::EPOCH, ..token() }), None, "expired");
        let other = Client { key_hash: [8; 32], ..admitted() };
        check(Some(&token()), Some(&other), "another key");
        let revoked = Client { revoked_at: Some(Timestamp::EPOCH), ..admitted() };
        check(Some(&token()), Some(&revoked), "was revoked");
    }

    #[test]
    fn a_label_that_is_added_and_removed_stays() {
        let set = |labels: &[&str]| labels.iter().map(|l| (*l).to_owned()).collect();
        let change = LabelChange { add: set(&["a"]), remove: set(&["a", "b"]) };
        assert_eq!(change.applied_to(&set(&["b", "c"])), set(&["a", "c"]));
    }
}
