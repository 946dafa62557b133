//! The spool: the promises of its ports, and what is found after a crash at any byte.

mod crash;
mod promises;
