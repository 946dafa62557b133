//! What somebody may watch the log for. Each is a struct with one way to say it, so that the text,
//! the name and the fields cannot drift apart.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use base::{Chain, ClientId, FlowId, HuntId};

/// A connection was closed before it could ask anything.
pub struct ConnectionTurnedAway {
    /// From where it came.
    pub address: IpAddr,
    /// Why.
    pub reason: &'static str,
    /// So many lines like this were not written since the last one.
    pub kept_back: u64,
}

impl ConnectionTurnedAway {
    /// Says it.
    pub fn emit(self) {
        tracing::warn!(
            name: "connection_turned_away",
            address = %self.address,
            reason = self.reason,
            kept_back = self.kept_back,
            "connection turned away"
        );
    }
}

/// A TLS handshake did not come to its end.
pub struct HandshakeFailed<'a> {
    /// From where it came.
    pub address: IpAddr,
    /// Why.
    pub error: &'a dyn Error,
    /// So many lines like this were not written since the last one.
    pub kept_back: u64,
}

impl HandshakeFailed<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::info!(
            name: "handshake_failed",
            address = %self.address,
            error = %Chain(self.error),
            kept_back = self.kept_back,
            "TLS handshake failed"
        );
    }
}

/// An agent with a certificate was not let in.
pub struct AgentRefused<'a> {
    /// From where it came.
    pub address: IpAddr,
    /// Who its certificate says it is.
    pub client: Option<ClientId>,
    /// Why.
    pub reason: &'a str,
}

impl AgentRefused<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::warn!(
            name: "agent_refused",
            address = %self.address,
            client = self.client.map(tracing::field::display),
            reason = self.reason,
            "agent refused"
        );
    }
}

/// A key did not become a client.
pub struct EnrolmentRefused<'a> {
    /// From where it came.
    pub address: IpAddr,
    /// Who it would have been.
    pub client: Option<ClientId>,
    /// Why.
    pub reason: &'a str,
}

impl EnrolmentRefused<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::warn!(
            name: "enrolment_refused",
            address = %self.address,
            client = self.client.map(tracing::field::display),
            reason = self.reason,
            "enrolment refused"
        );
    }
}

/// A key became a client, or was given its certificate again.
pub struct ClientEnrolled {
    /// From where it came.
    pub address: IpAddr,
    /// Who it is.
    pub client: ClientId,
    /// It was not known before.
    pub fresh: bool,
}

impl ClientEnrolled {
    /// Says it.
    pub fn emit(self) {
        tracing::info!(
            name: "client_enrolled",
            address = %self.address,
            client = %self.client,
            fresh = self.fresh,
            "client enrolled"
        );
    }
}

/// Something an agent said was not accepted.
pub struct FrameRefused<'a> {
    /// Who said it.
    pub client: ClientId,
    /// What kind of frame.
    pub kind: &'static str,
    /// Why.
    pub reason: &'a str,
}

impl FrameRefused<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::warn!(
            name: "frame_refused",
            client = %self.client,
            kind = self.kind,
            reason = self.reason,
            "frame refused"
        );
    }
}

/// A client sent columns that would have hidden the server's own facts; they were dropped.
pub struct ColumnsDropped<'a> {
    /// Who sent them.
    pub client: ClientId,
    /// For which hunt.
    pub hunt: HuntId,
    /// Their names.
    pub columns: &'a [String],
}

impl ColumnsDropped<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::warn!(
            name: "columns_dropped",
            client = %self.client,
            hunt = %self.hunt,
            columns = ?self.columns,
            "columns that would hide the server's facts dropped"
        );
    }
}

/// A task could not finish a round; it tries again.
pub struct TaskFellBehind<'a> {
    /// Which task.
    pub task: &'static str,
    /// Why.
    pub error: &'a dyn Error,
}

impl TaskFellBehind<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::error!(
            name: "task_fell_behind",
            task = self.task,
            error = %Chain(self.error),
            "task fell behind"
        );
    }
}

/// A place where things are kept began to fail, or fails for another reason than before.
pub struct TroubleBegan<'a> {
    /// `records` or `files`.
    pub place: &'static str,
    /// What people are told.
    pub told: &'a str,
    /// Why, where that is known.
    pub error: Option<&'a dyn Error>,
}

impl TroubleBegan<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::error!(
            name: "trouble_began",
            place = self.place,
            error = self.error.map(|error| tracing::field::display(Chain(error))),
            "{}",
            self.told
        );
    }
}

/// A place that failed works again.
pub struct TroubleOver {
    /// `records` or `files`.
    pub place: &'static str,
    /// For how long it did not.
    pub lasted: Duration,
}

impl TroubleOver {
    /// Says it.
    pub fn emit(self) {
        tracing::info!(
            name: "trouble_over",
            place = self.place,
            lasted_secs = self.lasted.as_secs(),
            "what failed works again"
        );
    }
}

/// A session with an agent ended because of our own store or code.
pub struct SessionBroke<'a> {
    /// Whose session.
    pub client: ClientId,
    /// Why.
    pub error: &'a dyn Error,
}

impl SessionBroke<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::error!(
            name: "session_broke",
            client = %self.client,
            error = %Chain(self.error),
            "session with an agent broke"
        );
    }
}

/// A flow came to its end. Those of hunts that end well are told to whoever wants details only: there are
/// thousands, and the hunt's counters say the same.
pub struct FlowEnded<'a> {
    /// Which flow.
    pub flow: FlowId,
    /// On which client.
    pub client: ClientId,
    /// Its state now.
    pub state: &'a str,
    /// Whether a person wants to read of it.
    pub notable: bool,
}

impl FlowEnded<'_> {
    /// Says it.
    pub fn emit(self) {
        let Self { flow, client, state, notable } = self;
        if notable {
            tracing::info!(name: "flow_ended", %flow, %client, state, "flow ended");
        } else {
            tracing::debug!(name: "flow_ended", %flow, %client, state, "flow ended");
        }
    }
}

/// All of a deleted hunt was taken away.
pub struct HuntErased {
    /// Which one.
    pub hunt: HuntId,
}

impl HuntErased {
    /// Says it.
    pub fn emit(self) {
        tracing::info!(name: "hunt_erased", hunt = %self.hunt, "deleted hunt erased");
    }
}

/// Somebody could not sign in.
pub struct SignInRefused<'a> {
    /// From where.
    pub address: IpAddr,
    /// As whom.
    pub user: &'a str,
    /// Why.
    pub reason: &'static str,
}

impl SignInRefused<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::warn!(
            name: "sign_in_refused",
            address = %self.address,
            user = self.user,
            reason = self.reason,
            "sign-in refused"
        );
    }
}

/// A person's request failed through no fault of theirs.
pub struct RequestFailed<'a> {
    /// The request's name.
    pub request_id: &'a str,
    /// Why.
    pub message: &'a str,
}

impl RequestFailed<'_> {
    /// Says it.
    pub fn emit(self) {
        tracing::error!(
            name: "request_failed",
            request_id = self.request_id,
            message = self.message,
            "request failed"
        );
    }
}
