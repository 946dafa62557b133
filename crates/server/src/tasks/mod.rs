//! The server's tasks: each owns its state and wakes for a closed list of reasons.

pub(crate) mod eraser;
pub(crate) mod janitor;
pub(crate) mod log_news;
pub(crate) mod manager;
