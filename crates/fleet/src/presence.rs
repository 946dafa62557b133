//! Who is connected now. In memory only: a restart of the server is a restart of every session.
//!
//! # Invariants
//!
//! - A client has at most one current session; a newer one displaces the older.
//! - The end of a displaced session does not make its client absent.

use std::collections::{BTreeMap, BTreeSet};

use base::{ClientId, SessionId, Timestamp};

/// The sessions of all connected clients.
#[derive(Debug, Default)]
pub struct Presence {
    sessions: BTreeMap<ClientId, (SessionId, Timestamp)>,
}

impl Presence {
    /// Nobody is connected.
    pub fn new() -> Self {
        Self::default()
    }

    /// `client` is connected by `session` since `now`. The session that it displaces, if any, is
    /// returned and should be closed.
    pub fn arrived(
        &mut self,
        client: ClientId,
        session: SessionId,
        now: Timestamp,
    ) -> Option<SessionId> {
        let before = self.sessions.insert(client, (session, now));
        before.map(|(old, _)| old).filter(|old| *old != session)
    }

    /// `session` has ended. Whether its client is absent now.
    pub fn left(&mut self, client: ClientId, session: SessionId) -> bool {
        let current = self.sessions.get(&client).is_some_and(|(held, _)| *held == session);
        if current {
            self.sessions.remove(&client);
        }
        current
    }

    /// The session of `client` and since when it holds.
    pub fn session(&self, client: ClientId) -> Option<(SessionId, Timestamp)> {
        self.sessions.get(&client).copied()
    }

    /// Whether `client` is connected.
    pub fn is_online(&self, client: ClientId) -> bool {
        self.sessions.contains_key(&client)
    }

    /// Everybody who is connected.
    pub fn online(&self) -> BTreeSet<ClientId> {
        self.sessions.keys().copied().collect()
    }

    /// How many are connected.
    pub fn count(&self) -> usize {
        self.sessions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_displaced_session_does_not_make_its_client_absent() {
        let client = ClientId::from_bits(1);
        let [old, new] = [SessionId::from_bits(1), SessionId::from_bits(2)];
        let mut presence = Presence::new();
        assert_eq!(presence.arrived(client, old, Timestamp::EPOCH), None);
        assert_eq!(presence.arrived(client, new, Timestamp::EPOCH), Some(old));
        assert!(!presence.left(client, old));
        assert!(presence.is_online(client));
        assert!(presence.left(client, new));
        assert_eq!(presence.count(), 0);
    }
}
