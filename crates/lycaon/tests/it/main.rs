//! The real programs, run as a person runs them.
//!
//! `contract`: every command's help, exit status and messages. `demo`: the demo checks itself. `house`:
//! a server's whole life from init to export. `survive`: server and agents are killed at random moments during
//! hunts, and nothing is lost or doubled; `survive_nodes`: the same with several nodes; `faults`: disks, databases and object
//! stores fail meanwhile; `log_survive`: the same for schedulers of log hunts. `monitoring`: the same while endless sources run.
//! `moving`: `lycaon migrate` of an installation with something of everything.

#![allow(clippy::print_stderr, reason = "what a failing run needs to be repeated")]

mod bad_disk;
mod bucket;
mod contract;
mod demo;
mod faults;
mod fleet;
mod house;
mod judge;
mod log;
mod log_survive;
mod monitoring;
mod moving;
mod program;
mod results;
mod survive;
mod survive_nodes;
