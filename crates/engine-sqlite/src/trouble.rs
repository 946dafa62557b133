//! What went wrong in SQLite, as sentences and classes.

use loghunt::engine::EngineError;
use rusqlite::ErrorCode;

use crate::lanes::{Stop, Stopped};

/// Says what SQLite said, and what follows from it.
pub(crate) fn said(place: &str, error: &rusqlite::Error, stop: &Stop) -> EngineError {
    if let Some(stopped) = stop.why() {
        return of_stop(place, stopped);
    }
    let code = error.sqlite_error_code();
    let message = format!("{place}: {error}");
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => EngineError::transient(
            format!("{message}; another program is writing: it is asked again later"),
        ),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::SchemaChanged
            | ErrorCode::DiskFull,
        ) => EngineError::transient(message),
        Some(ErrorCode::OutOfMemory | ErrorCode::TooBig) => EngineError::too_large(message),
        Some(ErrorCode::CannotOpen) => EngineError::permanent(format!(
            "{message}; check the path in the engine's `path` and that this program may read it"
        )),
        Some(ErrorCode::AuthorizationForStatementDenied) => EngineError::permanent(format!(
            "{message}; a question may only read tables of its own database"
        )),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            EngineError::permanent(format!("{message}; restore the file from a backup"))
        }
        _ => EngineError::permanent(message),
    }
}

/// Says why a question was ended from outside.
pub(crate) fn of_stop(place: &str, stopped: Stopped) -> EngineError {
    match stopped {
        Stopped::TimedOut => EngineError::too_large(format!(
            "{place}: the question took longer than its timeout; a smaller window may pass"
        )),
        Stopped::Cancelled => {
            EngineError::transient(format!("{place}: the question was cancelled"))
        }
    }
}
