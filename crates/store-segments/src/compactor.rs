//! Moves rows that rest to segments, makes small segments into larger ones, and removes objects that
//! nobody needs.
//!
//! Each step may be the last of a process: an object becomes part of the results in one transaction of
//! the record store and not before, so a step that was broken off leaves at most an object that nobody
//! knows, and the next sweep finds it.

use std::sync::Arc;

use base::{Clock, Entropy, Timestamp};
use flows::hot::{BatchHead, HotBatch, Registered, Segment, SegmentChange, Series};
use model::results::ResultScope;
use model::store::StoreError;
use parking_lot::Mutex;

use crate::file::{SegmentFile, is_gone};
use crate::plan::Policy;
use crate::results::SegmentedResults;
use crate::work::on_own_threads;
use crate::writer::SegmentWriter;

/// Series that are looked at in one round.
const SERIES_MAX: u64 = 64;
/// Hot batches that are read at once.
const READ_AT_ONCE: usize = 256;
/// Rows that are copied at once, except those of one batch.
const COPIED_AT_ONCE: u32 = 2_048;
/// Objects that are removed in one round.
const REMOVED_MAX: u64 = 1_000;

/// What a round has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Segments that were written from hot rows.
    pub segments: u64,
    /// The rows in them.
    pub rows: u64,
    /// Segments that took the place of smaller ones.
    pub merged: u64,
    /// Objects that were removed.
    pub removed: u64,
}

impl Done {
    /// Whether it did nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Moves rows to segments.
pub struct Compactor {
    results: SegmentedResults,
    policy: Policy,
    clock: Arc<dyn Clock>,
    entropy: Mutex<Box<dyn Entropy + Send>>,
}

impl Compactor {
    /// For the rows of a store.
    pub fn new(
        results: SegmentedResults,
        policy: Policy,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy + Send>,
    ) -> Self {
        Self { results, policy, clock, entropy: Mutex::new(entropy) }
    }

    /// The rows that it moves.
    pub(crate) fn results(&self) -> &SegmentedResults {
        &self.results
    }

    /// Does what there is to do. Only one at a time need do it; several do no harm. `fence` is the
    /// number of the own turn, where turns are given out.
    ///
    /// # Errors
    ///
    /// When a store fails. What was done until then stays done.
    pub async fn round(self: &Arc<Self>, fence: Option<u64>) -> Result<Done, StoreError> {
        let this = self.clone();
        on_own_threads(async move {
            let mut done = Done::default();
            this.put_away(fence, &mut done).await?;
            this.merge(fence, &mut done).await?;
            this.remove(&mut done).await?;
            Ok(done)
        })
        .await
    }

    /// Finds objects that nobody registered and gives them up, so that a later round removes them; how
    /// many there are. It lists all objects: once an hour is enough.
    ///
    /// # Errors
    ///
    /// When a store fails.
    pub async fn sweep(self: &Arc<Self>) -> Result<u64, StoreError> {
        let this = self.clone();
        on_own_threads(async move {
            let now = this.clock.now();
            let mut given_up = 0;
            for some in this.results.files.place().older(this.past(now)).await?.chunks(READ_AT_ONCE)
            {
                given_up += this.results.hot.condemn(some, now).await?.len() as u64;
            }
            Ok(given_up)
        })
        .await
    }

    /// The moment a grace before this one.
    fn past(&self, now: Timestamp) -> Timestamp {
        let micros = i64::try_from(self.policy.grace.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_sub(micros))
    }

    async fn put_away(&self, fence: Option<u64>, done: &mut Done) -> Result<(), StoreError> {
        let now = self.clock.now();
        for ripe in self.results.hot.ripe(SERIES_MAX).await? {
            if !self.policy.takes(&ripe, now) {
                continue;
            }
            let scope = scope_of(&ripe.series);
            let view = self.results.hot.view(scope, Some(&ripe.series.source)).await?;
            let mut left = view.hot.as_slice();
            while !left.is_empty() {
                let change = self.write(&ripe.series, left, fence).await?;
                left = &left[change.batches.len()..];
                let rows = change.segment.rows;
                match self.results.hot.register(&change, self.clock.now()).await? {
                    Registered::Done => {
                        (done.segments, done.rows) = (done.segments + 1, done.rows + rows)
                    }
                    Registered::Already => {}
                    // Somebody else was faster, or the hunt is gone; the object is swept later.
                    Registered::Stale(why) => {
                        tracing::debug!(name: "segment_stale", why, "a segment was written in vain");
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn new_key(&self, series: &Series) -> String {
        let number = self.entropy.lock().next_u128();
        format!("{}/{}/{number:032x}.parquet", series.hunt, series.round)
    }

    async fn columns(&self, series: &Series) -> Result<Vec<String>, StoreError> {
        let sources = self.results.hot.sources(scope_of(series)).await?;
        let own = sources.into_iter().find(|summary| summary.source == series.source);
        Ok(own.map(|summary| summary.columns).unwrap_or_default())
    }

    /// Writes the first of these batches into a segment; what is to be registered.
    pub(crate) async fn write(
        &self,
        series: &Series,
        batches: &[BatchHead],
        fence: Option<u64>,
    ) -> Result<SegmentChange, StoreError> {
        let columns = self.columns(series).await?;
        let key = self.new_key(series);
        let place = self.results.files.place();
        let mut writer = SegmentWriter::begin(place, key, series.clone(), &columns)?;
        let taken = self.policy.next_segment(batches);
        let arrivals: Vec<u64> = batches[..taken].iter().map(|head| head.arrival).collect();
        let mut written = Vec::with_capacity(arrivals.len());
        'all: for some in arrivals.chunks(READ_AT_ONCE) {
            for batch in self.results.hot.read_hot(some).await? {
                if writer.row_bytes() >= self.policy.bytes_max && !written.is_empty() {
                    break 'all;
                }
                writer.add(&batch).await?;
                written.push(batch.arrival);
            }
        }
        if written.is_empty() {
            // Somebody else was faster; say so by what can never be registered.
            written = arrivals;
        }
        let segment = writer.finish().await?;
        Ok(SegmentChange { segment, batches: written, replaces: Vec::new(), fence })
    }

    async fn merge(&self, fence: Option<u64>, done: &mut Done) -> Result<(), StoreError> {
        let small = self.policy.rows_max / 2;
        for series in self.results.hot.scattered(small, SERIES_MAX).await? {
            let view = self.results.hot.view(scope_of(&series), Some(&series.source)).await?;
            let chosen = self.policy.merge(&view.segments);
            if chosen.is_empty() {
                continue;
            }
            let change = match self.merged(&series, &chosen, fence).await {
                Ok(change) => change,
                // Somebody else made them into one, and they are gone already.
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(error),
            };
            match self.results.hot.register(&change, self.clock.now()).await? {
                Registered::Done => done.merged += 1,
                Registered::Already | Registered::Stale(_) => {}
            }
        }
        Ok(())
    }

    /// Writes one segment out of several; what is to be registered.
    pub(crate) async fn merged(
        &self,
        series: &Series,
        chosen: &[&Segment],
        fence: Option<u64>,
    ) -> Result<SegmentChange, StoreError> {
        let columns = self.columns(series).await?;
        let place = self.results.files.place();
        let mut writer =
            SegmentWriter::begin(place, self.new_key(series), series.clone(), &columns)?;
        for segment in chosen {
            let file = SegmentFile::open(place, segment).await?;
            copy(&file, &mut writer).await?;
        }
        let written = writer.finish().await?;
        // Batches without rows leave no trace in a segment but their count.
        let batches = chosen.iter().map(|segment| segment.batches).sum();
        let first = chosen.iter().map(|segment| segment.first).min().unwrap_or(written.first);
        let last = chosen.iter().map(|segment| segment.last).max().unwrap_or(written.last);
        Ok(SegmentChange {
            segment: Segment { batches, first, last, ..written },
            batches: Vec::new(),
            replaces: chosen.iter().map(|segment| segment.key.clone()).collect(),
            fence,
        })
    }

    /// Removes the objects of doomed keys.
    async fn remove(&self, done: &mut Done) -> Result<(), StoreError> {
        let before = self.past(self.clock.now());
        let doomed = self.results.hot.doomed(before, REMOVED_MAX).await?;
        for key in &doomed {
            self.results.files.place().remove(key).await?;
        }
        self.results.hot.erased(&doomed).await?;
        done.removed += doomed.len() as u64;
        Ok(())
    }
}

fn scope_of(series: &Series) -> ResultScope {
    ResultScope::Hunt { hunt: series.hunt, round: series.round }
}

/// Adds all rows of a segment to another.
async fn copy(file: &SegmentFile, writer: &mut SegmentWriter) -> Result<(), StoreError> {
    let mut left = file.runs.as_slice();
    while let Some(first) = left.first() {
        let near = left.iter().take_while(|run| run.end() - first.first <= COPIED_AT_ONCE).count();
        let (runs, rest) = left.split_at(near.max(1));
        left = rest;
        let range = first.first..runs.last().unwrap_or(first).end();
        let mut texts = Vec::new();
        file.rows(std::slice::from_ref(&range), &mut |json| texts.push(json.to_owned())).await?;
        let mut texts = texts.into_iter();
        for run in runs {
            let client = &file.clients[run.client as usize];
            let batch = HotBatch {
                arrival: run.arrival,
                client: client.id,
                hostname: client.hostname.clone(),
                flow: run.flow,
                round: Some(file.segment.series.round),
                source: file.segment.series.source.clone(),
                stored: run.stored,
                rows: texts.by_ref().take(run.rows as usize).collect(),
            };
            writer.add(&batch).await?;
        }
    }
    Ok(())
}
