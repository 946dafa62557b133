//! The server over its in-memory twins, with scripted agents over real TLS and a scripted browser.

mod agent;
mod answers;
mod bounds;
mod browser;
mod counted;
mod enrolment;
mod exports;
mod floods;
mod hostile;
mod hunting;
mod idle;
mod log;
mod log_hunts;
mod monitoring;
mod nodes;
mod pages;
mod polling;
mod tables;
mod targeting;
mod tools;
mod world;
