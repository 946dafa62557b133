//! Rows in segments, over real stores.

mod faults;
mod pressed;
mod same;
mod sql;
mod suites;
