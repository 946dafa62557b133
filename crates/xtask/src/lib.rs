//! What the house checks about itself: the floor plan, tidiness, fresh reference pages.
//!
//! Everything here runs in plain `cargo test`; the program `xtask` runs the same checks by name
//! and rewrites what is generated. Never shipped.

pub mod docs;
pub mod floors;
pub mod log_schema;
pub mod sources;
pub mod tidy;
