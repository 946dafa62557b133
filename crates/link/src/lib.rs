//! The session between agent and server, without sockets: what is said when, in which order things
//! are acknowledged, what is sent again after a loss, and how long to wait before the next try.
//!
//! Pure: frames and moments go in, frames and wishes come out. The ports [`Outbox`] and
//! [`Bookmarks`] are what the agent's disk must do; their in-memory twins are here too.
//!
//! # Invariants
//! - **L1** reports leave in the order of their numbers, without gaps, and never more than
//!   [`wire::OUTSTANDING_BYTES_MAX`] bytes of them wait for an acknowledgement.
//! - **L2** a report leaves the outbox only after the server has acknowledged or rejected it.
//! - **L3** the cursor moves only by a `CursorAck`, under the recheck mark under which the agent asks
//!   or was asked.
//! - **L4** every session ends or makes progress: bad bytes end it with a reason, silence ends it
//!   after a bounded time.
//!
//! # Not here
//!
//! Sockets, disks and tasks belong to `agent`, `server` and `spool`; what a report means for a flow
//! to `flows`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod agent_session;
mod answer;
mod backoff;
mod memory;
mod ports;
mod receipts;
mod server_session;
mod todo;

pub use agent_session::{AgentSession, ReadFrom, Setup};
pub use answer::answer_frames;
pub use backoff::{reconnect_after, reconnect_when_asked};
pub use memory::{MemBookmarks, MemOutbox};
pub use ports::{
    Admission, Bookmark, Bookmarks, Census, HeldFlow, Outbox, OutboxError, StoredReport,
};
pub use server_session::{Heard, ServerSession};
pub use todo::{Do, Ending};
