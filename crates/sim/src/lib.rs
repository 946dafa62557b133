//! Hunts, fleet and agents on one virtual clock and one seed. Never shipped.
//!
//! [`estate`] is the whole: two processes of the real server, and agents that speak the real protocol.
//! [`run`] is smaller and quicker, and runs over any store: the steering of `hunts` and `flows`, without
//! the server's tasks. Messages are lost, doubled, delayed and overtaken; agents die while they evaluate;
//! the server dies between any two calls of a store, before or after their commit. After steps the
//! invariants E1 to E6 of endpoint hunts are checked.
//!
//! A seed that fails is printed with the command that repeats it; `SIM_SEEDS=<count>` runs more of them.

mod agent;
pub mod estate;
mod faults;
mod invariants;
pub mod log;
mod messages;
mod operator;
mod server;
mod watch;
mod world;

pub use watch::Planted;
pub use world::{Outcome, Plan, run};
