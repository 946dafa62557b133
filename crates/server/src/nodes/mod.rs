//! This server as one node of several over one store.
//!
//! - `outbox` gathers what the other nodes are to be told; `herald` tells them and notes who came and
//!   went.
//! - `hearing` hears what they tell and carries it out here.
//! - `pulse` gives signs of life and knows the other nodes by theirs.
//! - `duties` holds leases, so that one node at a time admits, gives up and compacts.
//!
//! # Invariants
//!
//! - Nothing depends on an announcement for being right: whoever misses some reads the records.
//! - Whatever is announced was recorded before.
//! - What is heard is never announced again.
//!
//! An installation of one node runs the same tasks over ports in its own memory, and tells nobody.

pub(crate) mod duties;
pub(crate) mod hearing;
pub(crate) mod herald;
pub(crate) mod outbox;
pub(crate) mod pulse;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, HuntId, NodeId};
use fleet::nodes::{LiveNode, MemAnnouncements, MemNodes};
use fleet::{Announcements, LeaseStore, NodeStore};
use parking_lot::Mutex;
use tokio::sync::Notify;

use duties::Duties;
use outbox::Outbox;

/// What a server is given to be a node.
#[derive(Clone)]
pub struct NodeParts {
    /// Who has which duty.
    pub leases: Arc<dyn LeaseStore>,
    /// Which nodes live.
    pub nodes: Arc<dyn NodeStore>,
    /// News between them.
    pub announcements: Arc<dyn Announcements>,
    /// Whether there may be other nodes.
    pub several: bool,
    /// Its id; made when the server starts where it is left out.
    pub id: Option<NodeId>,
    /// Its name for people.
    pub name: String,
}

impl NodeParts {
    /// The only node, with duties in these records.
    pub fn alone(leases: Arc<dyn LeaseStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            leases,
            nodes: Arc::new(MemNodes::new(clock)),
            announcements: Arc::new(MemAnnouncements::new()),
            several: false,
            id: None,
            name: "this".to_owned(),
        }
    }

    /// The only node, with everything in memory.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self::alone(Arc::new(MemNodes::new(Arc::clone(&clock))), clock)
    }
}

/// How often a node gives signs of life and renews its leases, and for how long they last. A node that
/// was killed is given up after this life; one that is too slow for it loses its duties and its
/// clients' whereabouts, and takes them again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub(crate) beat: Duration,
    pub(crate) life: Duration,
}

/// With others that wait for this one's death.
const AMONG_OTHERS: Rhythm = Rhythm { beat: Duration::from_secs(2), life: Duration::from_secs(8) };
/// Nobody waits.
const ALONE: Rhythm = Rhythm { beat: Duration::from_secs(20), life: Duration::from_secs(120) };

/// This node.
pub(crate) struct Nodes {
    pub(crate) id: NodeId,
    pub(crate) parts: NodeParts,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) duties: Duties,
    pub(crate) rhythm: Rhythm,
    /// The other nodes that lived at the last sign of life.
    others: Mutex<BTreeSet<NodeId>>,
    /// Another node is gone; what it recorded last it may not have told.
    pub(crate) gap: Notify,
    /// How many clients other nodes have asked for each hunt.
    asked: Mutex<HashMap<HuntId, u64>>,
}

impl Nodes {
    pub(crate) fn new(id: NodeId, parts: NodeParts) -> Self {
        let outbox = Arc::new(Outbox::new(parts.several));
        let rhythm = if parts.several { AMONG_OTHERS } else { ALONE };
        let duties = Duties::new(Arc::clone(&parts.leases), id, rhythm);
        let (others, asked, gap) = (Mutex::default(), Mutex::default(), Notify::new());
        Self { id, parts, outbox, duties, rhythm, others, gap, asked }
    }

    /// How many clients other nodes have asked for a hunt and not heard of.
    pub(crate) fn asked_elsewhere(&self, hunt: HuntId) -> u64 {
        self.asked.lock().get(&hunt).copied().unwrap_or(0)
    }

    /// These other nodes live now. Whether one is gone that lived before.
    fn set_others(&self, live: &BTreeSet<NodeId>) -> bool {
        let mut others = self.others.lock();
        let gone = !others.is_subset(live);
        others.clone_from(live);
        gone
    }

    fn set_seen(&self, nodes: &[LiveNode]) {
        let mut asked = HashMap::new();
        for node in nodes.iter().filter(|node| node.beat.node.id != self.id) {
            for (hunt, count) in &node.beat.asked {
                *asked.entry(*hunt).or_insert(0) += count;
            }
        }
        *self.asked.lock() = asked;
    }
}
