//! Every artifact of the library, run on a made-up machine.

#![cfg(target_os = "linux")]

mod accounts;
mod files;
mod network;
mod persistence;
mod software;
mod ssh;
mod world;
