//! What the ledger promises, under random commands and clocks.

mod driven;
mod ledger_promises;
mod slicing;
