//! The store keeps the contracts of its ports on a real server, and says clearly why it cannot be
//! used. Where no server is installed the tests say so; in continuous integration that fails them.

mod away;
mod opening;
mod racing;
mod records;
mod suites;
