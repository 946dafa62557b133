//! Every artifact of the library, run on a made-up machine; and questions to the plugins
//! themselves (`plugins`).

#![cfg(target_os = "linux")]

mod accounts;
mod files;
mod network;
mod persistence;
mod plugins;
mod software;
mod ssh;
mod world;
