//! Queries over records in memory.

mod results;
