//! Log hunts on one virtual clock and one seed: the real scheduler over planted logs, two of it at a
//! time, with everything that can go wrong between it, its store and its engines.
//!
//! A seed that fails is repeated with `SIM_SEED=<seed> cargo test -p sim log_hunts`; `SIM_SEEDS=<count>`
//! runs so many of them.

mod busy;
mod channel;
mod engine;
pub(crate) mod gate;
mod meter;
mod oracle;
mod process;
mod setting;
mod source;
mod spy;
mod store;
pub(crate) mod time;
mod world;

pub use busy::{Busy, busy};
pub use store::Records;
pub use world::{Outcome, Plan, run};
