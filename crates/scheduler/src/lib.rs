//! The tasks of log hunts: ticks, workers, leases, repair, dispatch, over ports only.
//!
//! # Where to enter
//!
//! - [`Scheduler::new`] takes [`Ports`], [`Settings`] and checked [`log_rules::Definitions`];
//!   [`Scheduler::reload`] takes new ones while it runs.
//! - [`Scheduler::run`] is the daemon. It ends when its token is cancelled and what runs has come back;
//!   dropping its future kills it at whatever it is doing, which loses nothing.
//! - [`Scheduler::tick_at`] plays one moment to its end and says what became of each window.
//! - [`Scheduler::resume`], [`Scheduler::continue_stream`] and others in [`steering`] are what operators ask for.
//! - [`Scheduler::moved`] says that something was committed, found, or failed.
//! - [`Scheduler::audit`] and [`Scheduler::dispatch`] are rounds of what the daemon does by itself.
//! - [`null::NullEngine`] answers nothing at once.
//!
//! Everything that is decided is decided in `loghunt`: this crate reads records, asks engines, and
//! records what came of it. Time, sleep and chance are [`Ports`], so a simulation drives the same code.
//!
//! # Invariants
//!
//! - What is kept in memory is a guess that the records correct: epochs, costs, breakers, queues. Losing
//!   all of it costs time only.
//! - One step plans and claims, one commits: two transactions for each run.
//! - A stream runs once at a time here, and by its lease once at a time anywhere.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod assignment;
mod audit;
mod correlation;
mod daemon;
mod dispatch;
mod feedback;
mod housekeeping;
mod jobs;
mod known;
mod lease;
mod measure;
pub mod null;
mod ports;
mod prepare;
mod record;
mod reload;
mod retention;
mod run;
mod session;
mod shared;
pub mod steering;
mod tally;
mod tick;
mod timers;
mod watch;

pub use assignment::{Asked, Assignment, Roster};
pub use correlation::Leaf;
pub use ports::{Channels, Engines, NoPostProcess, Ports, PostProcess, Settings, Time, TokioTime};
pub use shared::{Held, HeldWhy, Scheduler};
pub use tick::{Outcome, Ran};
pub use watch::Queue;
