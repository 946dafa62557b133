//! Suites for ports, builders, example machines. Never shipped.

pub mod outbox;
