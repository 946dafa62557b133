//! Who wants to know of changes, and what has changed.
//!
//! Whoever changes a record touches it here; each listener gathers what was touched for a quarter of
//! a second and then reads the records once. A listener that cannot keep up is told to fetch
//! everything again.

use base::{ClientId, FlowId, HuntId};
use tokio::sync::broadcast;

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
}

/// Tells listeners what has changed.
pub struct Live {
    sender: broadcast::Sender<Touched>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(WAITING_MAX) }
    }

    /// Something changed. Costs next to nothing while nobody listens.
    pub(crate) fn touch(&self, touched: Touched) {
        // An error means that nobody listens.
        let _ = self.sender.send(touched);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Touched> {
        self.sender.subscribe()
    }
}
