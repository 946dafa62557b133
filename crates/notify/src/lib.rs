//! Findings to the world: signed webhooks, Slack, syslog, files; in our own form, OCSF and ECS.
//!
//! - [`open`] turns a channel's definition into a [`loghunt::channel::Channel`].
//! - `form` is what a finding looks like: our own JSON, OCSF's Detection Finding, ECS.
//! - `webhook`, `slack`, `syslog` and `file` are the ways.
//!
//! # Invariants
//!
//! - **NO-1** A channel says `Ok` only when the receiver has the message: a 2xx status, bytes taken by a
//!   stream that then closed in order, a line synced to disk. UDP cannot tell; its channel says so in docs.
//! - **NO-2** No secret, and no URL that is one, appears in an error.
//!
//! # Not here
//!
//! When something is sent and sent again: `loghunt::channel`, and the loop in `scheduler`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod file;
mod form;
mod http;
mod open;
mod slack;
mod syslog;
mod webhook;

pub use form::render;
pub use open::{NotOpened, open};
pub use webhook::{SIGNATURE_HEADER, signature};
