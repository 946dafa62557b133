//! Case files, limits, collections and conditions: questions and answers through the public face
//! of the crate.

#![allow(clippy::disallowed_methods, reason = "tests read their case files themselves")]

mod arguments;
mod cases;
mod collections;
mod conditions;
mod hostile;
mod limits;
mod quirks;
mod spilling;
mod streams;
mod world;
