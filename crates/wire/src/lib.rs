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
//! | `CheckAnswer` | `Check` without a poll: newer offers exist, when `Hello.takes_checks` |
//! | polls | `HuntsChanged`: newer offers exist, or labels changed |
//! | `FlowReceipt` | `FlowRequest` |
//! | `Report` (numbered: rows, log, upload parts, status) | `ReportAck`, after it is durable |
//! | `FlowStopped` is the `Status` report | `FlowCancel` |
//! | keeps it and runs it, connected or not | `Monitoring`: what to monitor from now on |
//!
//! # Rules that both sides rely on
//!
//! - **Reports.** Within one connection an agent sends its reports in the order of their numbers,
//!   without gaps, beginning after `Hello.acknowledged`. The server keeps no report
//!   number across connections: what a report means is decided by flow, attempt, source and batch
//!   number, so a server or an agent that was restored from a backup cannot get stuck. A report that
//!   makes no sense, or belongs to no live attempt, is acknowledged as rejected.
//! - **Requests.** A request may be sent again at any time; the agent answers every one with a
//!   receipt, or at once with the `Status` of an attempt that has ended meanwhile; it runs each attempt
//!   once, and sends the `Status` of one that is over again. A request for a newer attempt of a flow
//!   ends the older one.
//! - **Cursor.** The agent adopts exactly the cursor of a `CursorAck` that answers a poll or an
//!   answer of its own, also when it is lower. A client whose recheck mark differs polls with
//!   cursor 0.
//! - **Parts.** Rows of a check that do not fit one frame come in several `CheckAnswer`s, all but the
//!   last with `more`. The server may decide each part as it comes and acknowledges the last.
//!
//! - **Monitoring.** `Hello.monitoring` says that the agent can monitor, and by its id what it monitors
//!   now. The server sends `Monitoring` after a `Hello`, or any time later, when that is not what it
//!   wants. Batches of a monitored source are numbered within a run, which the agent names anew each
//!   time it starts the source; the name stands where other reports name their attempt.
//!
//! # Enrolment
//!
//! `POST` [`ENROL_PATH`] without a client certificate; the body is one [`EnrolRequest`], the answer's
//! one [`EnrolReply`], whatever the status. 200: accepted. 4xx with `refused`: the agent logs the
//! reason and stops, except 429 and every 5xx: it tries again later.
//!
//! # HTTP fallback
//!
//! `POST` [`POLL_PATH`] with the client certificate. Every body begins with `Hello` and is a session
//! of its own: the answer is a sequence of frames that begins with `Welcome`, acknowledges the
//! reports of the body and ends with whatever the server has to say now (requests, cancellations, a
//! `Check`). When that is nothing, and the body had nothing but `Hello` and `Poll`, the server may
//! hold the answer for `hold_secs`, until there is something. A `CheckAnswer` may come in a later
//! body than the poll that caused the check.
//!
//! # Not here
//!
//! When something is sent again belongs to `link`; what is kept on disk to `spool`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod agent_said;
mod bad;
mod batch;
mod collection;
mod frames;
mod ids;
mod limits;
mod monitoring;
mod sequence;
mod server_said;
mod window;

pub use agent_said::{
    AgentAnswer, AgentHello, AgentReport, AgentSaid, AttemptEnd, AttemptOutcome, CheckFailure,
    FilePart, OfferAnswer, Reported, SourceTotal, read_agent_frame,
};
pub use bad::BadFrame;
pub use batch::{check_row, pack_rows, unpack_rows};
pub use frames::*;
pub use ids::{OfferId, attempt_of, flow_bytes, flow_from_bytes};
pub use limits::*;
pub use monitoring::{log_event, monitored, monitoring_limits, pack_events};
pub use sequence::{append_encoded, append_frame, report_frame, split_frames};
pub use server_said::{AskedCheck, AskedQuery, ServerSaid, limits_of, read_server_frame};
pub use window::{Window, WindowDone};
