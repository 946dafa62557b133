//! Why something could not be done, and whether doing it again may help.

use deadpool_postgres::PoolError;
use model::store::StoreError;
use tokio_postgres::error::SqlState;

/// What a call gives: its answer or a failure.
pub(crate) type Done<T> = Result<T, Failure>;

/// Why a call failed.
pub(crate) enum Failure {
    /// The server or the connection.
    Server(tokio_postgres::Error),
    /// No connection could be had.
    Pool(PoolError),
    /// The decision was to refuse.
    Store(StoreError),
    /// A record that can only have come from damage, or from a newer program.
    Unreadable(&'static str),
    /// Another client made the record at the same moment.
    Met,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    fn is(&self, states: &[SqlState]) -> bool {
        match self {
            Self::Server(error) => error.code().is_some_and(|code| states.contains(code)),
            Self::Pool(_) | Self::Store(_) | Self::Unreadable(_) | Self::Met => false,
        }
    }

    /// Whether the same transaction, begun again, may well succeed.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Met)
            || self.is(&[SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE])
    }

    /// Whether committed windows would have met.
    pub(crate) fn is_overlap(&self) -> bool {
        self.is(&[SqlState::EXCLUSION_VIOLATION])
    }

    /// The failure as the port tells it.
    pub(crate) fn while_doing(self, doing: &str) -> StoreError {
        match self {
            Self::Server(error) => StoreError::broken(doing, error),
            Self::Pool(error) => StoreError::broken(doing, error),
            Self::Store(error) => error,
            Self::Unreadable(what) => {
                StoreError::broken(doing, format!("a record has an unknown {what}"))
            }
            Self::Met => StoreError::broken(doing, "other clients made the same record each time"),
        }
    }
}
