//! The real programs, run as a person runs them.
//!
//! `contract`: every command's help, exit status and messages. `demo`: the demo checks itself. `survive`:
//! server and agents are killed at random moments during a hunt and nothing is lost or doubled.

mod contract;
mod program;
