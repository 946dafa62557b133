//! What a server's frame means, checked: the agent works with these words, never with frames.

use std::time::Duration;

use base::FlowId;
use model::flow::FlowLimits;
use model::results::AttemptId;
use prost::Message;

use crate::ids::{attempt_of, flow_from_bytes};
use crate::{
    ANSWER_BYTES_MAX, BadFrame, Bye, Check, ClientQuery, CursorAck, FRAME_BYTES_MAX, FlowRequest,
    HuntsChanged, Monitoring, OfferId, ReportAck, ServerFrame, ServerSays, Welcome,
};

/// One checked frame of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerSaid {
    /// Answers the agent's hello.
    Welcome(Welcome),
    /// Newer offers exist, or the client's labels changed.
    HuntsChanged(HuntsChanged),
    /// The client queries of newer offers.
    Check(AskedCheck),
    /// The agent may persist this cursor.
    CursorAck(CursorAck),
    /// Collect this; the request is kept as it came.
    Request(AttemptId, FlowRequest),
    /// Stop that flow, whatever its attempt.
    Cancel(FlowId),
    /// Reports that are durable or refused.
    ReportAck(ReportAck),
    /// The server will close the connection.
    Bye(Bye),
    /// What to monitor from now on; kept as it came.
    Monitoring(Monitoring),
}

/// CheckHuntCondition, as the agent runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedCheck {
    /// Names this check in its answer.
    pub check: u64,
    /// The greatest offer of the snapshot it was made from.
    pub snapshot: u64,
    /// What is asked, in order.
    pub queries: Vec<AskedQuery>,
}

/// One client query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedQuery {
    /// VQL.
    pub vql: String,
    /// Who wants to know.
    pub offers: Vec<OfferId>,
    /// How long it may take.
    pub timeout: Duration,
    /// Rows it may give.
    pub rows_max: usize,
    /// Bytes of rows it may give.
    pub bytes_max: usize,
}

/// What a client query may use when the server does not say.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
const QUERY_ROWS_MAX: u32 = 1_000;

/// Reads one frame of the server.
pub fn read_server_frame(bytes: &[u8]) -> Result<ServerSaid, BadFrame> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(BadFrame::TooLarge { bytes: bytes.len() });
    }
    let frame = ServerFrame::decode(bytes)
        .map_err(|error| BadFrame::Undecodable { why: error.to_string() })?;
    Ok(match frame.says.ok_or(BadFrame::Empty)? {
        ServerSays::Welcome(welcome) => ServerSaid::Welcome(welcome),
        ServerSays::HuntsChanged(changed) => ServerSaid::HuntsChanged(changed),
        ServerSays::Check(check) => ServerSaid::Check(read_check(check)?),
        ServerSays::CursorAck(ack) => ServerSaid::CursorAck(ack),
        ServerSays::FlowRequest(request) => {
            ServerSaid::Request(attempt_of(request.attempt.as_ref())?, request)
        }
        ServerSays::FlowCancel(cancel) => ServerSaid::Cancel(flow_from_bytes(&cancel.flow)?),
        ServerSays::ReportAck(ack) => ServerSaid::ReportAck(ack),
        ServerSays::Bye(bye) => ServerSaid::Bye(bye),
        ServerSays::Monitoring(wanted) => ServerSaid::Monitoring(wanted),
    })
}

fn read_check(said: Check) -> Result<AskedCheck, BadFrame> {
    let queries = said.queries.into_iter().map(read_query).collect::<Result<_, _>>()?;
    Ok(AskedCheck { check: said.check, snapshot: said.snapshot, queries })
}

fn read_query(said: ClientQuery) -> Result<AskedQuery, BadFrame> {
    let offers = said.offers.iter().map(OfferId::try_from).collect::<Result<_, _>>()?;
    let or = |given: u32, usual: u32| if given == 0 { usual } else { given };
    let timeout = match said.timeout_millis {
        0 => QUERY_TIMEOUT,
        millis => Duration::from_millis(u64::from(millis)),
    };
    Ok(AskedQuery {
        vql: said.vql,
        offers,
        timeout,
        rows_max: or(said.rows_max, QUERY_ROWS_MAX) as usize,
        bytes_max: (or(said.bytes_max, u32::MAX) as usize).min(ANSWER_BYTES_MAX),
    })
}

/// The limits of a request; the usual ones when it brings none.
pub fn limits_of(request: &FlowRequest) -> FlowLimits {
    request.limits.as_ref().map(FlowLimits::from).unwrap_or_default()
}
