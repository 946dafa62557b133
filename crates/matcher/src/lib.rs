//! Many typed rules over Arrow batches in one pass.
//!
//! A query for each rule does not scale to thousands of rules. Here every column is looked at once
//! for all rules: a value that occurs in many rows is looked at once per batch, all clues of all
//! rules are found in one pass over its text, and only rules whose clue is there are asked, and only
//! about the rows that have it.
//!
//! - [`plan`] compiles predicates: equal tests are one test.
//! - [`view`] is one column of one batch as tests see it, each distinct value once.
//! - [`index`] finds the clues ([`sigma::witness`]) of all rules in the views.
//! - [`scan`] asks the candidates and says which rule matched which rows.
//! - [`routes`] chooses the rules that are about a log.
//!
//! # Invariants
//!
//! - **MA-1** The answer is that of [`sigma::RuleSet`] for the rows that [`rows_arrow`] makes of the
//!   batch, for every predicate and every batch.
//! - **MA-2** Memory grows with the batch and with the rules, not with their product: outcomes are
//!   remembered only for columns whose values repeat, and up to [`scan::REMEMBERED_MAX_BYTES`].
//!
//! # Not here
//!
//! Where batches come from: the engines. Several events that belong together: `loghunt`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod index;
pub mod plan;
pub mod routes;
pub mod scan;
pub mod view;

pub use plan::TooNested;
pub use routes::Routes;
pub use scan::{Hit, Matcher, Scratch};
