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
