//! Who wants to know of changes, and what has changed.
//!
//! Whoever changes a record touches it here; each listener gathers what was touched for a quarter of
//! a second and then reads the records once. A listener that cannot keep up is told to fetch
//! everything again.

use std::sync::Arc;

use base::{ClientId, FlowId, HuntId};
use fleet::nodes::Touch;
use tokio::sync::broadcast;

use crate::nodes::outbox::Outbox;

/// What may wait for a slow listener.
const WAITING_MAX: usize = 4_096;

/// Something that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// A hunt, or one of its members.
    Hunt(HuntId),
    /// A flow, or its rows.
    Flow(FlowId),
    /// A client.
    Client(ClientId),
    /// Streams, windows or findings of log hunts.
    Log,
    /// So much that everything should be fetched again.
    Much,
}

/// Tells listeners what has changed.
pub struct Live {
    sender: broadcast::Sender<Touched>,
    /// What other nodes are told.
    outbox: Arc<Outbox>,
}

impl Live {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { sender: broadcast::Sender::new(WAITING_MAX), outbox }
    }

    /// Something changed by this node. Costs next to nothing while nobody listens.
    pub(crate) fn touch(&self, touched: Touched) {
        match touched {
            Touched::Hunt(hunt) => self.outbox.touch(Touch::Hunt(hunt)),
            Touched::Flow(flow) => self.outbox.touch(Touch::Flow(flow)),
            // Who came and went is told apart; what else changes of a client is worth a look too.
            Touched::Client(client) => self.outbox.touch(Touch::Client(client)),
            Touched::Log => self.outbox.touch(Touch::Log),
            Touched::Much => {}
        }
        self.touch_here(touched);
    }

    /// Something changed, perhaps by another node.
    pub(crate) fn touch_here(&self, touched: Touched) {
        // An error means that nobody listens.
        let _ = self.sender.send(touched);
    }

    /// So much changed, or was missed, that listeners should fetch everything again.
    pub(crate) fn missed(&self) {
        self.touch_here(Touched::Much);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Touched> {
        self.sender.subscribe()
    }
}
