//! The agent against a small server that speaks the real protocol over real TLS.

mod conversation;
mod flows;
mod monitoring;
mod queries;
mod stage;
