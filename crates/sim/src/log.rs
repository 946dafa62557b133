//! Log hunts on one virtual clock and one seed: the real scheduler over planted logs, two of it at a
//! time, with everything that can go wrong between it, its store and its engines.
//!
//! A seed that fails is repeated with `SIM_SEED=<seed> cargo test -p sim log`; `SIM_SEEDS=<count>` runs
//! more of them, as does `cargo run -p xtask -- sim --log --seeds <count>`.

mod channel;
mod engine;
mod gate;
mod oracle;
mod process;
mod setting;
mod source;
mod spy;
mod store;
mod time;
mod world;

pub use store::Records;
pub use world::{Outcome, Plan, run};
