//! The server: its listeners, tasks and HTTP handlers, over ports only.
//!
//! - [`config`] is what an administrator writes; [`serve`] starts and stops everything.
//! - `nodes` makes it one node of several over one store.
//! - [`pki`] is the certificate authority, [`tls`] how both listeners speak TLS.
//! - `agents` are the agents' listener and sessions, `people` the HTTP API and the web interface's
//!   files, `tasks` what runs by itself, `export` the zips.
//! - [`log`] is what the server sees of log hunts; `monitoring` is what agents are to monitor; [`collect`] makes requests of artifacts,
//!   [`tools`] keeps files for them; [`vql`] decides conditions.
//!
//! # Not here
//!
//! Decisions belong to `hunts`, `flows`, `fleet` and `link`; storage to whoever implements their
//! ports; reading files, and choosing stores, to the programs.

#![forbid(unsafe_code)]

mod agents;
pub mod collect;
pub mod config;
pub mod core;
mod diff;
pub mod event;
pub mod export;
pub mod health;
pub mod live;
pub mod log;
mod log_survey;
mod monitoring;
pub mod nodes;
mod people;
pub mod pki;
pub mod ports;
pub mod serve;
mod tasks;
pub mod tls;
pub mod tools;
pub mod vql;
mod windows;

pub use agents::{Gate, GateLimits, direct};
pub use people::assets::{Asset, Assets, NoAssets};
pub use people::metrics::Counted;
pub use people::sign_in::{hash_password, secret_hash};
pub use ports::Ports;
pub use serve::{Server, Start};

/// This server's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
