//! Sigma rules: YAML to one typed predicate tree, what is wrong with it, and whether a record
//! satisfies it.
//!
//! [`read_rules`] takes a file apart and lowers each rule's conditions to [`Predicate`]s: plain
//! data, in which no modifier, name of a search or quantifier is left, so that others can lower it
//! further (to SQL, to a column index). [`RuleSet`] answers for many predicates at once which of
//! them a record satisfies.
//!
//! # Invariants
//!
//! - **SI-1** Whatever the text, reading ends with rules or with problems that name file, line,
//!   column, field and a mend; a rule with an error is left out, the others are kept.
//! - **SI-2** A predicate has at most [`NODES_MAX`] nodes, whatever the rule; patterns in it compile.
//! - **SI-3** [`RuleSet`] and the meaning of the tree written down in [`predicate`] agree.
//!
//! # Not here
//!
//! Where records come from and which field of a record a rule's field stands for: the `sigma`
//! plugin. Correlation over several records.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod condition;
pub mod correlate;
mod correlation;
mod decode;
mod detection;
mod filter;
mod global;
mod literals;
mod modifier;
pub mod parts;
mod pipeline;
pub mod predicate;
mod record;
mod rule;
mod rule_set;
mod text;
pub mod values;
mod variants;
mod witness;
mod written;

pub use correlation::{Aggregate, Base, BaseRule, Bound, Correlation, CorrelationKind, Threshold};
pub use decode::{RuleFile, read_files, read_rules};
pub use pipeline::{Pipeline, PipelineError, PipelineFile, read_pipeline};
pub use predicate::{Anchor, Comparison, Network, Number, Predicate, Test, TextTest, TimePart};
pub use record::Fields;
pub use rule::{Level, LogSource, Rule};
pub use rule_set::{RuleSet, Scratch};
pub use text::{Piece, TextPattern};
pub use witness::{CLUES_MAX, Clue, Sight, Witness, witness};
pub use yaml_nodes::{Problem, Severity};

/// The most nodes that the predicates of one rule have.
pub const NODES_MAX: usize = 50_000;
