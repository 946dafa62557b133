//! Rows from and to Arrow batches; the only place where a value meets Arrow.
//!
//! [`read`] turns cells of Arrow arrays into values, [`write`] makes one batch out of many rows, and
//! [`clock`] reads a column as moments, however the log wrote them.
//!
//! # Invariants
//!
//! - **RA-1** Reading never loses: what no other value holds exactly becomes its text. The one
//!   exception are moments, which are floored to microseconds.
//! - **RA-2** Reading what was written gives the rows back, but for keys that were missing (they are
//!   NULL), columns of mixed types (they are texts) and fractions of microseconds.
//! - **RA-3** Types nested deeper than [`DEPTH_MAX`] are refused, so that nothing here recurses as
//!   deep as a hostile file wants.
//!
//! # Not here
//!
//! Files, and which column is which clock: `engine-datafusion`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod clock;
pub mod read;
pub mod write;

pub use clock::{moment_of, moments};
pub use read::{Cells, DEPTH_MAX, TooDeep, value};
pub use write::batch_of;
