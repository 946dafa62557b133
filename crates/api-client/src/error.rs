//! Why a call failed, and who can mend it.

use base::Fault;

/// Why a call of the API failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server's address makes no sense.
    #[error(
        "`{address}` is not the address of a server: {reason}; write it as http://127.0.0.1:8889"
    )]
    BadAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server's certificate authority cannot be read.
    #[error("the certificate authority for {server} cannot be used: {reason}")]
    BadAuthority {
        /// Who was to be asked.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer.
    #[error("no answer from {server}: {reason}")]
    Unreachable {
        /// Who was asked.
        server: String,
        /// The innermost cause, in words.
        reason: String,
    },
    /// The server refused.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
        /// How to mend it; may be empty.
        hint: String,
        /// Problems in particular places.
        problems: Vec<api::Problem>,
        /// Names the request in the server's log; may be empty.
        request_id: String,
    },
    /// Something answered, but not as Lycaon does.
    #[error("the answer of {server} to `{asked}` is not understood: {reason}")]
    BadAnswer {
        /// Who was asked.
        server: String,
        /// What was asked.
        asked: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ApiError {
    /// Who can mend it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::BadAddress { .. } | Self::BadAuthority { .. } => Fault::Caller,
            Self::Unreachable { .. } => Fault::Busy,
            Self::BadAnswer { .. } => Fault::Ours,
            Self::Refused { status, .. } => match status {
                401 | 403 => Fault::Denied,
                404 => Fault::NotFound,
                409 | 412 => Fault::Conflict,
                429 | 503 => Fault::Busy,
                400..500 => Fault::Caller,
                _ => Fault::Ours,
            },
        }
    }

    /// What to try next; empty when there is nothing to say.
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { status: 401, hint, .. } if hint.is_empty() => {
                "sign in with `lycaon login`".into()
            }
            Self::Refused { hint, .. } => hint.clone(),
            Self::Unreachable { .. } => "is the server running, and is its address right?".into(),
            _ => String::new(),
        }
    }
}
