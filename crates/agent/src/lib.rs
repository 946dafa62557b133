//! The agent's tasks.
