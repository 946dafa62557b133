//! A typed client of the HTTP API: one method per endpoint of `api`.
//!
//! Knows how a request travels (address, token, certificates, limits of time) and how an answer that
//! is an error becomes an [`ApiError`]. Decides nothing about what is asked.
//!
//! # Invariants
//!
//! - A client never follows a redirect to another origin: a token goes to the server it belongs to.
//! - Every failure says which server was asked.
//!
//! # Not here
//!
//! Where a token is kept, and how an answer is printed: the programs.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod calls;
mod error;
mod events;
mod log_calls;
mod transport;

pub use error::ApiError;
pub use events::Events;
pub use log_calls::StreamPlace;
pub use transport::{Client, Connection};
