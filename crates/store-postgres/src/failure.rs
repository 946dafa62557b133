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
    /// It was given up: the database took too long.
    Late,
    /// The connection had ended before anything was done: the server went away while it lay in the pool.
    Dead(tokio_postgres::Error),
}

/// What is said of a database that took too long.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer in time")]
struct Late;

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

fn is_of_the_network(error: &tokio_postgres::Error) -> bool {
    use std::error::Error;
    error.source().is_some_and(|cause| cause.is::<std::io::Error>())
}

impl Failure {
    fn is(&self, states: &[SqlState]) -> bool {
        match self {
            Self::Server(error) => error.code().is_some_and(|code| states.contains(code)),
            Self::Pool(_) | Self::Store(_) | Self::Unreadable(_) => false,
            Self::Met | Self::Late | Self::Dead(_) => false,
        }
    }

    /// Whether the same transaction, begun again, may well succeed.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Met)
            || self.is(&[SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE])
    }

    /// The failure of something that may be done again on another connection.
    pub(crate) fn of_the_first_word(self) -> Self {
        match self {
            Self::Server(error) if error.is_closed() => Self::Dead(error),
            other => other,
        }
    }

    /// Whether another connection may be better.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self, Self::Dead(_))
    }

    /// Whether another client wrote the same key at the same moment: begun again, the transaction finds
    /// what that one wrote.
    pub(crate) fn met_another(&self) -> bool {
        self.passes() || self.is(&[SqlState::UNIQUE_VIOLATION])
    }

    /// Whether the database cannot be reached, or not now: the same call may succeed later.
    fn is_away(&self) -> bool {
        const AWAY: [SqlState; 8] = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ];
        match self {
            Self::Server(error) | Self::Pool(PoolError::Backend(error)) => match error.code() {
                Some(code) => AWAY.contains(code),
                None => error.is_closed() || is_of_the_network(error),
            },
            Self::Pool(_) | Self::Late | Self::Met | Self::Dead(_) => true,
            Self::Store(_) | Self::Unreadable(_) => false,
        }
    }

    /// Whether committed windows would have met.
    pub(crate) fn is_overlap(&self) -> bool {
        self.is(&[SqlState::EXCLUSION_VIOLATION])
    }

    /// The failure as the port tells it.
    pub(crate) fn while_doing(self, doing: &str) -> StoreError {
        let away = self.is_away();
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| match away {
            true => StoreError::away(doing, source),
            false => StoreError::broken(doing, source),
        };
        match self {
            Self::Server(error) | Self::Dead(error) => broken(error.into()),
            Self::Pool(error) => broken(error.into()),
            Self::Store(error) => error,
            Self::Unreadable(what) => {
                StoreError::broken(doing, format!("a record has an unknown {what}"))
            }
            Self::Met => broken("other clients made the same record each time".into()),
            Self::Late => broken(Late.into()),
        }
    }
}
