//! VQL plugins about a machine: its files, processes, sockets, itself; running programs and
//! asking the network.
//!
//! Files are reached through the accessors of the program; everything else about the machine is
//! asked of a [`Machine`], of which there is a made-up one for tests. [`catalog`] lists everything.
//!
//! # Invariants
//!
//! - **VM-1** What cannot be read is a line in the log that names it, and the rest still comes.
//! - **VM-2** Nothing waits without asking whether the query was stopped; a program that was
//!   started ends, with its children, when its rows are no longer wanted.
//!
//! # Not here
//!
//! What bytes mean: `parsers`. Real file systems: `accessors`.

#![warn(missing_docs)]

mod environment;
mod event_log;
mod event_messages;
mod file_rows;
mod following;
mod functions;
mod http_tls;
mod in_order;
mod kernel_events;
pub mod machine;
pub mod made_up;
mod mailing;
pub mod os;
mod own_program;
mod plugins;
mod processes;
mod read_file;
pub mod sealing;
mod shell;
mod sockets;
mod spill;
mod stat;
mod temporary;
mod tracker;
mod waiting;
mod walk;
mod writing;
mod yara_files;
mod yara_rows;

use std::sync::Arc;

use vql_plugin::Catalog;

pub use crate::machine::Machine;
pub use crate::spill::TempFiles;
pub use crate::tracker::ProcessTracker;

/// Every plugin and function of this crate, asking `machine`.
pub fn catalog(machine: Arc<dyn Machine>) -> Catalog {
    functions::catalog(&machine).and(plugins::catalog(&machine))
}

/// The machine this program runs on.
pub fn this_machine() -> Arc<dyn Machine> {
    Arc::new(os::ThisMachine::default())
}
