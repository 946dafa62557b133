//! The register of segments in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use model::flow::FlowOrigin;
use model::results::ResultScope;
use model::store::StoreError;

use super::{MemFlows, Records};
use crate::hot::{
    BatchHead, HotBatch, HotRows, Registered, Ripe, Segment, SegmentChange, Series, View,
};

#[derive(Default)]
pub(super) struct Segments {
    live: BTreeMap<String, Segment>,
    doomed: BTreeMap<String, Timestamp>,
    /// Doomed keys whose objects are gone.
    erased: BTreeSet<String>,
    fence: u64,
}

impl Segments {
    fn doom(&mut self, key: &str, now: Timestamp) {
        self.live.remove(key);
        self.doomed.entry(key.to_owned()).or_insert(now);
    }

    pub(super) fn doom_hunt(&mut self, hunt: HuntId, now: Timestamp) {
        let of_hunt = self.live.values().filter(|segment| segment.series.hunt == hunt);
        let keys: Vec<String> = of_hunt.map(|segment| segment.key.clone()).collect();
        keys.iter().for_each(|key| self.doom(key, now));
    }

    fn of(&self, scope: ResultScope, records: &Records) -> Vec<Segment> {
        let (hunt, round) = match scope {
            ResultScope::Hunt { hunt, round } => (hunt, Some(round)),
            ResultScope::Rounds(hunt) => (hunt, None),
            ResultScope::Flow(flow) => match records.flows.get(&flow).map(|flow| flow.origin) {
                Some(FlowOrigin::Hunt { hunt, round }) => (hunt, Some(round)),
                Some(FlowOrigin::Direct) | None => return Vec::new(),
            },
        };
        let of_scope = |segment: &&Segment| {
            segment.series.hunt == hunt && round.is_none_or(|round| segment.series.round == round)
        };
        let mut found: Vec<Segment> = self.live.values().filter(of_scope).cloned().collect();
        found.sort_by(|a, b| (a.first, &a.key).cmp(&(b.first, &b.key)));
        found
    }
}

impl Records {
    /// The series that a batch could leave for.
    fn series_of(&self, arrival: u64) -> Option<Series> {
        let held = self.evidence.batches.get(&arrival)?;
        let flow = self.flows.get(&held.batch.attempt.flow)?;
        let FlowOrigin::Hunt { hunt, round } = flow.origin else { return None };
        let series = Series { hunt, round, source: held.batch.source.clone() };
        self.is_in(ResultScope::Hunt { hunt, round }, held.batch.attempt).then_some(series)
    }

    /// Why a change cannot be made.
    fn objection(&self, change: &SegmentChange) -> Option<String> {
        let (new, held) = (&change.segment, &self.segments);
        if held.doomed.contains_key(&new.key) {
            return Some(format!("segment {} is doomed", new.key));
        }
        if change.fence.is_some_and(|fence| fence < held.fence) {
            return Some("somebody else writes segments now".to_owned());
        }
        let (mut rows, mut batches) = (0, 0);
        for arrival in &change.batches {
            if self.series_of(*arrival).as_ref() != Some(&new.series) {
                return Some(format!("batch {arrival} is not here, or not of this series"));
            }
            rows +=
                self.evidence.batches.get(arrival).map_or(0, |held| held.batch.rows.len() as u64);
            batches += 1;
        }
        for key in &change.replaces {
            let live = held.live.get(key).filter(|live| live.series == new.series);
            let Some(live) = live else { return Some(format!("segment {key} is not live")) };
            (rows, batches) = (rows + live.rows, batches + live.batches);
        }
        ((rows, batches) != (new.rows, new.batches)).then(|| {
            format!(
                "the segment has {} rows in {} batches instead of {rows} in {batches}",
                new.rows, new.batches
            )
        })
    }
}

#[async_trait]
impl HotRows for MemFlows {
    async fn ripe(&self, limit: u64) -> Result<Vec<Ripe>, StoreError> {
        let records = self.records.lock();
        let mut found: BTreeMap<Series, Ripe> = BTreeMap::new();
        for (arrival, held) in &records.evidence.batches {
            let Some(series) = records.series_of(*arrival) else { continue };
            let ripe = found.entry(series.clone()).or_insert_with(|| Ripe {
                series,
                batches: 0,
                rows: 0,
                oldest: held.stored,
            });
            ripe.batches += 1;
            ripe.rows += held.batch.rows.len() as u64;
            ripe.oldest = ripe.oldest.min(held.stored);
        }
        let mut found: Vec<Ripe> = found.into_values().collect();
        found.sort_by_key(|ripe| std::cmp::Reverse(ripe.rows));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn scattered(&self, rows_max: u64, limit: u64) -> Result<Vec<Series>, StoreError> {
        let records = self.records.lock();
        let mut small: BTreeMap<&Series, u64> = BTreeMap::new();
        for segment in records.segments.live.values().filter(|live| live.rows <= rows_max) {
            *small.entry(&segment.series).or_default() += 1;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let several = small.into_iter().filter(|(_, count)| *count > 1);
        Ok(several.map(|(series, _)| series.clone()).take(limit).collect())
    }

    async fn view(&self, scope: ResultScope, source: Option<&str>) -> Result<View, StoreError> {
        let records = self.records.lock();
        let mut segments = records.segments.of(scope, &records);
        segments.retain(|segment| source.is_none_or(|source| segment.series.source == source));
        let hot = records.batches_in(scope, source);
        let hot =
            hot.map(|(arrival, held)| BatchHead { arrival, rows: held.batch.rows.len() as u64 });
        Ok(View { segments, hot: hot.collect() })
    }

    async fn has_segments(&self, scope: ResultScope) -> Result<bool, StoreError> {
        let records = self.records.lock();
        Ok(!records.segments.of(scope, &records).is_empty())
    }

    async fn read_hot(&self, arrivals: &[u64]) -> Result<Vec<HotBatch>, StoreError> {
        let records = self.records.lock();
        let found = arrivals.iter().filter_map(|arrival| {
            let held = records.evidence.batches.get(arrival)?;
            Some(HotBatch {
                arrival: *arrival,
                client: held.client,
                hostname: self.hostname(held.client),
                flow: held.batch.attempt.flow,
                round: held.round,
                source: held.batch.source.clone(),
                stored: held.stored,
                rows: held.batch.rows.clone(),
            })
        });
        Ok(found.collect())
    }

    async fn register(
        &self,
        change: &SegmentChange,
        now: Timestamp,
    ) -> Result<Registered, StoreError> {
        let mut records = self.records.lock();
        if records.segments.live.contains_key(&change.segment.key) {
            return Ok(Registered::Already);
        }
        if let Some(why) = records.objection(change) {
            return Ok(Registered::Stale(why));
        }
        for arrival in &change.batches {
            records.evidence.batches.remove(arrival);
        }
        let segments = &mut records.segments;
        change.replaces.iter().for_each(|key| segments.doom(key, now));
        segments.fence = segments.fence.max(change.fence.unwrap_or(0));
        let segment = Segment { registered: now, ..change.segment.clone() };
        segments.live.insert(segment.key.clone(), segment);
        Ok(Registered::Done)
    }

    async fn condemn(&self, keys: &[String], now: Timestamp) -> Result<Vec<String>, StoreError> {
        let segments = &mut self.records.lock().segments;
        let dead = keys.iter().filter(|key| !segments.live.contains_key(*key));
        let dead: Vec<String> = dead.cloned().collect();
        for key in &dead {
            segments.doom(key, now);
            // Somebody has seen its object.
            segments.erased.remove(key);
        }
        Ok(dead)
    }

    async fn doomed(&self, before: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        let segments = &self.records.lock().segments;
        let waiting = segments
            .doomed
            .iter()
            .filter(|(key, since)| **since < before && !segments.erased.contains(*key));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(waiting.map(|(key, _)| key.clone()).take(limit).collect())
    }

    async fn erased(&self, keys: &[String]) -> Result<(), StoreError> {
        let segments = &mut self.records.lock().segments;
        let doomed = keys.iter().filter(|key| segments.doomed.contains_key(*key)).cloned();
        let doomed: Vec<String> = doomed.collect();
        segments.erased.extend(doomed);
        Ok(())
    }
}
