//! The ports of nodes in memory: for an installation of one node, where nothing of it has to outlive
//! the process, and for several nodes in one process in tests.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use base::{ClientId, Clock, NodeId, SessionId, Timestamp};
use model::duty::{Duty, Fence};
use model::store::StoreError;
use parking_lot::Mutex;

use super::{
    Announcements, Beat, Displaced, Heard, Lease, LeaseStore, Listener, LiveNode, Move, News, Node,
    NodeStore, Standing,
};

/// What may wait for a listener before it is told that it missed something.
const WAITING_MAX: usize = 4_096;

/// Nodes, their clients and their duties in memory.
pub struct MemNodes {
    clock: Arc<dyn Clock>,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    leases: BTreeMap<Duty, Held>,
    nodes: BTreeMap<NodeId, Living>,
    clients: BTreeMap<ClientId, (NodeId, SessionId)>,
}

struct Held {
    token: u64,
    node: NodeId,
    until: Timestamp,
}

struct Living {
    beat: Beat,
    heard: Timestamp,
    until: Timestamp,
}

impl MemNodes {
    /// Nobody lives yet. Leases and lives are measured by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, records: Mutex::default() }
    }
}

impl Records {
    /// Forgets the nodes that do not live at `now`.
    fn bury(&mut self, now: Timestamp) {
        self.nodes.retain(|_, living| now < living.until);
        let nodes = &self.nodes;
        self.clients.retain(|_, (node, _)| nodes.contains_key(node));
    }
}

#[async_trait]
impl LeaseStore for MemNodes {
    async fn take(
        &self,
        duty: Duty,
        node: NodeId,
        life: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        let held = records.leases.entry(duty).or_insert(Held { token: 0, node, until: now });
        if now < held.until && held.node != node {
            return Ok(None);
        }
        let token = held.token + u64::from(now >= held.until);
        *held = Held { token, node, until: now.plus(life) };
        Ok(Some(Lease { fence: Fence { duty, token }, node, left: life }))
    }

    async fn give_back(&self, fence: Fence) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        if let Some(held) = records.leases.get_mut(&fence.duty)
            && held.token == fence.token
        {
            held.until = held.until.min(now);
        }
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let now = self.clock.now();
        let records = self.records.lock();
        let running = records.leases.iter().filter(|(_, held)| now < held.until);
        Ok(running
            .map(|(duty, held)| Lease {
                fence: Fence { duty: *duty, token: held.token },
                node: held.node,
                left: held.until.since(now),
            })
            .collect())
    }
}

#[async_trait]
impl NodeStore for MemNodes {
    async fn beat(&self, beat: &Beat, life: Duration) -> Result<Standing, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        records.bury(now);
        let Node { id, .. } = beat.node;
        let living = Living { beat: beat.clone(), heard: now, until: now.plus(life) };
        Ok(match records.nodes.insert(id, living) {
            Some(_) => Standing::Known,
            None => Standing::New,
        })
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        records.nodes.remove(&node);
        records.bury(now);
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<LiveNode>, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        records.bury(now);
        let told = |living: &Living| LiveNode {
            beat: living.beat.clone(),
            silent: now.since(living.heard),
        };
        Ok(records.nodes.values().map(told).collect())
    }

    async fn moved(&self, node: NodeId, moves: &[Move]) -> Result<Vec<Displaced>, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        records.bury(now);
        let mut displaced = Vec::new();
        for step in moves {
            match *step {
                Move::Came(client, session) => {
                    let before = records.clients.insert(client, (node, session));
                    if let Some((other, session)) = before.filter(|(other, _)| *other != node) {
                        displaced.push(Displaced { node: other, client, session });
                    }
                }
                Move::Stayed(client, session) => match records.clients.get(&client) {
                    Some((other, _)) if *other != node => {
                        displaced.push(Displaced { node, client, session });
                    }
                    Some(_) | None => {
                        records.clients.insert(client, (node, session));
                    }
                },
                Move::Left(client, session) => {
                    if records.clients.get(&client) == Some(&(node, session)) {
                        records.clients.remove(&client);
                    }
                }
            }
        }
        Ok(displaced)
    }

    async fn whereabouts(&self) -> Result<Vec<(ClientId, NodeId)>, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        records.bury(now);
        Ok(records.clients.iter().map(|(client, (node, _))| (*client, *node)).collect())
    }
}

/// Carries news within one process.
#[derive(Default)]
pub struct MemAnnouncements {
    ears: Mutex<Vec<Weak<Mutex<Ear>>>>,
}

#[derive(Default)]
struct Ear {
    waiting: VecDeque<Heard>,
    waker: Option<Waker>,
}

impl MemAnnouncements {
    /// Nobody listens yet.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Announcements for MemAnnouncements {
    async fn announce(&self, from: NodeId, news: &[News]) -> Result<(), StoreError> {
        self.ears.lock().retain(|ear| {
            let Some(ear) = ear.upgrade() else { return false };
            let mut ear = ear.lock();
            for news in news {
                if ear.waiting.len() >= WAITING_MAX {
                    ear.waiting.clear();
                    ear.waiting.push_back(Heard::Missed);
                }
                ear.waiting.push_back(Heard::News(from, news.clone()));
            }
            if let Some(waker) = ear.waker.take() {
                waker.wake();
            }
            true
        });
        Ok(())
    }

    fn listen(&self) -> Box<dyn Listener> {
        let ear = Arc::new(Mutex::new(Ear::default()));
        self.ears.lock().push(Arc::downgrade(&ear));
        Box::new(MemListener { ear })
    }
}

struct MemListener {
    ear: Arc<Mutex<Ear>>,
}

#[async_trait]
impl Listener for MemListener {
    async fn next(&mut self) -> Heard {
        poll_fn(|context| {
            let mut ear = self.ear.lock();
            match ear.waiting.pop_front() {
                Some(heard) => Poll::Ready(heard),
                None => {
                    ear.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
