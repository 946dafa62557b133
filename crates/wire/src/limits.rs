//! Limits that both sides keep, checked before anything is parsed.

/// The protocol version spoken here.
pub const PROTOCOL: u32 = 1;

/// Bytes of one frame, either way.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes of rows in one batch, before compression.
pub const BATCH_BYTES_MAX: usize = 512 << 10;

/// Rows in one batch.
pub const BATCH_ROWS_MAX: usize = 5_000;

/// Bytes of one part of an uploaded file.
pub const UPLOAD_PART_BYTES_MAX: usize = 256 << 10;

/// Bytes an agent may have sent without an acknowledgement.
pub const OUTSTANDING_BYTES_MAX: usize = 4 << 20;

/// Bytes of an enrolment request.
pub const ENROL_BYTES_MAX: usize = 16 << 10;

/// Where an agent enrols: `POST`, without a client certificate.
pub const ENROL_PATH: &str = "/agent/v1/enrol";

/// Where an agent keeps its WebSocket.
pub const LINK_PATH: &str = "/agent/v1/link";

/// Where an agent posts frames and collects frames when no WebSocket can be had.
pub const POLL_PATH: &str = "/agent/v1/poll";

/// Where an agent fetches tools: `POST`, then the SHA-256 in hex, `/`, and the first byte wanted. The
/// answer is that byte and those behind it, at most [`TOOL_PIECE_BYTES`].
pub const TOOL_PATH: &str = "/agent/v1/tool/";

/// Bytes of a tool in one answer.
pub const TOOL_PIECE_BYTES: usize = 1 << 20;

/// Bytes of all rows in one [`crate::CheckAnswer`]; more are answered in parts.
pub const ANSWER_BYTES_MAX: usize = 900 << 10;

/// Bytes of one HTTP body of the fallback, either way.
pub const POLL_BYTES_MAX: usize = OUTSTANDING_BYTES_MAX + 2 * FRAME_BYTES_MAX;

/// Frames in one HTTP body of the fallback.
pub const POLL_FRAMES_MAX: usize = 10_000;

/// Characters of one fact that an agent states.
pub const FACT_CHARS_MAX: usize = 255;

/// Bytes of one log line; longer ones are cut by the agent.
pub const LOG_LINE_BYTES_MAX: usize = 16 << 10;

/// Log lines in one batch.
pub const LOG_LINES_MAX: usize = 1_000;

/// Bytes of a path that an agent names.
pub const PATH_BYTES_MAX: usize = 32 << 10;

/// Bytes of a source's name.
pub const SOURCE_BYTES_MAX: usize = 1_024;

/// How deep a row may nest.
pub const ROW_DEPTH_MAX: usize = 100;
