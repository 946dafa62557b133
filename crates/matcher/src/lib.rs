//! Many typed rules over Arrow batches in one pass.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
