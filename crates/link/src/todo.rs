//! What the driver of an agent's session must do, and why a session is over.

use base::FlowId;
use model::results::AttemptId;
use wire::{AskedCheck, BadFrame, FlowRequest, Monitoring};

use crate::ports::Bookmark;

/// What the driver of a session must do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Do {
    /// Send this frame.
    Send(Vec<u8>),
    /// Evaluate client queries, then call [`AgentSession::on_answer`].
    RunCheck(AskedCheck),
    /// Put this request on disk, then call [`AgentSession::on_receipt`].
    AcceptFlow(AttemptId, FlowRequest),
    /// Stop every attempt of this flow.
    CancelFlow(FlowId),
    /// The server will not take what this attempt reports; evaluating on is in vain.
    GiveUp(AttemptId, String),
    /// Forget all reports up to this one.
    Acknowledge(u64),
    /// Keep this bookmark on disk.
    SaveBookmark(Bookmark),
    /// The labels that the server gave this client.
    SetLabels(Vec<String>),
    /// Keep on disk what to monitor and monitor it, then call
    /// [`AgentSession::on_monitoring_kept`].
    Monitor(Monitoring),
    /// For the log: the server said something odd that does not matter.
    Note(String),
    /// The session is over; nothing more will be sent.
    End(Ending),
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The server said so.
    Asked {
        /// For the log.
        reason: String,
        /// Seconds to wait before the next try; 0 leaves it to the agent.
        retry_secs: u32,
    },
    /// The server said so, and that the client must not come back.
    ForEver {
        /// For the log.
        reason: String,
    },
    /// The server broke the protocol.
    Broken(BadFrame),
    /// The server speaks a protocol that this agent does not know.
    TooNew {
        /// The server's version.
        protocol: u32,
    },
    /// The server did not answer in time.
    Silent,
}
