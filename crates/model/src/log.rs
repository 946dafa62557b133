//! Log hunts: one question to a log source, again and again. Whose stream it is, which stretch of
//! it a run covers, and what was found.
//!
//! How windows are cut and committed is decided by `loghunt`; these are its nouns, and the life of a
//! slice with its one transition function.

mod finding;
mod names;
mod position;
mod slice;

pub use finding::{Comment, Finding, FindingId, FindingState, Severity, Triage};
pub use names::{BadName, DatasetName, EngineName, RuleName, TenantName};
pub use position::{Domain, Position, Window};
pub use slice::{
    Completeness, Evidence, Failure, FailureClass, Lane, Lease, NotAllowed, Slice, SliceEvent,
    SliceId, SliceState, StreamKey, after,
};
