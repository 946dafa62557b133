//! Rows from and to Arrow batches; the only place where a value meets Arrow.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
