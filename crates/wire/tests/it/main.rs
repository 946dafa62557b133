//! The wire's promises: golden files are read for ever, and no bytes make a reader panic.

mod golden;
mod hostile;
