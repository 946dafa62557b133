//! Who is connected now: the sessions of this node, and who is connected to another one as far as is
//! known here. In memory only: a restart of the server is a restart of every session.
//!
//! # Invariants
//!
//! - A client has at most one current session here; a newer one displaces the older.
//! - The end of a displaced session does not make its client absent.
//! - Who is connected here is not connected elsewhere as far as this node is concerned.

use std::collections::{BTreeMap, BTreeSet};

use base::{ClientId, NodeId, SessionId, Timestamp};

/// The sessions of all connected clients.
#[derive(Debug, Default)]
pub struct Presence {
    sessions: BTreeMap<ClientId, (SessionId, Timestamp)>,
    elsewhere: BTreeMap<ClientId, NodeId>,
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
        self.elsewhere.remove(&client);
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

    /// `client` is connected to another node, as that one says.
    pub fn arrived_elsewhere(&mut self, client: ClientId, node: NodeId) {
        if !self.sessions.contains_key(&client) {
            self.elsewhere.insert(client, node);
        }
    }

    /// `client` has left another node, as that one says. Whether it is absent now.
    pub fn left_elsewhere(&mut self, client: ClientId, node: NodeId) -> bool {
        let was_there = self.elsewhere.get(&client) == Some(&node);
        if was_there {
            self.elsewhere.remove(&client);
        }
        was_there && !self.sessions.contains_key(&client)
    }

    /// Exactly these are connected to other nodes.
    pub fn set_elsewhere(&mut self, all: impl IntoIterator<Item = (ClientId, NodeId)>) {
        self.elsewhere = all.into_iter().collect();
        let sessions = &self.sessions;
        self.elsewhere.retain(|client, _| !sessions.contains_key(client));
    }

    /// Only these other nodes live; who was connected to another one is absent.
    pub fn nodes_live(&mut self, nodes: &BTreeSet<NodeId>) {
        self.elsewhere.retain(|_, node| nodes.contains(node));
    }

    /// How many are connected to another node.
    pub fn count_at(&self, node: NodeId) -> usize {
        self.elsewhere.values().filter(|there| **there == node).count()
    }

    /// Everybody who is connected to this node, with their sessions.
    pub fn here(&self) -> impl Iterator<Item = (ClientId, SessionId)> {
        self.sessions.iter().map(|(client, (session, _))| (*client, *session))
    }

    /// The session of `client` here and since when it holds.
    pub fn session(&self, client: ClientId) -> Option<(SessionId, Timestamp)> {
        self.sessions.get(&client).copied()
    }

    /// Whether `client` is connected.
    pub fn is_online(&self, client: ClientId) -> bool {
        self.sessions.contains_key(&client) || self.elsewhere.contains_key(&client)
    }

    /// Everybody who is connected.
    pub fn online(&self) -> BTreeSet<ClientId> {
        self.sessions.keys().chain(self.elsewhere.keys()).copied().collect()
    }

    /// How many are connected.
    pub fn count(&self) -> usize {
        self.sessions.len() + self.elsewhere.len()
    }

    /// How many are connected to this node.
    pub fn count_here(&self) -> usize {
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

    #[test]
    fn a_client_is_counted_once_wherever_it_is() {
        let [client, other] = [ClientId::from_bits(1), ClientId::from_bits(2)];
        let [ada, bob] = [NodeId::from_bits(1), NodeId::from_bits(2)];
        let session = SessionId::from_bits(1);
        let mut presence = Presence::new();
        presence.arrived_elsewhere(client, ada);
        presence.arrived_elsewhere(other, ada);
        presence.arrived_elsewhere(client, bob);
        assert!(!presence.left_elsewhere(client, ada), "it had moved on");
        assert_eq!((presence.count(), presence.count_at(bob)), (2, 1));
        presence.arrived(client, session, Timestamp::EPOCH);
        presence.arrived_elsewhere(client, bob);
        assert_eq!((presence.count(), presence.count_here()), (2, 1));
        presence.nodes_live(&BTreeSet::from([bob]));
        assert_eq!(presence.online(), BTreeSet::from([client]));
        presence.set_elsewhere([(client, bob), (other, bob)]);
        assert!(presence.left(client, session));
        assert_eq!(presence.online(), BTreeSet::from([other]));
        assert!(presence.left_elsewhere(other, bob));
    }
}
