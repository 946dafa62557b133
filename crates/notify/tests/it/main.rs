//! Channels against real receivers on loopback.

mod receivers;
mod ways;
