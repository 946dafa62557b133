//! SQL engines over the network, one module for each.
//!
//! What all of them share: a scan becomes statements (`asking`), rows become matches (`answer`), and
//! [`connect`] makes the engine that a file names. A module for an engine knows its protocol, its
//! catalogue, its clock and its errors, and nothing of windows or predicates.
//!
//! # Invariants
//!
//! - **ER-3** A connection belongs to one tenant; no message has a credential.
//! - **ER-4** An answer is complete only when the server said so: a connection that ends early, a
//!   failed part and an error behind rows are not.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod asking;
mod batches;
mod clickhouse;
mod connect;
mod facts;
mod flight_sql;
mod grpc;
mod names;
mod opensearch;
mod postgres;
mod remote;
mod running;
mod site;
mod spark;
mod trino;

pub use connect::connect;
