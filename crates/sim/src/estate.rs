//! A whole estate on one virtual clock and one seed: two processes of the real server over shared
//! records, agents that speak the real protocol, operators, and bad luck for all of them.
//!
//! Real: the server's sessions, hunt manager, janitor, leases and news between nodes, `hunts`, `flows`, `link` on both ends, `wire`,
//! the twins of the stores. Models: sockets and TLS, the evaluators of queries and of server conditions,
//! the agent's driver (`agent` itself works on threads, in real time) and its disk.
//!
//! A seed that fails is repeated with the command that the test prints.

mod agent;
mod line;
pub(crate) mod luck;
mod node;
mod people;
mod shared;
mod world;

pub use world::{Outcome, Plan, run};
