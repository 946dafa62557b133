//! What `GET /events` pushes: at most four times a second, only what changed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::QueueCounts;

/// One server-sent event; the event's name is `change`, its data this.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LiveEvent {
    /// A hunt's state or counters moved.
    Hunt {
        /// `H.…`
        id: String,
        /// Its state.
        state: String,
        /// Its revision.
        revision: u32,
        /// Its queues.
        counts: QueueCounts,
        /// Rows of finished clients.
        rows: u64,
    },
    /// A flow's state moved, or rows of it arrived.
    Flow {
        /// `F.…`
        id: String,
        /// `C.…`
        client: String,
        /// Its state.
        state: String,
        /// Rows so far.
        rows: u64,
    },
    /// A client came, went or was relabelled.
    Client {
        /// `C.…`
        id: String,
        /// Connected now.
        online: bool,
    },
    /// Streams, windows or findings of log hunts moved: fetch again what is shown of them.
    Log {},
    /// Too much changed at once to be told one by one: fetch again what is shown.
    Missed {},
}
