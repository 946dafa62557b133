//! Conditions as engines read them.

mod condition;
mod on_sqlite;
