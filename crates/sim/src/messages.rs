//! What agents and server say here: the frames of `wire`, as values.

use base::FlowId;
use flows::steer::StatusReport;
use hunts::decide::QueryAnswer;
use hunts::foreman::ClientQuery;
use model::flow::Flow;
use model::hunt::OfferSeq;
use model::results::{AttemptId, RowBatch};

/// Names a question of an agent, so that an answer that was overtaken is not taken for the newest.
/// A real connection keeps its order and needs no such number.
pub(crate) type Nonce = u64;

#[derive(Clone, Debug)]
pub(crate) enum ToServer {
    Hello { held: Vec<AttemptId> },
    Poll { nonce: Nonce, cursor: OfferSeq, recheck: u64 },
    Answer { nonce: Nonce, check: u64, answers: Vec<QueryAnswer>, recheck: u64 },
    Receipt(AttemptId),
    Report { number: u64, report: Report },
}

#[derive(Clone, Debug)]
pub(crate) enum ToAgent {
    Welcome { newest: OfferSeq, recheck: u64 },
    Check { nonce: Nonce, check: u64, queries: Vec<ClientQuery> },
    CursorAck { nonce: Nonce, cursor: OfferSeq, recheck: u64 },
    Request(Box<Flow>),
    Cancel(FlowId),
    ReportAck { number: u64, accepted: bool },
}

/// Something that an agent keeps on its disk until it is acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    Rows(RowBatch),
    Status(StatusReport),
}

impl Report {
    pub(crate) fn attempt(&self) -> AttemptId {
        match self {
            Self::Rows(batch) => batch.attempt,
            Self::Status(status) => status.attempt,
        }
    }
}
