//! The texts in which a Linux kernel and distribution describe themselves (`/proc`, `/etc`).
//!
//! Texts in, plain records out; opening the files belongs to whoever asks.

pub mod connector;
pub mod maps;
pub mod mounts;
pub mod network;
pub mod process;
pub mod system;
