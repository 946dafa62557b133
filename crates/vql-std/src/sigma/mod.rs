//! Sigma rules over rows: which query a rule looks at, which field of a row a rule's field stands for,
//! and what a hit looks like.
//!
//! What rules mean is not here but in the crate `sigma`.

pub(crate) mod event;
pub(crate) mod hits;
pub(crate) mod log_sources;
pub(crate) mod mapping;
