//! Duties, signs of life and news between nodes, as one node reaches them: a node that stands still gives
//! no sign of life and renews nothing, so others take what it held.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{ClientId, NodeId};
use fleet::nodes::{
    Announcements, Beat, Displaced, Lease, LeaseStore, Listener, LiveNode, MemAnnouncements,
    MemNodes, Move, News, NodeStore, Standing,
};
use model::duty::{Duty, Fence};
use model::store::StoreError;

use super::luck::NodeLuck;

/// What nodes share besides the records.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) nodes: Arc<MemNodes>,
    pub(crate) news: Arc<MemAnnouncements>,
}

/// The same behind the luck of one node.
pub(crate) struct Reached {
    pub(crate) shared: Shared,
    pub(crate) luck: NodeLuck,
}

#[async_trait]
impl LeaseStore for Reached {
    async fn take(
        &self,
        duty: Duty,
        node: NodeId,
        life: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        self.luck.change(self.shared.nodes.take(duty, node, life)).await
    }

    async fn give_back(&self, fence: Fence) -> Result<(), StoreError> {
        self.luck.change(self.shared.nodes.give_back(fence)).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.shared.nodes.leases().await
    }
}

#[async_trait]
impl NodeStore for Reached {
    async fn beat(&self, beat: &Beat, life: Duration) -> Result<Standing, StoreError> {
        self.luck.change(self.shared.nodes.beat(beat, life)).await
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        self.luck.change(self.shared.nodes.leave(node)).await
    }

    async fn nodes(&self) -> Result<Vec<LiveNode>, StoreError> {
        self.luck.read().await?;
        self.shared.nodes.nodes().await
    }

    async fn moved(&self, node: NodeId, moves: &[Move]) -> Result<Vec<Displaced>, StoreError> {
        self.luck.change(self.shared.nodes.moved(node, moves)).await
    }

    async fn whereabouts(&self) -> Result<Vec<(ClientId, NodeId)>, StoreError> {
        self.luck.read().await?;
        self.shared.nodes.whereabouts().await
    }
}

#[async_trait]
impl Announcements for Reached {
    async fn announce(&self, from: NodeId, news: &[News]) -> Result<(), StoreError> {
        self.luck.change(self.shared.news.announce(from, news)).await
    }

    fn listen(&self) -> Box<dyn Listener> {
        self.shared.news.listen()
    }
}
