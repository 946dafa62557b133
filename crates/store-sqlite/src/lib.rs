//! The record ports on SQLite.
