//! The store keeps the contracts of its ports, says clearly why it cannot be opened, and loses
//! nothing that it has acknowledged.

mod dump;
mod durability;
mod log_hunts;
mod opening;
mod suites;
