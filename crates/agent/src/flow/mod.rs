//! One flow on this machine: requests become evaluations, evaluations become reports.

mod batch;
mod pace;
mod recorder;
mod room;
mod runner;
mod window;

pub(crate) use pace::Pace;
pub(crate) use recorder::cut;
pub use room::Room;
pub(crate) use runner::{Runner, RunnerParts};
