//! Hunts, fleet and agents on one virtual clock and one seed. Never shipped.
//!
//! The server here is the steering of `hunts` and `flows` over real stores; only sockets and tasks
//! are missing. Messages are lost, doubled, delayed and overtaken; agents die while they evaluate;
//! the server dies between any two calls of a store, before or after their commit. After steps the
//! invariants E1 to E6 of endpoint hunts are checked.
//!
//! A seed that fails is repeated with `SIM_SEED=<seed> cargo test -p sim`; `SIM_SEEDS=<count>` runs
//! more of them.

mod agent;
mod faults;
mod invariants;
pub mod log;
mod messages;
mod operator;
mod server;
mod world;

pub use world::{Outcome, Plan, run};
