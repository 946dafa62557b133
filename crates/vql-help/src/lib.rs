//! Help for people who write VQL: what may stand at a place of a text that is not finished.
//!
//! [`Knowledge`] is what a program offers: plugins, functions, accessors, artifacts. [`complete`]
//! answers for a text and a place in it; both are plain data, so an editor in a browser, a
//! terminal and a test ask the same question. [`vocabulary`] is the same for the checks of
//! `artifacts`, which say which names of a text are missing or wrongly used.
//!
//! # Invariants
//!
//! - **VH-1** Any text and any place has an answer; nothing is evaluated and nothing panics.
//! - **VH-2** An offer fits the grammar at its place: arguments inside a call, row sources after
//!   FROM, values elsewhere, nothing inside comments and numbers.
//!
//! # Not here
//!
//! Whether a text is right: `vql-syntax` and `vql-eval` say so when it is compiled, and
//! `artifacts::check` what of it will not work.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod columns;
mod completion;
mod knowledge;
mod place;
mod vocabulary;

pub use completion::{Completion, Offer, OfferKind, complete};
pub use knowledge::Knowledge;
pub use vocabulary::vocabulary;
