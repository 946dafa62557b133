//! Rows in segments, over real stores.

mod faults;
mod lost;
mod pressed;
mod records;
mod same;
mod sql;
mod suites;
