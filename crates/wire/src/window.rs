//! Windows of recurring hunts on their way to an agent and back.

use std::time::Duration;

use base::Timestamp;
use model::window::WindowRead;
use prost::Message;

use crate::{BadFrame, SOURCE_BYTES_MAX};

/// Read only a stretch of the machine's time: from the checkpoint up to the agent's clock when the
/// query starts, less a buffer. Queries see it as `window_from` and `window_to`.
#[derive(Clone, PartialEq, Message)]
pub struct Window {
    /// The sources of the collection that read it.
    #[prost(string, repeated, tag = "1")]
    pub sources: Vec<String>,
    /// The checkpoint, by the client's clock; not set when they were never read.
    #[prost(int64, optional, tag = "2")]
    pub from_micros: Option<i64>,
    /// It ends so long before the agent's clock.
    #[prost(uint64, tag = "3")]
    pub buffer_micros: u64,
    /// How far back it reaches without a checkpoint; not set for everything.
    #[prost(uint64, optional, tag = "4")]
    pub first_micros: Option<u64>,
}

impl Window {
    /// The stretch `[from, to)` of a query that starts now, and whether the client's clock stands
    /// before the checkpoint.
    pub fn open(&self, clock: Timestamp) -> (Timestamp, Timestamp, bool) {
        let from = self.from_micros.map(Timestamp::from_micros);
        let cut = (
            Duration::from_micros(self.buffer_micros),
            self.first_micros.map(Duration::from_micros),
        );
        model::window::window(from, cut, clock)
    }
}

/// A window as the agent has read it.
#[derive(Clone, PartialEq, Message)]
pub struct WindowDone {
    /// The source.
    #[prost(string, tag = "1")]
    pub source: String,
    /// Where it began, by the client's clock.
    #[prost(int64, tag = "2")]
    pub from_micros: i64,
    /// Where it ended.
    #[prost(int64, tag = "3")]
    pub to_micros: i64,
    /// The client's clock stood before the checkpoint: read as for the first time.
    #[prost(bool, tag = "4")]
    pub anew: bool,
}

pub(crate) fn read_window(done: WindowDone) -> Result<WindowRead, BadFrame> {
    if done.source.is_empty() || done.source.len() > SOURCE_BYTES_MAX {
        let why = format!("must have 1 to {SOURCE_BYTES_MAX} bytes");
        return Err(BadFrame::field("status.windows.source", why));
    }
    Ok(WindowRead {
        source: done.source,
        from: Timestamp::from_micros(done.from_micros),
        to: Timestamp::from_micros(done.to_micros),
        anew: done.anew,
    })
}

impl From<&WindowRead> for WindowDone {
    fn from(read: &WindowRead) -> Self {
        Self {
            source: read.source.clone(),
            from_micros: read.from.as_micros(),
            to_micros: read.to.as_micros(),
            anew: read.anew,
        }
    }
}
