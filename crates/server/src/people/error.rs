//! Why a person's request failed, as a status and an [`ErrorBody`].
//!
//! A handler's error becomes an empty response that carries the error; the outermost layer, which
//! knows the request's name, writes the body. So every error has the same form.

use api::{ErrorBody, Problem};
use axum::response::{IntoResponse, Response};
use base::{Chain, Fault};
use hyper::StatusCode;
use model::store::StoreError;

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    /// The status.
    pub status: StatusCode,
    /// What was wrong, with its causes.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// Problems in particular fields.
    pub problems: Vec<Problem>,
}

impl ApiError {
    /// An error of this kind.
    pub(crate) fn new(fault: Fault, message: impl Into<String>) -> Self {
        let status = match fault {
            Fault::Caller => StatusCode::BAD_REQUEST,
            Fault::Denied => StatusCode::FORBIDDEN,
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::Conflict => StatusCode::CONFLICT,
            Fault::Busy => StatusCode::TOO_MANY_REQUESTS,
            Fault::Ours => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, message: message.into(), hint: String::new(), problems: Vec::new() }
    }

    /// The request makes no sense.
    pub(crate) fn caller(message: impl Into<String>) -> Self {
        Self::new(Fault::Caller, message)
    }

    /// A thing that does not exist, for example `flow F.…`.
    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Fault::NotFound, format!("{what} does not exist"))
    }

    /// The caller must sign in.
    pub(crate) fn sign_in(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new(Fault::Denied, message) }
            .hint("sign in, or send `Authorization: Bearer TOKEN`")
    }

    /// Problems in the fields of a body.
    pub(crate) fn problems(message: impl Into<String>, problems: Vec<Problem>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            problems,
            ..Self::new(Fault::Caller, message)
        }
    }

    /// The same error with a way out.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// The body for a request of this name. What is our own fault is told in the log only.
    pub(crate) fn body(&self, request_id: &str) -> ErrorBody {
        let ours = self.status == StatusCode::INTERNAL_SERVER_ERROR;
        let message = match ours {
            true => "the server could not do this; its log says why".to_owned(),
            false => self.message.clone(),
        };
        ErrorBody {
            message,
            hint: self.hint.clone(),
            request_id: request_id.to_owned(),
            problems: self.problems.clone(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            // Not the caller's doing, as too many requests would be.
            StoreError::Away { .. } => Some(StatusCode::SERVICE_UNAVAILABLE),
            _ => None,
        };
        let told = Self::new(error.fault(), Chain(&error).to_string());
        Self { status: status.unwrap_or(told.status), ..told }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// One problem in a field.
pub(crate) fn problem(field: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem {
        field: field.into(),
        start: None,
        end: None,
        line: None,
        column: None,
        severity: "error".into(),
        message: message.into(),
        hint: String::new(),
    }
}
