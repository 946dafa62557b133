//! SQL of several dialects: templates with bound windows, and predicates as conditions.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod dialect;

pub use dialect::{Dialect, Unquotable};
