//! When a rule runs and which windows it reads, as its file says it.

use std::time::Duration;

use base::Timestamp;

/// When a rule runs and which windows it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When.
    pub ticks: Ticks,
    /// Waited for late rows: a tick reads up to its scheduled instant less this.
    pub log_buffer: Duration,
    /// A run starts not before its tick and this.
    pub start_delay: Duration,
    /// Spreads the streams of a tick over so long; stable for each stream.
    pub jitter: Duration,
    /// The longest window of one run. Windows are cut at its multiples since 1970.
    pub max_window: Duration,
    /// The shortest window into which a failing run is cut.
    pub min_window: Duration,
    /// Where the first window starts.
    pub first_from: FirstFrom,
    /// When a failed run is tried again.
    pub retry: Retry,
    /// How often a window of the smallest size is tried.
    pub attempts_max: u32,
}

/// When.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// At `anchor + n * every`.
    Every {
        /// How far apart.
        every: Duration,
        /// A tick among the others.
        anchor: Timestamp,
    },
    /// At the times of a cron expression in a time zone.
    Cron {
        /// Five fields: minute, hour, day of month, month, day of week.
        expression: String,
        /// An IANA name, for instance `Europe/Berlin`.
        zone: String,
    },
}

/// Where the first window starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstFrom {
    /// One interval and the buffer before the first tick.
    #[default]
    OneInterval,
    /// At the first tick, less the buffer.
    Now,
    /// At the oldest row.
    Earliest,
    /// So long before the first tick, less the buffer.
    Ago(Duration),
}

/// When a failed run is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// After a wait that grows, between ticks.
    #[default]
    Backoff,
    /// With the next tick, whose window it joins.
    NextTick,
}
