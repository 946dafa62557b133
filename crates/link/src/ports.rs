//! What an agent must remember over its own death: requests, reports, and where it stands.

use model::results::AttemptId;
use wire::{FlowRequest, Monitoring, OfferId, ReportSays, Status};

/// Why the outbox did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// There is no room until the server acknowledges something; wait and ask again.
    #[error("the spool is full: {bytes} of {bytes_max} bytes wait for the server")]
    Full {
        /// Bytes that wait.
        bytes: u64,
        /// Bytes that may wait.
        bytes_max: u64,
    },
    /// More requests than may be held at once.
    #[error("{held} flow requests are held already; this one must come again later")]
    TooManyFlows {
        /// How many there are.
        held: usize,
    },
    /// The attempt was never accepted, or is over.
    #[error("attempt {attempt} of flow {flow} is not held", flow = .0.flow, attempt = .0.attempt)]
    NotHeld(AttemptId),
    /// The disk did not do as asked.
    #[error("could not {action}")]
    Disk {
        /// What was tried, with the path.
        action: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl OutboxError {
    /// Whether the disk has no room, which may come back.
    pub fn is_full_disk(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let kind = match self {
            Self::Disk { source, .. } => source.kind(),
            Self::Full { .. } | Self::TooManyFlows { .. } | Self::NotHeld(_) => return false,
        };
        matches!(kind, StorageFull | QuotaExceeded)
    }
}

/// What became of a flow request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is on disk now and waits to be begun.
    New,
    /// It was here already: waiting, or being evaluated.
    Held,
    /// It has run before. Its final status is in the outbox, to be sent again.
    Over,
}

/// A flow request that is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldFlow {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The request as it came.
    pub request: FlowRequest,
    /// Its evaluation had begun. Seen after a restart, that evaluation is lost.
    pub begun: bool,
}

/// A report as it waits for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    /// Its number.
    pub number: u64,
    /// Whose it is.
    pub attempt: AttemptId,
    /// The encoded [`wire::Report`].
    pub bytes: Vec<u8>,
}

/// What an outbox holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Attempts that are held, or have reports that are not acknowledged. For `Hello`. Runs of
    /// monitored sources are not among them.
    pub live: Vec<AttemptId>,
    /// All reports up to this one are acknowledged; 0 when none is.
    pub acknowledged: u64,
    /// The last report; equals `acknowledged` when nothing waits.
    pub last: u64,
    /// Bytes that wait.
    pub bytes: u64,
    /// Bytes that may wait.
    pub bytes_max: u64,
}

/// Keeps flow requests and reports until the server has them.
///
/// # Contract
///
/// - What a method returned `Ok` for survives kill -9. After a power failure an attempt either has
///   everything up to its status, or no status.
/// - Report numbers grow by one, over the outbox's whole life.
/// - [`append`](Self::append) refuses with [`OutboxError::Full`] beyond the bound;
///   [`finish`](Self::finish) never does, so that an evaluation that waited can always end.
/// - An attempt runs once: after `finish` the same request is [`Admission::Over`], as long as the
///   outbox remembers it (at least the last 1,000 attempts).
/// - [`acknowledge`](Self::acknowledge) beyond the last report means the last report.
///
/// Every implementation runs `testkit::outbox::suite`. The methods block on the disk; async callers
/// use a thread on which blocking is allowed.
pub trait Outbox: Send + Sync {
    /// Keeps a request, once.
    fn accept(&self, attempt: AttemptId, request: &FlowRequest) -> Result<Admission, OutboxError>;

    /// All requests that are not over, oldest first.
    fn held(&self) -> Result<Vec<HeldFlow>, OutboxError>;

    /// Remembers that the evaluation of this attempt begins.
    fn begin(&self, attempt: AttemptId) -> Result<(), OutboxError>;

    /// Adds a report of a held attempt, or of a run of a monitored source, and gives its number.
    /// Reports of runs are refused as [`OutboxError::Full`] from half of the bound on, so that flows
    /// find room after any time without a server.
    fn append(&self, attempt: AttemptId, says: ReportSays) -> Result<u64, OutboxError>;

    /// Adds the last report of a held attempt, which is over from then on.
    fn finish(&self, attempt: AttemptId, status: Status) -> Result<u64, OutboxError>;

    /// The reports after number `after`, in order: at most `bytes_max` bytes of them, but at least
    /// one if there is one.
    fn read(&self, after: u64, bytes_max: usize) -> Result<Vec<StoredReport>, OutboxError>;

    /// Forgets all reports up to this number.
    fn acknowledge(&self, up_to: u64) -> Result<(), OutboxError>;

    /// What is held.
    fn census(&self) -> Census;
}

/// Where an agent stands with the foreman.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bookmark {
    /// `last_hunt_timestamp`: the highest offer it was through with.
    pub cursor: u64,
    /// The recheck mark it last answered.
    pub recheck: u64,
}

/// Keeps the bookmark, what is monitored, and which client query is being evaluated.
///
/// # Contract
///
/// - What a method returned `Ok` for survives kill -9 and a power failure.
/// - Offers of a query that had begun and not ended when the process died are `crashed` afterwards,
///   until [`save`](Self::save) says that the server knows.
///
/// Every implementation runs `testkit::outbox::bookmark_suite`.
pub trait Bookmarks: Send + Sync {
    /// The bookmark; zeros at first.
    fn bookmark(&self) -> Bookmark;

    /// Keeps the bookmark and forgets what crashed.
    fn save(&self, bookmark: Bookmark) -> Result<(), OutboxError>;

    /// A client query of these offers is about to be evaluated.
    fn begin_query(&self, offers: &[OfferId]) -> Result<(), OutboxError>;

    /// It came back, well or not.
    fn end_query(&self) -> Result<(), OutboxError>;

    /// Offers whose query took the process down.
    fn crashed(&self) -> Vec<OfferId>;

    /// What the server wants to be monitored; nothing at first, and when it cannot be read.
    fn monitoring(&self) -> Monitoring;

    /// Keeps what the server wants to be monitored.
    fn save_monitoring(&self, wanted: &Monitoring) -> Result<(), OutboxError>;
}
