//! Rows of hunts in Parquet segments, and questions over them.
//!
//! - `shape` and `writer` make a segment of batches, `place` is where it is kept; `plan` decides which
//!   batches, `compactor` moves them, and `keeper` lets it work.
//! - `file` opens a segment: which batches it has, its columns, its rows. `columns` is a row group as
//!   a question needs it; `cells` is how a cell stands in a column.
//! - [`SegmentedResults`] is the result store over segments and what is still hot; `reading` reads rows by their places, `best` keeps the
//!   rows of a page, `tally` counts values, `order` is the order of arrival. `sql` answers SQL over `table`;
//!   `encode` makes files that leave; `trouble` is what is wrong right now.
//!
//! # Invariants
//!
//! - A segment never changes. It belongs to the results when the record store has registered it, and
//!   its object is removed a grace after it no longer does.
//! - An answer is whole or an error: a segment that has other rows than were registered, or whose object
//!   is missing or damaged, fails every question that needs it.
//! - Whatever decides about a row is `flows::query`, `flows::cell` and `flows::facets`.
//! - Nothing here computes on the caller's threads.
//!
//! # Not here
//!
//! Which batch is where (`flows::hot`, kept by a record store).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod best;
mod cells;
mod columns;
mod compactor;
mod encode;
mod file;
mod keeper;
mod open_files;
mod opened;
mod order;
mod os;
mod place;
mod plan;
mod reading;
mod results;
mod shape;
mod sql;
mod table;
mod tally;
mod trouble;
mod typed;
mod work;
mod writer;

pub use compactor::{Compactor, Done};
pub use keeper::Turns;
pub use place::Place;
pub use plan::Policy;
pub use results::SegmentedResults;
