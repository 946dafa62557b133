//! The tasks of log hunts: ticks, workers, leases, repair, dispatch, over ports only.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
