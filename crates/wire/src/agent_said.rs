//! What an agent's frame means, checked: the server works with these words, never with frames.
//!
//! A report keeps its number even when its content makes no sense, so that the server can reject
//! it by name; otherwise the agent would send the same report for ever.

use model::client::ClientFacts;
use model::flow::{FlowFailure, FlowYield};
use model::monitoring::EventBatch;
use model::results::{AttemptId, LogLine, RowBatch};
use model::window::WindowRead;
use prost::Message;

use crate::batch::check_row;
use crate::ids::{attempt_of, tame};
use crate::monitoring::unpack_events;
use crate::window::read_window;
use crate::{
    ANSWER_BYTES_MAX, AgentFrame, AgentSays, BadFrame, CheckAnswer, FRAME_BYTES_MAX, Hello,
    LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LogLines, OfferId, PATH_BYTES_MAX, QueryAnswer, Report,
    ReportSays, SOURCE_BYTES_MAX, SourceCount, Status, UPLOAD_PART_BYTES_MAX, UploadPart,
    WindowDone, unpack_rows,
};

/// One checked frame of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentSaid {
    /// First frame of a connection.
    Hello(AgentHello),
    /// Are there newer offers?
    Poll {
        /// `last_hunt_timestamp`; 0 when the recheck mark changed.
        cursor: u64,
        /// The recheck mark under which the agent polls; to be given back.
        recheck: u64,
    },
    /// Rows of client queries.
    Answer(AgentAnswer),
    /// This attempt's request is on the agent's disk.
    Receipt(AttemptId),
    /// Something numbered.
    Report(AgentReport),
}

/// How an agent introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentHello {
    /// The protocol version it speaks.
    pub protocol: u32,
    /// What it says of its machine.
    pub facts: ClientFacts,
    /// Its `last_hunt_timestamp`.
    pub cursor: u64,
    /// The recheck mark it last answered.
    pub recheck: u64,
    /// Attempts it holds: running, or with reports not acknowledged yet.
    pub live: Vec<AttemptId>,
    /// Over HTTP: seconds the answer may be held back while there is nothing to say.
    pub hold_secs: u32,
    /// All reports up to this one are acknowledged; the next one on this connection follows it.
    pub acknowledged: u64,
    /// Names what it monitors, 0 for nothing; `None` when it cannot monitor.
    pub monitoring: Option<u64>,
    /// Whether it takes a check that it did not poll for.
    pub takes_checks: bool,
}

/// What client queries gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAnswer {
    /// Names the check it answers.
    pub check: u64,
    /// The snapshot of that check.
    pub snapshot: u64,
    /// The recheck mark under which the agent polled.
    pub recheck: u64,
    /// Further parts follow; only the last part is acknowledged.
    pub more: bool,
    /// One for each query of this part.
    pub answers: Vec<OfferAnswer>,
}

/// What one client query gave, for all the offers that share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferAnswer {
    /// Whom it answers.
    pub offers: Vec<OfferId>,
    /// Rows as JSON objects, or why there are none.
    pub outcome: Result<Vec<String>, CheckFailure>,
}

/// Why a client query gave no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckFailure {
    /// It failed or ran out of a limit.
    Failed(String),
    /// The agent died while it evaluated it.
    Crashed,
}

/// A numbered report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentReport {
    /// Its place in the agent's spool.
    pub number: u64,
    /// What it says of which attempt; or why it is to be rejected.
    pub content: Result<(AttemptId, Reported), BadFrame>,
}

/// The content of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// Rows of one source.
    Rows(RowBatch),
    /// Log lines, with the batch's number from 0.
    Log(u64, Vec<LogLine>),
    /// A part of a file.
    Upload(FilePart),
    /// The attempt is over.
    Ended(AttemptEnd),
    /// Rows of a monitored source.
    Events(EventBatch),
}

/// A part of an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The file's number within the attempt, from 0.
    pub number: u64,
    /// The path as the client names it; not to be used as a file name unchanged.
    pub path: String,
    /// The accessor it was read through.
    pub accessor: String,
    /// Bytes the whole file has, as far as the client knew when it began.
    pub declared_size: u64,
    /// Where this part begins.
    pub offset: u64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// With the last part: SHA-256 of the whole file.
    pub sha256: Option<[u8; 32]>,
}

/// How an attempt ended and what it declares to have sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// How it went, as the agent sees it.
    pub outcome: AttemptOutcome,
    /// Declared rows and batches of each source.
    pub sources: Vec<SourceTotal>,
    /// What it brought in all.
    pub brought: FlowYield,
    /// Declared batches of log lines.
    pub log_batches: u64,
    /// The windows that its sources have read.
    pub windows: Vec<WindowRead>,
}

/// How an attempt went, as the agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It finished.
    Finished,
    /// It failed.
    Failed(FlowFailure),
    /// The server had asked to stop it.
    Cancelled,
}

/// How much one source gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTotal {
    /// The source.
    pub source: String,
    /// Its rows.
    pub rows: u64,
    /// Its batches.
    pub batches: u64,
}

/// Reads one frame of an agent. Sizes are checked before anything is parsed.
pub fn read_agent_frame(bytes: &[u8]) -> Result<AgentSaid, BadFrame> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(BadFrame::TooLarge { bytes: bytes.len() });
    }
    let frame = AgentFrame::decode(bytes)
        .map_err(|error| BadFrame::Undecodable { why: error.to_string() })?;
    match frame.says.ok_or(BadFrame::Empty)? {
        AgentSays::Hello(hello) => read_hello(&hello).map(AgentSaid::Hello),
        AgentSays::Poll(poll) => Ok(AgentSaid::Poll { cursor: poll.cursor, recheck: poll.recheck }),
        AgentSays::Answer(answer) => read_answer(answer).map(AgentSaid::Answer),
        AgentSays::Receipt(receipt) => attempt_of(receipt.attempt.as_ref()).map(AgentSaid::Receipt),
        AgentSays::Report(report) => Ok(AgentSaid::Report(read_report(report))),
    }
}

fn read_hello(hello: &Hello) -> Result<AgentHello, BadFrame> {
    Ok(AgentHello {
        protocol: hello.protocol,
        facts: hello.facts.as_ref().map(ClientFacts::from).unwrap_or_default(),
        cursor: hello.cursor,
        recheck: hello.recheck,
        live: hello.live.iter().map(AttemptId::try_from).collect::<Result<_, _>>()?,
        hold_secs: hello.hold_secs,
        acknowledged: hello.acknowledged,
        monitoring: hello.monitoring,
        takes_checks: hello.takes_checks,
    })
}

fn read_answer(said: CheckAnswer) -> Result<AgentAnswer, BadFrame> {
    let bytes: usize = said.answers.iter().flat_map(|a| &a.rows).map(String::len).sum();
    if bytes > ANSWER_BYTES_MAX {
        let why = format!("has {bytes} bytes of rows; send at most {ANSWER_BYTES_MAX} in one part");
        return Err(BadFrame::field("answers", why));
    }
    let answers = said.answers.into_iter().map(read_query_answer).collect::<Result<_, _>>()?;
    let CheckAnswer { check, snapshot, recheck, more, .. } = said;
    Ok(AgentAnswer { check, snapshot, recheck, more, answers })
}

fn read_query_answer(said: QueryAnswer) -> Result<OfferAnswer, BadFrame> {
    let offers = said.offers.iter().map(OfferId::try_from).collect::<Result<_, _>>()?;
    let outcome = if said.crashed {
        Err(CheckFailure::Crashed)
    } else if said.error.is_empty() {
        // A row that is none refuses its own hunt only; the other answers still count.
        match said.rows.iter().try_for_each(|row| check_row(row)) {
            Ok(()) => Ok(said.rows),
            Err(bad) => Err(CheckFailure::Failed(bad.to_string())),
        }
    } else {
        Err(CheckFailure::Failed(tame(&said.error, 1_000)))
    };
    Ok(OfferAnswer { offers, outcome })
}

fn read_report(report: Report) -> AgentReport {
    let number = report.number;
    let content = attempt_of(report.attempt.as_ref()).and_then(|attempt| {
        let said = match report.says.ok_or(BadFrame::Empty)? {
            ReportSays::Rows(rows) => Reported::Rows(unpack_rows(attempt, &rows)?),
            ReportSays::Log(log) => Reported::Log(log.seq, read_log(log)?),
            ReportSays::Upload(part) => Reported::Upload(read_part(part)?),
            ReportSays::Status(status) => Reported::Ended(read_status(status)?),
            ReportSays::Events(events) => Reported::Events(unpack_events(attempt, &events)?),
        };
        Ok((attempt, said))
    });
    AgentReport { number, content }
}

fn read_log(log: LogLines) -> Result<Vec<LogLine>, BadFrame> {
    if log.lines.len() > LOG_LINES_MAX {
        let why = format!("has {} lines; at most {LOG_LINES_MAX} are allowed", log.lines.len());
        return Err(BadFrame::field("log.lines", why));
    }
    log.lines
        .into_iter()
        .map(|line| {
            if line.text.len() > LOG_LINE_BYTES_MAX {
                let why = format!("has more than {LOG_LINE_BYTES_MAX} bytes");
                return Err(BadFrame::field("log.lines.text", why));
            }
            Ok(LogLine {
                time: base::Timestamp::from_micros(line.time_micros),
                level: level(&line.level).to_owned(),
                text: line.text,
            })
        })
        .collect()
}

/// The level with this name; whatever is not a level is shown as an ordinary line.
fn level(name: &str) -> &'static str {
    ["DEBUG", "INFO", "DEFAULT", "WARN", "ERROR", "ALERT"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("DEFAULT")
}

fn read_part(part: UploadPart) -> Result<FilePart, BadFrame> {
    let bad = |field, why: String| Err(BadFrame::field(field, why));
    if part.data.len() > UPLOAD_PART_BYTES_MAX {
        let why = format!("has {} bytes; at most {UPLOAD_PART_BYTES_MAX}", part.data.len());
        return bad("upload.data", why);
    }
    if part.path.is_empty() || part.path.len() > PATH_BYTES_MAX {
        return bad("upload.path", format!("must have 1 to {PATH_BYTES_MAX} bytes"));
    }
    if part.offset.checked_add(part.data.len() as u64).is_none() {
        return bad("upload.offset", "is beyond the end of any file".to_owned());
    }
    if part.data.is_empty() && !part.last {
        return bad("upload.data", "is empty, which only a last part may be".to_owned());
    }
    let sha256 = match (part.last, <[u8; 32]>::try_from(part.sha256.as_slice())) {
        (true, Ok(hash)) => Some(hash),
        (false, Err(_)) if part.sha256.is_empty() => None,
        (true | false, _) => {
            return bad("upload.sha256", "must have 32 bytes with the last part only".to_owned());
        }
    };
    Ok(FilePart {
        number: part.number,
        path: part.path,
        accessor: tame(&part.accessor, 100),
        declared_size: part.declared_size,
        offset: part.offset,
        data: part.data,
        sha256,
    })
}

fn read_status(status: Status) -> Result<AttemptEnd, BadFrame> {
    let outcome = match status.failure.as_str() {
        "" => AttemptOutcome::Finished,
        "cancelled" => AttemptOutcome::Cancelled,
        class => match FlowFailure::from_class(class, &tame(&status.detail, 4_000)) {
            Some(failure) => AttemptOutcome::Failed(failure),
            // A newer agent may know failures that this side does not.
            None => AttemptOutcome::Failed(FlowFailure::Query(format!(
                "{}: {}",
                tame(class, 100),
                tame(&status.detail, 4_000)
            ))),
        },
    };
    let sources = status.sources.into_iter().map(read_total).collect::<Result<Vec<_>, _>>()?;
    let brought = FlowYield {
        rows: sources.iter().fold(0u64, |sum, total| sum.saturating_add(total.rows)),
        uploads: status.uploads,
        upload_bytes: status.upload_bytes,
        cpu_millis: status.cpu_millis,
    };
    let windows = status.windows.into_iter().map(read_window).collect::<Result<Vec<_>, _>>()?;
    Ok(AttemptEnd { outcome, sources, brought, log_batches: status.log_batches, windows })
}

fn read_total(said: SourceCount) -> Result<SourceTotal, BadFrame> {
    if said.source.is_empty() || said.source.len() > SOURCE_BYTES_MAX {
        let why = format!("must have 1 to {SOURCE_BYTES_MAX} bytes");
        return Err(BadFrame::field("status.source", why));
    }
    Ok(SourceTotal { source: said.source, rows: said.rows, batches: said.batches })
}

impl AttemptOutcome {
    /// The word for this outcome on the wire; empty when it finished.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Finished => "",
            Self::Failed(failure) => failure.class(),
            Self::Cancelled => "cancelled",
        }
    }

    /// What is known beyond the class.
    pub fn detail(&self) -> &str {
        match self {
            Self::Finished | Self::Cancelled => "",
            Self::Failed(failure) => failure.detail(),
        }
    }
}

impl From<&AttemptEnd> for Status {
    fn from(end: &AttemptEnd) -> Self {
        let source = |total: &SourceTotal| SourceCount {
            source: total.source.clone(),
            rows: total.rows,
            batches: total.batches,
        };
        Self {
            failure: end.outcome.class().to_owned(),
            detail: end.outcome.detail().to_owned(),
            sources: end.sources.iter().map(source).collect(),
            uploads: end.brought.uploads,
            upload_bytes: end.brought.upload_bytes,
            cpu_millis: end.brought.cpu_millis,
            log_batches: end.log_batches,
            windows: end.windows.iter().map(WindowDone::from).collect(),
        }
    }
}
