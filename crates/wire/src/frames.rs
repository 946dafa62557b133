//! The frames. Ids travel as their 16 bytes, big end first; moments as microseconds.

use prost::{Message, Oneof};

use crate::{Window, WindowDone};

/// Asks for a certificate.
#[derive(Clone, PartialEq, Message)]
pub struct EnrolRequest {
    /// Token as given out: `id.secret`.
    #[prost(string, tag = "1")]
    pub token: String,
    /// Certificate signing request, DER; its key is the client's identity.
    #[prost(bytes = "vec", tag = "2")]
    pub csr: Vec<u8>,
    /// First facts.
    #[prost(message, optional, tag = "3")]
    pub facts: Option<Facts>,
}

/// The answer to [`EnrolRequest`].
#[derive(Clone, PartialEq, Message)]
pub struct EnrolReply {
    /// The client's certificate, DER; empty when refused.
    #[prost(bytes = "vec", tag = "1")]
    pub certificate: Vec<u8>,
    /// The identity the server gave, `C.…`.
    #[prost(string, tag = "2")]
    pub client: String,
    /// Why not, for the agent's log; empty when accepted.
    #[prost(string, tag = "3")]
    pub refused: String,
}

/// What an agent says of its machine.
#[derive(Clone, PartialEq, Message)]
pub struct Facts {
    /// Short name.
    #[prost(string, tag = "1")]
    pub hostname: String,
    /// Full name.
    #[prost(string, tag = "2")]
    pub fqdn: String,
    /// `linux`, `windows`, `darwin`.
    #[prost(string, tag = "3")]
    pub os: String,
    /// Distribution or edition with version.
    #[prost(string, tag = "4")]
    pub platform: String,
    /// `amd64`, `arm64`.
    #[prost(string, tag = "5")]
    pub architecture: String,
    /// The agent's version.
    #[prost(string, tag = "6")]
    pub agent_version: String,
}

/// Everything an agent says.
#[derive(Clone, PartialEq, Message)]
pub struct AgentFrame {
    /// What it is.
    #[prost(oneof = "AgentSays", tags = "1, 2, 3, 4, 5")]
    pub says: Option<AgentSays>,
}

/// The kinds of [`AgentFrame`].
#[derive(Clone, PartialEq, Oneof)]
pub enum AgentSays {
    /// First frame of a connection.
    #[prost(message, tag = "1")]
    Hello(Hello),
    /// Are there newer hunts?
    #[prost(message, tag = "2")]
    Poll(ForemanPoll),
    /// Rows of the client queries.
    #[prost(message, tag = "3")]
    Answer(CheckAnswer),
    /// A flow request is on the agent's disk.
    #[prost(message, tag = "4")]
    Receipt(FlowReceipt),
    /// Something numbered, kept on the agent's disk until acknowledged.
    #[prost(message, tag = "5")]
    Report(Report),
}

/// Everything the server says.
#[derive(Clone, PartialEq, Message)]
pub struct ServerFrame {
    /// What it is.
    #[prost(oneof = "ServerSays", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub says: Option<ServerSays>,
}

/// The kinds of [`ServerFrame`].
#[derive(Clone, PartialEq, Oneof)]
pub enum ServerSays {
    /// Answers [`Hello`].
    #[prost(message, tag = "1")]
    Welcome(Welcome),
    /// Newer offers exist.
    #[prost(message, tag = "2")]
    HuntsChanged(HuntsChanged),
    /// The client queries of newer offers.
    #[prost(message, tag = "3")]
    Check(Check),
    /// The agent may persist this cursor.
    #[prost(message, tag = "4")]
    CursorAck(CursorAck),
    /// Collect this.
    #[prost(message, tag = "5")]
    FlowRequest(FlowRequest),
    /// Stop that.
    #[prost(message, tag = "6")]
    FlowCancel(FlowCancel),
    /// Reports that are durable or refused.
    #[prost(message, tag = "7")]
    ReportAck(ReportAck),
    /// The server will close the connection.
    #[prost(message, tag = "8")]
    Bye(Bye),
    /// What the agent is to monitor from now on.
    #[prost(message, tag = "9")]
    Monitoring(Monitoring),
}

/// First frame of an agent on every connection.
#[derive(Clone, PartialEq, Message)]
pub struct Hello {
    /// [`crate::PROTOCOL`] of the agent.
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Of its machine.
    #[prost(message, optional, tag = "2")]
    pub facts: Option<Facts>,
    /// `last_hunt_timestamp`.
    #[prost(uint64, tag = "3")]
    pub cursor: u64,
    /// Attempts that the agent holds: running, or with reports not acknowledged yet.
    #[prost(message, repeated, tag = "4")]
    pub live: Vec<Attempt>,
    /// The recheck mark it last answered.
    #[prost(uint64, tag = "5")]
    pub recheck: u64,
    /// Over HTTP: seconds the answer may be held back while there is nothing to say.
    #[prost(uint32, tag = "6")]
    pub hold_secs: u32,
    /// All reports up to this one are acknowledged; the next one on this connection follows it.
    #[prost(uint64, tag = "7")]
    pub acknowledged: u64,
    /// [`Monitoring::id`] of what the agent monitors, 0 for nothing. Absent when it cannot monitor;
    /// then the server never sends [`Monitoring`].
    #[prost(uint64, optional, tag = "8")]
    pub monitoring: Option<u64>,
    /// Whether the agent takes a [`Check`] that it did not poll for. When not, it is only told that
    /// there are newer offers.
    #[prost(bool, tag = "9")]
    pub takes_checks: bool,
}

/// One attempt of one flow.
#[derive(Clone, PartialEq, Message)]
pub struct Attempt {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub flow: Vec<u8>,
    /// From 1.
    #[prost(uint32, tag = "2")]
    pub attempt: u32,
}

/// Answers [`Hello`].
#[derive(Clone, PartialEq, Message)]
pub struct Welcome {
    /// [`crate::PROTOCOL`] of the server.
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Newest offer; an agent with a lower cursor polls.
    #[prost(uint64, tag = "2")]
    pub newest_offer: u64,
    /// Labels the server gave this client, for `config.Client_labels`.
    #[prost(string, repeated, tag = "3")]
    pub labels: Vec<String>,
    /// The recheck mark: when it differs from the agent's, the agent polls with cursor 0.
    #[prost(uint64, tag = "4")]
    pub recheck: u64,
    /// Seconds between polls when no push arrives.
    #[prost(uint32, tag = "5")]
    pub poll_secs: u32,
}

/// Are there offers newer than this?
#[derive(Clone, PartialEq, Message)]
pub struct ForemanPoll {
    /// `last_hunt_timestamp`; 0 when the recheck mark changed.
    #[prost(uint64, tag = "1")]
    pub cursor: u64,
    /// The recheck mark under which the agent polls; `CursorAck` gives it back.
    #[prost(uint64, tag = "2")]
    pub recheck: u64,
}

/// Newer offers exist, or the client's labels changed.
#[derive(Clone, PartialEq, Message)]
pub struct HuntsChanged {
    /// Newest offer.
    #[prost(uint64, tag = "1")]
    pub newest_offer: u64,
    /// New recheck mark; 0 when labels did not change.
    #[prost(uint64, tag = "2")]
    pub recheck: u64,
    /// Labels that belong to the new mark.
    #[prost(string, repeated, tag = "3")]
    pub labels: Vec<String>,
}

/// Which hunt, round and revision a client query stands for. Never a hunt's name.
#[derive(Clone, PartialEq, Message)]
pub struct Offer {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub hunt: Vec<u8>,
    /// From 1.
    #[prost(uint32, tag = "2")]
    pub round: u32,
    /// From 1.
    #[prost(uint32, tag = "3")]
    pub revision: u32,
}

/// One client query, asked once for all the hunts that share it.
#[derive(Clone, PartialEq, Message)]
pub struct ClientQuery {
    /// VQL.
    #[prost(string, tag = "1")]
    pub vql: String,
    /// Who wants to know.
    #[prost(message, repeated, tag = "2")]
    pub offers: Vec<Offer>,
    /// Milliseconds it may take.
    #[prost(uint32, tag = "3")]
    pub timeout_millis: u32,
    /// Rows it may give.
    #[prost(uint32, tag = "4")]
    pub rows_max: u32,
    /// Bytes of rows it may give.
    #[prost(uint32, tag = "5")]
    pub bytes_max: u32,
}

/// CheckHuntCondition: all client queries that are newer than the cursor.
#[derive(Clone, PartialEq, Message)]
pub struct Check {
    /// Names this check in its answer.
    #[prost(uint64, tag = "1")]
    pub check: u64,
    /// The greatest offer of the snapshot it was made from.
    #[prost(uint64, tag = "2")]
    pub snapshot: u64,
    /// What is asked.
    #[prost(message, repeated, tag = "3")]
    pub queries: Vec<ClientQuery>,
}

/// What one client query gave.
#[derive(Clone, PartialEq, Message)]
pub struct QueryAnswer {
    /// Whom it answers.
    #[prost(message, repeated, tag = "1")]
    pub offers: Vec<Offer>,
    /// JSON objects.
    #[prost(string, repeated, tag = "2")]
    pub rows: Vec<String>,
    /// Set when it failed or ran out of a limit.
    #[prost(string, tag = "3")]
    pub error: String,
    /// The agent died while it evaluated this query.
    #[prost(bool, tag = "4")]
    pub crashed: bool,
}

/// Answers a [`Check`].
#[derive(Clone, PartialEq, Message)]
pub struct CheckAnswer {
    /// Of the check.
    #[prost(uint64, tag = "1")]
    pub check: u64,
    /// Of the check.
    #[prost(uint64, tag = "2")]
    pub snapshot: u64,
    /// One for each query.
    #[prost(message, repeated, tag = "3")]
    pub answers: Vec<QueryAnswer>,
    /// The recheck mark under which the agent polled.
    #[prost(uint64, tag = "4")]
    pub recheck: u64,
    /// Further parts of this answer follow; the server decides each part as it comes and sends
    /// `CursorAck` after the last.
    #[prost(bool, tag = "5")]
    pub more: bool,
}

/// The agent may persist this cursor.
#[derive(Clone, PartialEq, Message)]
pub struct CursorAck {
    /// New `last_hunt_timestamp`.
    #[prost(uint64, tag = "1")]
    pub cursor: u64,
    /// The recheck mark that is answered with it.
    #[prost(uint64, tag = "2")]
    pub recheck: u64,
}

/// Limits of one flow. Zero means none.
#[derive(Clone, PartialEq, Message)]
pub struct Limits {
    /// Rows over all sources.
    #[prost(uint64, tag = "1")]
    pub rows_max: u64,
    /// Bytes of uploads.
    #[prost(uint64, tag = "2")]
    pub upload_bytes_max: u64,
    /// Percent of one processor.
    #[prost(uint32, tag = "3")]
    pub cpu_percent: u32,
    /// From the receipt on.
    #[prost(uint64, tag = "4")]
    pub timeout_millis: u64,
    /// Without progress.
    #[prost(uint64, tag = "5")]
    pub progress_millis: u64,
}

/// A named text: a parameter or a variable.
#[derive(Clone, PartialEq, Message)]
pub struct Pair {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value, as text.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// One source of a compiled artifact.
#[derive(Clone, PartialEq, Message)]
pub struct Source {
    /// `Artifact` or `Artifact/Source`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// VQL statements.
    #[prost(string, tag = "2")]
    pub vql: String,
    /// VQL; empty when there is none.
    #[prost(string, tag = "3")]
    pub precondition: String,
}

/// One compiled artifact, ready to run.
#[derive(Clone, PartialEq, Message)]
pub struct Collection {
    /// The artifact's name.
    #[prost(string, tag = "1")]
    pub artifact: String,
    /// Parameters as text, before conversion.
    #[prost(message, repeated, tag = "2")]
    pub environment: Vec<Pair>,
    /// Conversions, exports and imports, before every source.
    #[prost(string, tag = "3")]
    pub prelude: String,
    /// In order.
    #[prost(message, repeated, tag = "4")]
    pub sources: Vec<Source>,
    /// One scope for each source instead of one for all.
    #[prost(bool, tag = "5")]
    pub parallel: bool,
    /// YAML of the artifacts that it calls.
    #[prost(string, repeated, tag = "6")]
    pub dependencies: Vec<String>,
    /// Files that it needs, to be fetched below [`crate::TOOL_PATH`] before it runs.
    #[prost(message, repeated, tag = "7")]
    pub tools: Vec<Tool>,
    /// For a recurring hunt: the stretch of time that its sources read.
    #[prost(message, optional, tag = "8")]
    pub window: Option<Window>,
}

/// A file that an artifact needs on the machine. Queries see it as `Tool_<name>_…`.
#[derive(Clone, PartialEq, Message)]
pub struct Tool {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version; may be empty.
    #[prost(string, tag = "2")]
    pub version: String,
    /// What the file is called.
    #[prost(string, tag = "3")]
    pub filename: String,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub sha256: Vec<u8>,
    /// Its bytes.
    #[prost(uint64, tag = "5")]
    pub size: u64,
}

/// Collect this.
#[derive(Clone, PartialEq, Message)]
pub struct FlowRequest {
    /// Which attempt of which flow.
    #[prost(message, optional, tag = "1")]
    pub attempt: Option<Attempt>,
    /// What.
    #[prost(message, repeated, tag = "2")]
    pub collections: Vec<Collection>,
    /// Within which limits.
    #[prost(message, optional, tag = "3")]
    pub limits: Option<Limits>,
}

/// A flow request is on the agent's disk.
#[derive(Clone, PartialEq, Message)]
pub struct FlowReceipt {
    /// Which.
    #[prost(message, optional, tag = "1")]
    pub attempt: Option<Attempt>,
}

/// Stop that flow, whatever its attempt.
#[derive(Clone, PartialEq, Message)]
pub struct FlowCancel {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub flow: Vec<u8>,
}

/// Something that the agent keeps on disk until it is acknowledged.
#[derive(Clone, PartialEq, Message)]
pub struct Report {
    /// Its place in the agent's spool; grows without gaps over the agent's life.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Whose it is.
    #[prost(message, optional, tag = "2")]
    pub attempt: Option<Attempt>,
    /// What it is.
    #[prost(oneof = "ReportSays", tags = "3, 4, 5, 6, 7")]
    pub says: Option<ReportSays>,
}

/// The kinds of [`Report`].
#[derive(Clone, PartialEq, Oneof)]
pub enum ReportSays {
    /// Rows of one source.
    #[prost(message, tag = "3")]
    Rows(Rows),
    /// Log lines.
    #[prost(message, tag = "4")]
    Log(LogLines),
    /// A part of a file.
    #[prost(message, tag = "5")]
    Upload(UploadPart),
    /// The attempt is over.
    #[prost(message, tag = "6")]
    Status(Status),
    /// Rows of a monitored source. The report's attempt names the run.
    #[prost(message, tag = "7")]
    Events(Events),
}

/// A numbered batch of rows of one source.
#[derive(Clone, PartialEq, Message)]
pub struct Rows {
    /// The source.
    #[prost(string, tag = "1")]
    pub source: String,
    /// Counts the batches of this attempt and source from 0.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// How many rows there are.
    #[prost(uint32, tag = "3")]
    pub count: u32,
    /// JSON objects, one a line.
    #[prost(bytes = "vec", tag = "4")]
    pub jsonl: Vec<u8>,
    /// `jsonl` is compressed with zstd; at most [`crate::BATCH_BYTES_MAX`] bytes when unpacked.
    #[prost(bool, tag = "5")]
    pub zstd: bool,
}

/// A numbered batch of a monitored source.
#[derive(Clone, PartialEq, Message)]
pub struct Events {
    /// The rows; batches are counted from 0 in each run, for rows and log apart.
    #[prost(message, optional, tag = "1")]
    pub rows: Option<Rows>,
    /// When the first row was met, by the client's clock.
    #[prost(int64, tag = "2")]
    pub first_micros: i64,
    /// For each row: microseconds since the row before it, 0 for the first.
    #[prost(sint64, repeated, tag = "3")]
    pub since_last: Vec<i64>,
    /// The rows are log lines: objects with `level` and `text`.
    #[prost(bool, tag = "4")]
    pub log: bool,
}

/// One event artifact to run for as long as it is wanted.
#[derive(Clone, PartialEq, Message)]
pub struct Monitored {
    /// What.
    #[prost(message, optional, tag = "1")]
    pub collection: Option<Collection>,
    /// Percent of one processor for each source; 0: no limit.
    #[prost(uint32, tag = "2")]
    pub cpu_percent: u32,
    /// Rows in a second for each source; 0: no limit.
    #[prost(uint32, tag = "3")]
    pub rows_per_second: u32,
    /// Rows in one batch; 0 leaves it to the agent.
    #[prost(uint32, tag = "4")]
    pub batch_rows: u32,
    /// Bytes in one batch; 0 leaves it to the agent.
    #[prost(uint32, tag = "5")]
    pub batch_bytes: u32,
    /// How long a row waits for its batch to fill; 0 leaves it to the agent.
    #[prost(uint32, tag = "6")]
    pub batch_wait_millis: u32,
}

/// All that an agent is to monitor, instead of what it monitored before.
#[derive(Clone, PartialEq, Message)]
pub struct Monitoring {
    /// Names this list; 0 exactly when it is empty.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// What.
    #[prost(message, repeated, tag = "2")]
    pub wanted: Vec<Monitored>,
}

/// Log lines of an attempt.
#[derive(Clone, PartialEq, Message)]
pub struct LogLines {
    /// Counts the batches of this attempt's log from 0.
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    /// In order.
    #[prost(message, repeated, tag = "2")]
    pub lines: Vec<LogLine>,
}

/// One log line.
#[derive(Clone, PartialEq, Message)]
pub struct LogLine {
    /// The client's clock.
    #[prost(int64, tag = "1")]
    pub time_micros: i64,
    /// `DEBUG`, `INFO`, `DEFAULT`, `WARN`, `ERROR`, `ALERT`.
    #[prost(string, tag = "2")]
    pub level: String,
    /// What was said.
    #[prost(string, tag = "3")]
    pub text: String,
}

/// A part of an uploaded file. The first part of a file is at offset 0 and declares its size.
#[derive(Clone, PartialEq, Message)]
pub struct UploadPart {
    /// The file's number within the attempt, from 0.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// The path as the client names it.
    #[prost(string, tag = "2")]
    pub path: String,
    /// The accessor it was read through.
    #[prost(string, tag = "3")]
    pub accessor: String,
    /// Bytes the whole file has, as far as is known.
    #[prost(uint64, tag = "4")]
    pub declared_size: u64,
    /// Where this part begins.
    #[prost(uint64, tag = "5")]
    pub offset: u64,
    /// Its bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub data: Vec<u8>,
    /// This is the last part; `sha256` is that of the whole file.
    #[prost(bool, tag = "7")]
    pub last: bool,
    /// 32 bytes with the last part, else empty.
    #[prost(bytes = "vec", tag = "8")]
    pub sha256: Vec<u8>,
}

/// How much one source gave.
#[derive(Clone, PartialEq, Message)]
pub struct SourceCount {
    /// The source.
    #[prost(string, tag = "1")]
    pub source: String,
    /// Its rows.
    #[prost(uint64, tag = "2")]
    pub rows: u64,
    /// Its batches.
    #[prost(uint64, tag = "3")]
    pub batches: u64,
}

/// The attempt is over. Always its last report.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// Empty when it finished; else a failure's class, or `cancelled`.
    #[prost(string, tag = "1")]
    pub failure: String,
    /// What is known beyond the class.
    #[prost(string, tag = "2")]
    pub detail: String,
    /// Declared rows; must be what arrived.
    #[prost(message, repeated, tag = "3")]
    pub sources: Vec<SourceCount>,
    /// Declared files.
    #[prost(uint64, tag = "4")]
    pub uploads: u64,
    /// Declared bytes of them.
    #[prost(uint64, tag = "5")]
    pub upload_bytes: u64,
    /// Processor time used.
    #[prost(uint64, tag = "6")]
    pub cpu_millis: u64,
    /// Declared batches of log lines.
    #[prost(uint64, tag = "7")]
    pub log_batches: u64,
    /// The windows that its sources have read.
    #[prost(message, repeated, tag = "8")]
    pub windows: Vec<WindowDone>,
}

/// A report that the server will never accept; the agent drops it.
#[derive(Clone, PartialEq, Message)]
pub struct Rejected {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Why, for the agent's log.
    #[prost(string, tag = "2")]
    pub reason: String,
}

/// Reports that are durable or refused.
#[derive(Clone, PartialEq, Message)]
pub struct ReportAck {
    /// All reports up to and including this number are durable or rejected.
    #[prost(uint64, tag = "1")]
    pub up_to: u64,
    /// Those among them that were not accepted.
    #[prost(message, repeated, tag = "2")]
    pub rejected: Vec<Rejected>,
}

/// The server will close the connection.
#[derive(Clone, PartialEq, Message)]
pub struct Bye {
    /// Why, for the agent's log.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// The client must not come back: its certificate was revoked.
    #[prost(bool, tag = "2")]
    pub for_ever: bool,
    /// Seconds to wait before the next attempt; 0 leaves it to the agent.
    #[prost(uint32, tag = "3")]
    pub retry_secs: u32,
}
