//! Who is asked, how fast, and when to stop.
//!
//! - [`foreman`] knows the active hunts and tells a polling client which are new to it.
//! - [`decide`] turns a client's answers into decisions; [`condition`] holds the rules over the
//!   server's own record and the port of the VQL condition.
//! - [`admission`] says how many may start now: rate, limits, ceiling, fair share.
//! - [`bounds`] says when a hunt ends by itself and whom its canaries hold back; [`rounds`] when a
//!   recurring hunt asks again.
//! - [`life`] is how events and edits move a hunt, [`membership`] how decisions and flows move the records of members.
//! - [`roster`] is what people do to a hunt's members by hand, [`erasure`] how a hunt goes away.
//! - [`preview`] counts whom a hunt would ask, [`why`] says why a client is or is not in one.
//! - [`ports`] are the records of hunts and members; [`memory`] keeps them in memory.
//! - [`steer`] reads ports, asks those decisions and writes ports; servers and the simulation call
//!   it.
//!
//! # Not here
//!
//! Running flows and their results (`flows`), evaluating VQL (`server`), frames and sockets.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod admission;
pub mod asked;
pub mod bounds;
pub mod condition;
pub mod decide;
pub mod erasure;
#[cfg(test)]
mod examples;
pub mod foreman;
pub mod life;
pub mod membership;
pub mod memory;
pub mod ports;
pub mod preview;
pub mod roster;
pub mod rounds;
pub mod steer;
pub mod why;

pub use condition::ConditionJudge;
pub use erasure::EraseStore;
pub use ports::{AdmissionStore, HuntStore, MemberStore};
pub use roster::RosterStore;
