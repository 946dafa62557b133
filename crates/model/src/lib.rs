//! The nouns of Lycaon and their lives: client, flow, hunt, member, and the words for what is
//! collected. Each state is an enum with one transition function beside it; nobody else moves it.
//!
//! Knows no I/O, no async, no serialisation. How a noun is kept belongs to the stores, how it is
//! said to `wire` and `api`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod artifact;
pub mod bounds;
pub mod client;
pub mod collect;
pub mod duty;
pub mod flow;
pub mod hunt;
pub mod lineage;
pub mod log;
pub mod member;
pub mod monitoring;
pub mod org;
pub mod results;
pub mod retry;
pub mod store;
pub mod tool;
pub mod window;
