//! VQL from text to rows: compiled once, run many times, pulled row by row.
//!
//! ```text
//! text ─ parse ─▶ tree ─ compile ─▶ plan (Program) ─ run in a scope ─▶ rows, one at a time
//! ```
//!
//! A [`Program`] is compiled against a catalog and can be shared. A [`Run`] is one execution with
//! its limits, log and cancellation; programs that belong together (the sources of an artifact)
//! run in one. [`CollectionPlan`] runs a compiled collection, [`Condition`] decides a hunt's
//! server condition.
//!
//! # Invariants
//!
//! - **VE-1** A scope never refers to a younger one.
//! - **VE-2** Whatever the program and the data, a run ends within its limits: rows, time, kept memory,
//!   produced text, work, scope depth and native stack are bounded; nothing panics.
//! - **VE-3** A cell is computed at most once per row, and only when somebody asks.
//! - **VE-4** A run that is asked to end stops at the next row or call.
//!
//! # Not here
//!
//! What plugins do: `vql-std`, `vql-machine`. What an artifact file means: `artifacts`. The values
//! themselves: `rows`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod aggregate;
mod artifact;
mod call;
mod cells;
mod collect;
mod compile;
mod condition;
mod eval;
mod generator;
mod group;
mod language;
mod member;
mod nested;
mod objects;
mod operators;
mod plan;
mod run;
mod scope;
mod select;
mod session;
mod sort;
mod source;
mod spill;
mod stack;

pub use artifact::{ArtifactSource, BundledArtifacts, NoArtifacts};
pub use collect::{CollectError, Collected, Collection, CollectionPlan};
pub use compile::Diagnostics;
pub use condition::{Condition, ConditionFailed, LOG_LINES_MAX, Verdict};
pub use language::language;
pub use run::{Program, ResultRow, Rows, Run};
pub use session::{Cancel, Limits, LogSink, Setup, StopReason};
pub use stack::on_big_stack;
