//! How a hunt goes away: which may be deleted, which are kept how long, and the records of it.
//!
//! A deletion is two things: a mark, after which nobody finds the hunt any more, and the erasing of
//! what belongs to it, a bounded piece at a time, so that nobody waits for it. A kill in between
//! loses nothing: the mark is on the record, and the record goes last.
//!
//! # Not here
//!
//! The bytes of uploaded files: [`flows::uploads::UploadStore::condemned`] names content that nobody
//! refers to any more.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use model::hunt::{Hunt, HuntState};
use model::store::StoreError;

/// Deletes hunts.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - After [`delete`](Self::delete) no other port finds the hunt, lists it or lets it decide, admit or
///   move anything; its flows and rows may be seen until they are erased.
/// - [`erase`](Self::erase) takes away about `most` records of a marked hunt at a time, and the mark
///   with the hunt's own record at the very end. It may be called again after a kill at any point, and
///   by several servers at once. A flow with a half-sent file stays until that is given up, because
///   its bytes are found by its record. Files of the hunt whose content nobody else refers to are condemned in
///   the transaction that takes their records away.
/// - Records of other hunts and of people's own flows are never touched.
///
/// Every implementation runs `testkit::erasure_suite`.
#[async_trait]
pub trait EraseStore: Send + Sync {
    /// Marks a hunt that is over. [`StoreError::Conflict`] while it is not ([`may_be_deleted`]).
    async fn delete(&self, id: HuntId, now: Timestamp) -> Result<Hunt, StoreError>;

    /// Up to `limit` hunts that are marked, the oldest mark first.
    async fn deleted(&self, limit: u64) -> Result<Vec<HuntId>, StoreError>;

    /// Takes about `most` records of a marked hunt away, rows first, as
    /// [`flows::ResultStore::forget`] does. A hunt that is not marked has none.
    async fn erase(&self, id: HuntId, most: u64, now: Timestamp) -> Result<Erased, StoreError>;

    /// Up to `limit` hunts that are over, by id from beyond `after`, without those that are marked.
    async fn closed(&self, after: Option<HuntId>, limit: u64) -> Result<Vec<Hunt>, StoreError>;
}

/// What a piece of erasing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// So many records went.
    pub gone: u64,
    /// Some are left. When nothing went, they wait for something else: flows whose half-sent files are
    /// not given up yet.
    pub left: bool,
}

/// Whether a hunt in this state may be deleted.
pub fn may_be_deleted(hunt: &Hunt) -> Result<(), StoreError> {
    if hunt.state.is_at_rest() {
        return Ok(());
    }
    let (id, state) = (hunt.id, hunt.state.name());
    Err(StoreError::conflict(format!(
        "hunt {id} is {state}; only a hunt that is over can be deleted: stop it first"
    )))
}

/// How long hunts are kept after their end. Zero keeps them for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Without a tag that says otherwise.
    pub keep: Duration,
    /// Hunts with one of these tags; of several the longest counts.
    pub by_tag: BTreeMap<String, Duration>,
}

impl Retention {
    /// Whether anything is ever deleted.
    pub fn deletes(&self) -> bool {
        !self.keep.is_zero() || self.by_tag.values().any(|keep| !keep.is_zero())
    }

    /// How long this hunt is kept after its end; `None` for ever.
    pub fn of(&self, hunt: &Hunt) -> Option<Duration> {
        let named = hunt.spec.tags.iter().filter_map(|tag| self.by_tag.get(tag)).copied();
        let own: Vec<Duration> = named.collect();
        let keep = if own.iter().any(Duration::is_zero) {
            Duration::ZERO
        } else {
            own.into_iter().max().unwrap_or(self.keep)
        };
        (!keep.is_zero()).then_some(keep)
    }

    /// Whether a hunt's time is over at `now`. A draft has none, and what is not over is kept.
    pub fn is_over(&self, hunt: &Hunt, now: Timestamp) -> bool {
        let ended =
            matches!(hunt.state, HuntState::Stopped | HuntState::Completed | HuntState::Archived);
        let until = hunt.closed.zip(self.of(hunt)).map(|(closed, keep)| closed.plus(keep));
        ended && until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_hunt;

    const DAY: Duration = Duration::from_secs(86_400);

    fn retention() -> Retention {
        let by_tag = [("case".to_owned(), Duration::ZERO), ("sweep".to_owned(), DAY * 2)];
        Retention { keep: DAY * 30, by_tag: by_tag.into() }
    }

    #[track_caller]
    fn check(tags: &[&str], state: HuntState, closed_days_ago: i64, over: bool) {
        let mut hunt = Hunt { state, ..example_hunt(1) };
        hunt.closed = Some(Timestamp::EPOCH);
        hunt.spec.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let now = Timestamp::from_secs(closed_days_ago * 86_400);
        assert_eq!(retention().is_over(&hunt, now), over, "{tags:?} {closed_days_ago}");
    }

    #[test]
    fn a_tag_may_keep_a_hunt_longer_or_shorter() {
        check(&[], HuntState::Completed, 29, false);
        check(&[], HuntState::Completed, 30, true);
        check(&["sweep"], HuntState::Stopped, 2, true);
        check(&["other", "sweep"], HuntState::Archived, 1, false);
        check(&["case"], HuntState::Completed, 9_000, false);
        check(&["case", "sweep"], HuntState::Completed, 9_000, false);
    }

    #[test]
    fn what_is_not_over_is_never_deleted() {
        for state in [HuntState::Draft, HuntState::Running, HuntState::Paused, HuntState::Draining]
        {
            check(&["sweep"], state, 9_000, false);
        }
        for state in [HuntState::Running, HuntState::Paused, HuntState::Draining] {
            assert!(may_be_deleted(&Hunt { state, ..example_hunt(1) }).is_err());
        }
        assert!(may_be_deleted(&example_hunt(1)).is_ok());
        let nothing = Retention::default();
        assert!(!nothing.deletes() && nothing.of(&example_hunt(1)).is_none());
    }
}
