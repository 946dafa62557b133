//! Who belongs to the fleet: enrolment, labels, presence; and who may sign in to steer it.
//!
//! - [`enrolment`] decides whether a key may become a client.
//! - [`presence`] knows who is connected now; it lives in memory only.
//! - [`ports`] are the records of clients and enrolment tokens.
//! - [`accounts`] are the records of people: users, sign-ins, settings, the audit log.
//! - [`nodes`] are several servers over one store: who lives, who has which duty, what is announced.
//! - [`memory`] keeps all of these ports in memory.
//!
//! # Not here
//!
//! Certificates and sockets (`server`), SQL (`store-sqlite`), hunts.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod accounts;
pub mod enrolment;
pub mod memory;
pub mod nodes;
pub mod ports;
pub mod presence;

pub use accounts::{AccountStore, AuditLog, SettingStore};
pub use nodes::{Announcements, LeaseStore, NodeStore};
pub use ports::{ClientStore, TokenStore};
