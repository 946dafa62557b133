//! What may be asked of a stream's ledger, and the answers.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use model::log::{Domain, Evidence, Failure, NotAllowed, Position, Slice, SliceId, Window};
use model::org::Actor;

use crate::retry::RetryPolicy;
use crate::stream::{Needs, Stream};

/// What is asked of a stream's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make the stream, unless it is there.
    Open {
        /// What its positions count.
        domain: Domain,
        /// Where it starts.
        t0: Position,
        /// The engine's id of its source.
        source_identity: Option<Arc<str>>,
    },
    /// Cut what lies between what was planned and the frontier.
    Plan {
        /// The tick that asks.
        tick: Timestamp,
        /// Up to where.
        frontier: Position,
        /// How.
        cut: Cut,
    },
    /// Put these windows on the ledger: repairs. Those that are there already stay as they are.
    Add {
        /// The tick or audit that asks.
        tick: Timestamp,
        /// Which; they do not meet one another.
        windows: Vec<Window>,
    },
    /// Give the next slice that is ready to somebody. Leases that are over are taken back first: each is
    /// an attempt that was lost, and the policy says what follows from it.
    Claim {
        /// Whose it becomes.
        owner: Arc<str>,
        /// For how long.
        ttl: Duration,
        /// Which of the slices that are ready.
        order: Order,
        /// Not later than this moment's slices: `None` for any. Slices of a retry that waits for the
        /// next tick carry the tick that cut them.
        only_tick: Option<Timestamp>,
        /// What follows for windows whose owner's lease is over.
        policy: RetryPolicy,
    },
    /// Keep a lease.
    Renew {
        /// Of which slice.
        slice: SliceId,
        /// Under which token.
        token: u64,
        /// For how long from now.
        ttl: Duration,
    },
    /// The engine is asked.
    Start {
        /// Which slice.
        slice: SliceId,
        /// Under which token.
        token: u64,
        /// By which the engine knows the query.
        query_tag: Arc<str>,
    },
    /// Give a slice back without a failure.
    Release {
        /// Which.
        slice: SliceId,
        /// Under which token.
        token: u64,
    },
    /// The slice was evaluated completely.
    Commit {
        /// Which.
        slice: SliceId,
        /// What the run knows. `committed_at` and `findings_new` are filled in by the ledger and the store.
        evidence: Evidence,
        /// The frontier of the source when it was read: no slice ends beyond it.
        frontier: Position,
    },
    /// The run failed.
    Fail {
        /// Which slice.
        slice: SliceId,
        /// Under which token.
        token: u64,
        /// Why.
        failure: Failure,
        /// What follows.
        policy: RetryPolicy,
        /// A fraction in `[0, 1)`, to spread retries; in millionths.
        jitter_millionths: u32,
    },
    /// Leave this window out on purpose: what of it is open and nobody's, quarantined, or not cut yet.
    Waive {
        /// Which.
        window: Window,
        /// By whom.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// Read a gap after all.
    Reopen {
        /// Which slice.
        slice: SliceId,
    },
    /// A committed slice was looked at again.
    Audited {
        /// Which.
        slice: SliceId,
        /// How often it had been looked at when this look began; refused when somebody else was faster,
        /// so that what came late is counted once.
        seen: u32,
        /// The state of the source now, when it changed.
        fingerprint: Option<Arc<str>>,
        /// When to look again; never, when nothing.
        next: Option<Timestamp>,
    },
    /// The stream waits for a person.
    Stop {
        /// Why.
        failure: Failure,
    },
    /// A person lets it run again, with the source as it is now.
    Continue {
        /// The engine's id of the source.
        source_identity: Option<Arc<str>>,
    },
    /// Its epoch is over: nothing more is run.
    Close {
        /// Why.
        reason: String,
    },
    /// It was seen to, and nothing was due.
    Heartbeat {
        /// The tick that saw to it.
        tick: Timestamp,
    },
}

impl Command {
    /// What must be loaded besides all slices that are open or end after the checkpoint.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Renew { slice, .. }
            | Self::Start { slice, .. }
            | Self::Release { slice, .. }
            | Self::Commit { slice, .. }
            | Self::Fail { slice, .. }
            | Self::Reopen { slice }
            | Self::Audited { slice, .. } => Needs { slice: Some(*slice), window: None },
            Self::Waive { window, .. } => Needs { slice: None, window: Some(*window) },
            Self::Add { windows, .. } => {
                let from = windows.iter().map(|window| window.from()).min();
                let to = windows.iter().map(|window| window.to()).max();
                let window = from.zip(to).and_then(|(from, to)| Window::new(from, to));
                Needs { slice: None, window }
            }
            Self::Open { .. }
            | Self::Plan { .. }
            | Self::Claim { .. }
            | Self::Stop { .. }
            | Self::Continue { .. }
            | Self::Close { .. }
            | Self::Heartbeat { .. } => Needs::default(),
        }
    }
}

/// How a stretch is cut into windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One window when it is no wider than `max`, together with what nobody has leased at its end;
    /// otherwise at the multiples of `max`. For rules whose windows can be cut and joined at will.
    Additive {
        /// The widest window, in positions (microseconds in the time domains).
        max: u64,
    },
    /// Each missed tick has its own window, which ends at its own frontier. For opaque rules.
    ByTick(Vec<(Timestamp, Position)>),
}

/// Which of the slices that are ready goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    #[default]
    OldestFirst,
    /// The newest.
    NewestFirst,
    /// The smallest, to try whether the engine answers again.
    Smallest,
}

/// What a step answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The stream as it is now.
    pub stream: Stream,
    /// What was claimed, when a claim was asked for and something was ready.
    pub claimed: Option<Slice>,
    /// The slice that was taken back for the claim because its owner's lease was over, and that
    /// owner's token: its query may still be running.
    pub taken_back: Option<(SliceId, u64)>,
    /// The slice that the last command named, as it is now.
    pub slice: Option<Slice>,
    /// How many slices are open, leased ones among them.
    pub open: usize,
    /// When the next slice becomes ready that waits for a moment; `None` when none waits.
    pub ready_at: Option<Timestamp>,
    /// How many findings of a commit nobody had before.
    pub findings_new: u64,
}

/// Why a step was not done. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such stream.
    #[error("the stream does not exist; open it first")]
    NoStream,
    /// There is no such slice.
    #[error("{slice} is not on the ledger of this stream; another window took its place")]
    NoSlice {
        /// Which.
        slice: SliceId,
    },
    /// The token is not the slice's.
    #[error("token {token} no longer holds this slice; another scheduler has it")]
    Fenced {
        /// The token.
        token: u64,
    },
    /// The lease ran out by the store's clock.
    #[error("the lease ran out at {until}; the window will be run again")]
    LeaseOver {
        /// When.
        until: Timestamp,
    },
    /// The slice ends beyond the frontier.
    #[error("the window ends at {to:?}, beyond the source's frontier {frontier:?}")]
    BeyondFrontier {
        /// Where it ends.
        to: Position,
        /// The frontier.
        frontier: Position,
    },
    /// A committed window shares positions with it.
    #[error("a window that meets this one is committed already")]
    Overlap,
    /// Another scheduler looked at the window meanwhile.
    #[error("{slice} was looked at again by somebody else meanwhile")]
    AuditedAlready {
        /// Which.
        slice: SliceId,
    },
    /// The stream is stopped or closed.
    #[error("the stream is {status}: {why}")]
    NotActive {
        /// Its status' word.
        status: &'static str,
        /// Why.
        why: String,
    },
    /// The slice's state does not allow it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}
