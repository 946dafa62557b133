//! Which stream of the records a lane of an assignment goes on with.
//!
//! What is remembered of it is a guess that the ledger corrects with the next step.

use std::sync::Arc;

use loghunt::ports::{SliceQuery, StreamQuery};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{Lane, Slice, SliceState};
use model::store::{Paging, StoreError};

use crate::prepare::Due;
use crate::shared::Shared;

impl Shared {
    /// The last epoch of a stream, as the records have it.
    pub(crate) async fn known_stream(
        &self,
        due: &Due,
        part: &Arc<str>,
    ) -> Result<Option<Stream>, StoreError> {
        if matches!(due.lane, Lane::Repair(_)) {
            return self.stream_to_repair(due, part).await;
        }
        let known = {
            let state = self.state.lock();
            state.targets.get(&due.name).and_then(|target| target.streams.get(part).cloned())
        };
        if known.as_ref().is_some_and(|stream| stream.status == StreamStatus::Active) {
            return Ok(known);
        }
        let key = &due.assignment.key;
        let query = StreamQuery {
            tenant: Some(key.tenant.clone()),
            dataset: Some(key.dataset.clone()),
            rule: Some(key.rule.clone()),
            lane: Some(due.lane.clone()),
            paging: Paging::ALL,
            ..StreamQuery::default()
        };
        let all = self.ports.ledger.streams(&query).await?.items;
        let last = all
            .into_iter()
            .filter(|stream| stream.key.part == *part)
            .max_by_key(|stream| stream.key.epoch);
        if let Some(stream) = &last {
            self.remember_stream(due, stream);
        }
        Ok(last)
    }

    /// The stream of a repair lane that has something to be run. Windows of an epoch that is over are
    /// repaired, too, so that it need not be the last one's.
    async fn stream_to_repair(
        &self,
        due: &Due,
        part: &Arc<str>,
    ) -> Result<Option<Stream>, StoreError> {
        let key = &due.assignment.key;
        let of = StreamQuery {
            tenant: Some(key.tenant.clone()),
            dataset: Some(key.dataset.clone()),
            rule: Some(key.rule.clone()),
            lane: Some(due.lane.clone()),
            ..StreamQuery::default()
        };
        let states = vec!["planned", "backoff", "leased", "running"];
        let query = SliceQuery { of, states, paging: Paging::ALL, ..SliceQuery::default() };
        let now = self.ports.ledger.now().await?;
        let mut open = self.ports.ledger.slices(&query).await?.items;
        open.retain(|slice| slice.key.part == *part);
        let is_ready = |slice: &&Slice| match &slice.state {
            SliceState::Backoff { not_before, .. } => *not_before <= now,
            state => state.lease().is_none_or(|lease| lease.until <= now),
        };
        match open.iter().find(is_ready).or(open.first()) {
            Some(slice) => self.ports.ledger.stream(&slice.key).await,
            None => Ok(None),
        }
    }

    pub(crate) fn remember_stream(&self, due: &Due, stream: &Stream) {
        let mut state = self.state.lock();
        if let Some(target) = state.targets.get_mut(&due.name) {
            target.streams.insert(stream.key.part.clone(), stream.clone());
        }
    }

    pub(crate) fn forget_stream(&self, due: &Due, part: &Arc<str>) {
        let mut state = self.state.lock();
        if let Some(target) = state.targets.get_mut(&due.name) {
            target.streams.remove(part);
        }
    }
}
