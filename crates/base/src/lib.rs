//! The smallest words: identifiers, moments, quantities with units, and where time and
//! chance come from.
//!
//! Knows no noun of the domain and touches nothing outside itself: no I/O, no async, no serde.
//! Whoever needs the time or a random number is handed a [`Clock`] or an [`Entropy`].

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clock;
mod fault;
mod id;
mod quantity;
mod time;

pub use clock::{Clock, Entropy, FixedClock, SeededEntropy};
pub use fault::{Chain, Fault};
pub use id::{BadId, ClientId, FlowId, HuntId, NodeId, SessionId, UploadId};
pub use quantity::{BadQuantity, ByteSize, Rate, format_duration, parse_duration};
pub use time::{BadTimestamp, TimeWindow, Timestamp};
