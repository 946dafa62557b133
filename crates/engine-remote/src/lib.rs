//! SQL engines over the network, one module for each.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
