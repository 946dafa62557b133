//! The agent's bounded disk queue.
