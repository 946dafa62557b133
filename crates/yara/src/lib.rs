//! YARA: rules are compiled once, bytes are searched for them. The only crate that names the YARA
//! library.
//!
//! [`Rules::compile`] reads rules in the YARA language or in the short form of [`short`];
//! [`Rules::scan`] searches bytes that are in memory, [`Rules::scan_pieces`] what is too large for
//! it or has holes, such as the memory of a process.
//!
//! # Invariants
//!
//! - **YA-1** Rules cannot reach outside themselves: `include` is refused.
//! - **YA-2** What a scan keeps is bounded: hits by [`Limits`], occurrences of one string by
//!   [`OCCURRENCES_MAX`], the time of one scan by [`Limits::time`].
//! - **YA-3** Bad rules are an error with the line and column of what is wrong.
//!
//! # Not here
//!
//! Opening files and making rows of hits: `vql-machine`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod lint;
mod rules;
mod scan;
pub mod short;
mod source;

pub use crate::lint::{Linted, lint};
pub use crate::rules::{BadRules, Rules, Variable};
pub use crate::scan::{Found, Hit, Limits, MetaValue, OCCURRENCES_MAX, Piece, Scanned, Unfinished};
