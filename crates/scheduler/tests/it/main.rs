//! The scheduler on records in memory and an engine that can be driven.

mod correlation;
mod daemon;
mod late;
mod seed;
mod stage;
