//! What a hunt or a flow brought, as a zip, or its rows as one table, written while it is read.
//!
//! # Invariants
//! - Memory does not grow with rows or bytes: pieces go from the store through the zip to the
//!   browser. It grows by some hundred bytes for each file inside, because the zip's own directory
//!   and the manifest name every file.
//! - No name in the zip comes from a client unchanged, see [`names`].
//! - The same content makes the same bytes, so that a download that was cut can go on: the bytes before
//!   are made again and left out.
//! - A download that could not be finished, also because what it exports was deleted meanwhile, ends
//!   as a broken one, never as a good-looking shorter one.

mod content;
pub mod csv_rows;
pub mod names;
mod pack;
pub mod table;

pub(crate) use content::{Subject, ZipWanted, stream};
