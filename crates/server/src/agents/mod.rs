//! The agents' side: listener, enrolment, sessions over WebSocket and over HTTP, what is done with
//! what agents say.
//!
//! # Invariants
//! - Who an agent is follows from its certificate's key alone, compared with the whole hash in the
//!   record; nothing that it says changes that.
//! - A poll of an agent that is up to date touches no store.
//! - A report is acknowledged after its effect is durable, or rejected with a logged reason.
//! - Whatever an agent sends, the worst that follows is the end of its own session.

pub(crate) mod checks;
pub(crate) mod dialogue;
pub mod direct;
mod enrol;
pub(crate) mod gate;
pub(crate) mod hall;
pub(crate) mod handshakes;
pub(crate) mod hush;
mod intake;
pub(crate) mod listen;
mod notice;
mod pace;
mod poll;
mod reports;
pub(crate) mod routes;
mod socket;
mod tools;

pub use gate::{Gate, GateLimits};
