//! Several servers over one store: which nodes live and who is connected to which, who has which
//! duty, and what nodes tell one another.
//!
//! # Why three ports
//!
//! A duty needs a record that a crash leaves behind ([`LeaseStore`]); being connected is true only as
//! long as a node lives ([`NodeStore`]); an announcement may be lost, because whoever misses some is
//! told so and reads the records again ([`Announcements`]). Nothing depends on an announcement for
//! being right, only for being quick.
//!
//! # Time
//!
//! Nodes' clocks differ. Leases and lives are measured by the store's own clock, and asked for as
//! stretches of time.
//!
//! # Not here
//!
//! The pieces of work of log hunts have leases of their own inside their ledger (`loghunt`): there are
//! thousands, each dies with its piece, and they are checked in the ledger's transaction.

mod memory;

use std::time::Duration;

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, NodeId, SessionId, Timestamp};
use model::duty::{Duty, Fence};
use model::store::StoreError;

pub use memory::{MemAnnouncements, MemNodes};

/// Remembers who has which duty.
///
/// # Contract
///
/// - A duty has at most one holder at any moment of the store's clock.
/// - The token grows by one each time that the duty goes to somebody else than its last holder, or
///   back to that one after its lease was over or given back; renewing keeps it.
/// - Tokens never fall, across restarts too.
/// - What carries an older [`Fence`] than the newest is refused by the ports that take one.
///
/// Every implementation runs `testkit::node_suite`.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Takes a duty that is free, or renews the own lease of it. `None` while another has it.
    async fn take(
        &self,
        duty: Duty,
        node: NodeId,
        life: Duration,
    ) -> Result<Option<Lease>, StoreError>;

    /// Gives a duty back; a fence that does not hold any more changes nothing.
    async fn give_back(&self, fence: Fence) -> Result<(), StoreError>;

    /// All leases that run now, by duty.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;
}

/// A duty in somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The duty with its token.
    pub fence: Fence,
    /// Who has it.
    pub node: NodeId,
    /// For how long it runs from the moment of the answer.
    pub left: Duration,
}

/// A node, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id, made when it started.
    pub id: NodeId,
    /// Its name for people.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// Where agents connect to.
    pub agents: String,
    /// Where people connect to.
    pub people: String,
    /// When it started, by its own clock.
    pub started: Timestamp,
}

/// A sign of life, with what only the node itself knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Who.
    pub node: Node,
    /// Agents that are connected to it.
    pub clients: u64,
    /// How many clients were asked for each hunt and have not answered.
    pub asked: Vec<(HuntId, u64)>,
}

/// A node that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNode {
    /// Its last sign of life.
    pub beat: Beat,
    /// How long that was ago.
    pub silent: Duration,
}

/// What a sign of life found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The node is known and its clients are.
    Known,
    /// It is new, or was given up meanwhile: it must say again who is connected to it.
    New,
}

/// Remembers which nodes live and who is connected to which.
///
/// # Contract
///
/// - A node lives for as long as its last sign of life said. One that does not is as if it had never
///   been: neither it nor its clients are seen by anybody.
/// - A client is connected to at most one node.
/// - Nothing here needs to be durable: nodes say it all again.
///
/// Every implementation runs `testkit::node_suite`.
#[async_trait]
pub trait NodeStore: Send + Sync {
    /// The node lives for `life` from now on.
    async fn beat(&self, beat: &Beat, life: Duration) -> Result<Standing, StoreError>;

    /// The node ends: it and its clients are forgotten.
    async fn leave(&self, node: NodeId) -> Result<(), StoreError>;

    /// All nodes that live, oldest id first.
    async fn nodes(&self) -> Result<Vec<LiveNode>, StoreError>;

    /// Notes who came to a node and who left it, in this order. The sessions on nodes that live which
    /// are over by that: to be closed by theirs.
    async fn moved(&self, node: NodeId, moves: &[Move]) -> Result<Vec<Displaced>, StoreError>;

    /// Who is connected to which node that lives.
    async fn whereabouts(&self) -> Result<Vec<(ClientId, NodeId)>, StoreError>;
}

/// Somebody came to a node or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// This session is the client's now, wherever it was before.
    Came(ClientId, SessionId),
    /// This session still is, unless the client is connected to another node that lives: then this
    /// session is over.
    Stayed(ClientId, SessionId),
    /// This session is over. Nothing happens when it is not the client's any more.
    Left(ClientId, SessionId),
}

/// A session that is over because its client is connected elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Displaced {
    /// On this node.
    pub node: NodeId,
    /// Whose.
    pub client: ClientId,
    /// Which.
    pub session: SessionId,
}

/// Carries news between nodes.
///
/// # Contract
///
/// - What is announced after [`listen`](Self::listen) returned is heard by that listener, in the order
///   in which one node announced it, or the listener hears [`Heard::Missed`] instead.
/// - A listener may hear what its own node announced.
/// - `announce` that returned `Ok` reached the carrier; a listener hears within a second while
///   everything is well.
///
/// Every implementation runs `testkit::node_suite`.
#[async_trait]
pub trait Announcements: Send + Sync {
    /// Tells all nodes.
    async fn announce(&self, from: NodeId, news: &[News]) -> Result<(), StoreError>;

    /// Listens from now on.
    fn listen(&self) -> Box<dyn Listener>;
}

/// Hears what is announced.
#[async_trait]
pub trait Listener: Send {
    /// The next thing that was announced. May be dropped while it waits; nothing is lost by that.
    async fn next(&mut self) -> Heard;
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something that a node announced.
    News(NodeId, News),
    /// Something may have been missed: read the records again.
    Missed,
}

/// Something that nodes tell one another. Only names: the records say the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The hunts that recruit or admit are others, or ask for something else.
    Hunts,
    /// There may be something to admit or to end.
    Manage,
    /// Something else is monitored.
    Monitoring,
    /// Other tools are kept.
    Tools,
    /// Flows wait for these clients.
    Waiting(Vec<ClientId>),
    /// These clients are to stop these flows.
    Cancelled(Vec<(ClientId, FlowId)>),
    /// These clients' labels or recheck marks changed.
    Changed(Vec<ClientId>),
    /// These clients were shut out.
    Revoked(Vec<ClientId>),
    /// These sessions are over.
    Displaced(Vec<Displaced>),
    /// These clients came to the node that says so.
    Came(Vec<ClientId>),
    /// These clients left the node that says so.
    Left(Vec<ClientId>),
    /// These records changed, for people who look.
    Touched(Vec<Touch>),
    /// So much changed that people who look should fetch everything again.
    TouchedMuch,
}

/// A record that people may be looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// A hunt, or one of its members.
    Hunt(HuntId),
    /// A flow, or its rows.
    Flow(FlowId),
    /// A client.
    Client(ClientId),
    /// Log hunts.
    Log,
}
