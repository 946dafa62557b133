//! One flow on this machine: requests become evaluations, evaluations become reports.

mod batch;
mod pace;
mod recorder;
mod room;
mod runner;

pub use room::Room;
pub use runner::{Runner, RunnerParts};
