//! Suites for ports, builders, example machines. Never shipped.
