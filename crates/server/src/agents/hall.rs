//! Who is connected, what was asked of whom, and how a connected agent is told something.
//!
//! # Invariants
//! - A client has one current session; a newer one closes the older.
//! - An agent that does not take what it is told is disconnected: when it comes back, the records
//!   say what it missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base::{ClientId, FlowId, HuntId, SessionId, Timestamp};
use fleet::nodes::Move;
use fleet::presence::Presence;
use hunts::asked::{Asked, AskedLedger};
use hunts::foreman::{Foreman, Newer};
use model::flow::Flow;
use model::monitoring::MonitoringTable;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::notice::Notice;
use crate::collect::Collector;
use crate::monitoring::WhatIsMonitored;
use crate::nodes::outbox::Outbox;

/// How many things may wait for one agent.
const WAITING_MAX: usize = 64;

/// Something to tell an agent.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // always boxed, see `Ears`
pub(crate) enum Tell {
    /// Collect this.
    Flow(Flow),
    /// Stop that.
    Cancel(FlowId),
    /// Its labels changed.
    Recheck {
        /// The new mark.
        mark: u64,
        /// All its labels.
        labels: Vec<String>,
    },
    /// Its certificate was revoked.
    Revoked,
}

/// The server's end of what an agent is told.
pub(crate) struct Ears {
    /// Which session this is.
    pub(crate) session: SessionId,
    /// What it is told. Boxed, so that the channel of an idle agent is small.
    pub(crate) told: mpsc::Receiver<Box<Tell>>,
    /// Set when the session is to end without a word.
    pub(crate) closed: CancellationToken,
    /// When the agent was last heard of, in microseconds.
    heard: Arc<AtomicI64>,
}

impl Ears {
    /// The agent was heard.
    pub(crate) fn heard_at(&self, now: Timestamp) {
        self.heard.store(now.as_micros(), Ordering::Relaxed);
    }
}

struct Mouth {
    session: SessionId,
    tell: mpsc::Sender<Box<Tell>>,
    closed: CancellationToken,
    heard: Arc<AtomicI64>,
}

/// Everything about connected agents that is kept in memory only.
pub(crate) struct Hall {
    foreman: watch::Sender<Arc<Foreman>>,
    /// Who was told of its news.
    pub(crate) notice: Notice,
    /// The same news for who must be woken in the order in which he came, which a watch does not promise.
    pub(crate) news: Notify,
    monitored: Mutex<Arc<WhatIsMonitored>>,
    presence: Mutex<Presence>,
    mouths: Mutex<HashMap<ClientId, Mouth>>,
    asked: Mutex<AskedLedger>,
    /// What other nodes are told.
    outbox: Arc<Outbox>,
}

impl Hall {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            foreman: watch::Sender::new(Arc::new(Foreman::default())),
            notice: Notice::new(),
            news: Notify::new(),
            monitored: Mutex::default(),
            presence: Mutex::new(Presence::new()),
            mouths: Mutex::default(),
            asked: Mutex::new(AskedLedger::new()),
            outbox,
        }
    }

    /// The foreman as it is now.
    pub(crate) fn foreman(&self) -> Arc<Foreman> {
        Arc::clone(&self.foreman.borrow())
    }

    /// The foreman, and to be woken when there is a newer one.
    pub(crate) fn watch_foreman(&self) -> watch::Receiver<Arc<Foreman>> {
        self.foreman.subscribe()
    }

    pub(crate) fn set_foreman(&self, foreman: Foreman) {
        if foreman.newest() > self.foreman.borrow().newest() {
            self.notice.begin(self.foreman.receiver_count());
        }
        self.foreman.send_replace(Arc::new(foreman));
        self.news.notify_waiters();
    }

    /// What is monitored as it is now.
    pub(crate) fn monitored(&self) -> Arc<WhatIsMonitored> {
        Arc::clone(&self.monitored.lock())
    }

    /// What is monitored has changed. Sessions are woken as by a newer foreman: one watch is enough for
    /// what changes seldom, and costs an idle agent nothing more.
    pub(crate) fn set_monitoring(&self, table: &MonitoringTable, collector: &Collector) {
        let mut monitored = self.monitored.lock();
        let generation = monitored.generation + 1;
        *monitored = Arc::new(WhatIsMonitored::new(table, collector, generation));
        drop(monitored);
        self.foreman.send_modify(|_| {});
        self.news.notify_waiters();
    }

    /// `client` is connected. An older session of it ends.
    pub(crate) fn arrived(&self, client: ClientId, session: SessionId, now: Timestamp) -> Ears {
        let (tell, told) = mpsc::channel(WAITING_MAX);
        let closed = CancellationToken::new();
        let heard = Arc::new(AtomicI64::new(now.as_micros()));
        let mouth = Mouth { session, tell, closed: closed.clone(), heard: Arc::clone(&heard) };
        let mut mouths = self.mouths.lock();
        self.presence.lock().arrived(client, session, now);
        if let Some(older) = mouths.insert(client, mouth) {
            older.closed.cancel();
        }
        self.outbox.moved(Move::Came(client, session));
        Ears { session, told, closed, heard }
    }

    /// A session has ended. Whether its client is absent now.
    pub(crate) fn left(&self, client: ClientId, session: SessionId) -> bool {
        let mut mouths = self.mouths.lock();
        if mouths.get(&client).is_some_and(|mouth| mouth.session == session) {
            mouths.remove(&client);
            self.asked.lock().forget(client);
        }
        let left = self.presence.lock().left(client, session);
        if left {
            self.outbox.moved(Move::Left(client, session));
        }
        left
    }

    /// The client of a session is connected to another node: the session ends without a word. Whether
    /// there was such a session.
    pub(crate) fn displaced(&self, client: ClientId, session: SessionId) -> bool {
        let mut mouths = self.mouths.lock();
        if mouths.get(&client).is_none_or(|mouth| mouth.session != session) {
            return false;
        }
        if let Some(mouth) = mouths.remove(&client) {
            mouth.closed.cancel();
        }
        self.asked.lock().forget(client);
        self.presence.lock().left(client, session)
    }

    /// Tells a client something, wherever it is connected. Whether it is here.
    pub(crate) fn tell(&self, client: ClientId, what: Tell) -> bool {
        if self.presence.lock().session(client).is_none() {
            self.outbox.tell(client, &what);
            return false;
        }
        self.tell_here(client, what)
    }

    /// Tells a client something, if it is connected to this node. Whether it is.
    pub(crate) fn tell_here(&self, client: ClientId, what: Tell) -> bool {
        let mouths = self.mouths.lock();
        let Some(mouth) = mouths.get(&client) else { return false };
        match mouth.tell.try_send(Box::new(what)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                mouth.closed.cancel();
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Closes sessions that were silent for too long. Their clients are returned.
    pub(crate) fn close_silent(&self, now: Timestamp, silence: Duration) -> Vec<ClientId> {
        let limit = now.minus(silence).as_micros();
        let mut silent: Vec<(ClientId, SessionId, CancellationToken)> = self
            .mouths
            .lock()
            .iter()
            .filter(|(_, mouth)| mouth.heard.load(Ordering::Relaxed) < limit)
            .map(|(client, mouth)| (*client, mouth.session, mouth.closed.clone()))
            .collect();
        // The order of a hash map is chance.
        silent.sort_by_key(|(client, ..)| *client);
        let mut gone = Vec::new();
        for (client, session, closed) in silent {
            closed.cancel();
            if self.left(client, session) {
                gone.push(client);
            }
        }
        gone
    }

    /// Who is connected.
    pub(crate) fn presence<T>(&self, read: impl FnOnce(&Presence) -> T) -> T {
        read(&self.presence.lock())
    }

    /// Something was learned of who is connected to other nodes.
    pub(crate) fn change_presence<T>(&self, change: impl FnOnce(&mut Presence) -> T) -> T {
        change(&mut self.presence.lock())
    }

    /// Notes a question; returns its name.
    pub(crate) fn ask(&self, client: ClientId, newer: &Newer) -> u64 {
        self.asked.lock().ask(client, newer)
    }

    /// What was asked under this name and is not answered yet.
    pub(crate) fn asked(&self, client: ClientId, check: u64) -> Option<Asked> {
        self.asked.lock().find(client, check).cloned()
    }

    /// Whether a client was asked something and has not answered.
    pub(crate) fn has_question(&self, client: ClientId) -> bool {
        self.asked.lock().has(client)
    }

    /// A question was answered.
    pub(crate) fn answered(&self, client: ClientId) {
        self.asked.lock().forget(client);
    }

    /// How many this node has asked for each hunt that have not answered.
    pub(crate) fn asked_here(&self) -> Vec<(HuntId, u64)> {
        self.asked.lock().counts()
    }

    /// How many were asked for a hunt and have not answered.
    pub(crate) fn asked_count(&self, hunt: HuntId) -> u64 {
        self.asked.lock().count(hunt)
    }

    /// Whether a client was asked for a hunt and has not answered.
    pub(crate) fn is_asked(&self, client: ClientId, hunt: HuntId) -> bool {
        self.asked.lock().is_asked(client, hunt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: ClientId = ClientId::from_bits(1);

    fn session(bits: u128) -> SessionId {
        SessionId::from_bits(bits)
    }

    #[test]
    fn a_newer_session_closes_the_older_and_stays_when_that_ends() {
        let hall = Hall::new(Arc::new(Outbox::new(false)));
        let older = hall.arrived(CLIENT, session(1), Timestamp::EPOCH);
        let mut newer = hall.arrived(CLIENT, session(2), Timestamp::EPOCH);
        assert!(older.closed.is_cancelled() && !newer.closed.is_cancelled());
        assert!(!hall.left(CLIENT, session(1)));
        assert!(hall.tell(CLIENT, Tell::Revoked));
        assert!(newer.told.try_recv().is_ok());
        assert!(hall.left(CLIENT, session(2)));
        assert!(!hall.tell(CLIENT, Tell::Revoked));
    }

    #[test]
    fn an_agent_that_does_not_listen_is_disconnected() {
        let hall = Hall::new(Arc::new(Outbox::new(false)));
        let ears = hall.arrived(CLIENT, session(1), Timestamp::EPOCH);
        let told = (0..100).filter(|_| hall.tell(CLIENT, Tell::Revoked)).count();
        assert_eq!(told, WAITING_MAX);
        assert!(ears.closed.is_cancelled());
    }

    #[test]
    fn silence_ends_a_session() {
        let hall = Hall::new(Arc::new(Outbox::new(false)));
        let ears = hall.arrived(CLIENT, session(1), Timestamp::EPOCH);
        ears.heard_at(Timestamp::from_secs(50));
        let at = Timestamp::from_secs;
        assert!(hall.close_silent(at(100), Duration::from_secs(60)).is_empty());
        assert_eq!(hall.close_silent(at(111), Duration::from_secs(60)), [CLIENT]);
        assert!(ears.closed.is_cancelled());
    }
}
