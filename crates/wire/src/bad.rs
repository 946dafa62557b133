//! Why a frame is not accepted.

use crate::{FRAME_BYTES_MAX, PROTOCOL};

/// Why bytes are not a frame that this side accepts. Whoever sent it has broken the protocol; the
/// connection ends with this sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Larger than any frame may be.
    #[error("a frame of {bytes} bytes; at most {FRAME_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its size, as far as it is known.
        bytes: usize,
    },
    /// Not protobuf, or a field of another type.
    #[error("the bytes are not a frame of protocol {PROTOCOL}: {why}")]
    Undecodable {
        /// What the decoder said.
        why: String,
    },
    /// A frame without content, or with content newer than this side knows.
    #[error("the frame says nothing that protocol {PROTOCOL} knows")]
    Empty,
    /// A field that must be there is not.
    #[error("`{field}` is missing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field has a value that makes no sense.
    #[error("`{field}` {why}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong with it and what would be right.
        why: String,
    },
    /// A sequence ends in the middle of a frame.
    #[error("the sequence ends in the middle of a frame; {wanted} more bytes were announced")]
    Torn {
        /// How many bytes are missing.
        wanted: usize,
    },
}

impl BadFrame {
    pub(crate) fn field(field: &'static str, why: impl Into<String>) -> Self {
        Self::Field { field, why: why.into() }
    }
}
