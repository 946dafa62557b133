//! Words that every store port shares: what can go wrong, and how a page of a list is asked for.
//!
//! Not here: any store. Ports belong to the minds that need them.

use base::Fault;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The record does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// The record, for example `hunt H.01…`.
        what: String,
    },
    /// The record has changed meanwhile, or is in a state that does not allow this.
    #[error("{why}")]
    Conflict {
        /// A whole sentence: what stands in the way and what to do.
        why: String,
    },
    /// What was asked makes no sense.
    #[error("{why}")]
    Refused {
        /// A whole sentence: what is wrong and what to do.
        why: String,
    },
    /// The store cannot be reached, or is too busy: the same call may succeed later. Whether the
    /// change was made is not known; making it again does no harm.
    #[error("the store is away and could not {doing}; try again later")]
    Away {
        /// What it was to do, for example `record the answers of a check`.
        doing: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store itself failed.
    #[error("the store failed to {doing}")]
    Broken {
        /// What it was doing, for example `record the answers of a check`.
        doing: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A record that does not exist.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::NotFound { what: what.to_string() }
    }

    /// A record that stands in the way.
    pub fn conflict(why: impl Into<String>) -> Self {
        Self::Conflict { why: why.into() }
    }

    /// A request that makes no sense.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }

    /// A store that cannot be reached at the moment.
    pub fn away(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Away { doing: doing.into(), source: source.into() }
    }

    /// A failure of the store itself.
    pub fn broken(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken { doing: doing.into(), source: source.into() }
    }

    /// Who can mend it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. } => Fault::NotFound,
            Self::Conflict { .. } => Fault::Conflict,
            Self::Refused { .. } => Fault::Caller,
            Self::Away { .. } => Fault::Busy,
            Self::Broken { .. } => Fault::Ours,
        }
    }
}

/// Which stretch of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Records to skip.
    pub offset: u64,
    /// Records wanted at most.
    pub limit: u64,
}

impl Paging {
    /// The first `limit` records.
    pub fn first(limit: u64) -> Self {
        Self { offset: 0, limit }
    }

    /// Everything. For lists that are known to be short.
    pub const ALL: Self = Self { offset: 0, limit: u32::MAX as u64 };
}

impl Default for Paging {
    fn default() -> Self {
        Self::first(50)
    }
}

/// A stretch of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The records of this page.
    pub items: Vec<T>,
    /// How many records there are over all pages.
    pub total: u64,
}

impl<T> Page<T> {
    /// Cuts a page out of a whole list.
    pub fn cut(all: Vec<T>, paging: Paging) -> Self {
        let total = all.len() as u64;
        let skip = usize::try_from(paging.offset).unwrap_or(usize::MAX);
        let take = usize::try_from(paging.limit).unwrap_or(usize::MAX);
        Self { items: all.into_iter().skip(skip).take(take).collect(), total }
    }
}
