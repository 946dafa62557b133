//! What agent and server say to each other: frames, their numbers, and their limits.
//!
//! A frame is one protobuf message. Over a WebSocket each binary message is one frame; over
//! HTTP a body is a sequence of length-delimited frames. Field numbers are a promise: they are
//! added, never changed or used again, and unknown fields are skipped, so that agents and servers
//! of different age understand each other.
//!
//! # Conversation
//!
//! | agent | server |
//! |---|---|
//! | `Hello` (facts, cursor, live attempts) | `Welcome` (limits) |
//! | `ForemanPoll` (cursor) | `Check` when there are newer offers, else `CursorAck` with the same cursor |
//! | `CheckAnswer` | `CursorAck` (the snapshot's maximum), after the decisions are durable |
//! | | `HuntsChanged`: newer offers exist, poll now |
//! | `FlowReceipt` | `FlowRequest` |
//! | `Report` (numbered: rows, log, upload parts, status) | `ReportAck`, after it is durable |
//! | `FlowStopped` is the `Status` report | `FlowCancel` |
//!
//! # Not here
//!
//! When something is sent again belongs to `link`; what is kept on disk to `spool`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod frames;
mod limits;

pub use frames::*;
pub use limits::*;
