//! One pass over what a source has in a window.
//!
//! Every file is read in a thread of its own, as many at once as there are cores. What was found out
//! about a whole file (where its rows stand) is remembered under its size and time of change, so
//! that a file that was closed long ago is not read again for a window that it cannot meet. The time
//! at which a file was changed is no reason to leave it out: clocks of events are not that clock,
//! and a row of the future is just what a hunt looks for.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::Schema;
use loghunt::engine::{EngineError, Source};
use model::log::{Position, Window};
use parking_lot::Mutex;
use rows::Row;
use tokio::task::JoinSet;

use crate::dress::{Piece, Zone, dress, partitions};
use crate::files::{Format, LogFile};
use crate::place::Place;
use crate::reading::{Chunk, Io, Stop, Wanted, corrupt, read};
use crate::table::merged;
use crate::work;

/// Takes rows of the window, from several threads.
pub(crate) type Sink = dyn Fn(Piece) -> Result<ControlFlow<()>, EngineError> + Send + Sync;

/// What is read.
#[derive(Clone)]
pub(crate) enum Stretch {
    /// A file, or a part of it, and the position of its rows where that is one for all.
    File(LogFile, Option<Range<u64>>, Option<Position>),
    /// Rows in memory.
    Rows(Arc<Vec<Row>>, Option<Position>),
}

/// One pass.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(crate) place: Option<Place>,
    pub(crate) source: Source,
    pub(crate) window: Window,
    pub(crate) wanted: Wanted,
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) zones: Arc<Zones>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) memory_max: u64,
}

/// What was found out about files, each with the stamp that it had.
#[derive(Default)]
pub(crate) struct Zones {
    /// Where the rows of whole files stand.
    zones: Mutex<HashMap<String, (String, Zone)>>,
    /// The columns of files that were read with all of theirs, or of their beginnings.
    schemas: Mutex<HashMap<String, (String, Arc<Schema>)>>,
}

impl Zones {
    /// So many files are remembered.
    const MAX: usize = 100_000;

    fn key(place: &str, source: &Source, file: &LogFile) -> String {
        let clock = source.position_column().unwrap_or("");
        format!("{place}\n{}\n{clock}\n{:?}", file.path, source.domain)
    }

    /// What is known of a file as it is now.
    pub(crate) fn of(&self, place: &str, source: &Source, file: &LogFile) -> Option<Zone> {
        let known = self.zones.lock();
        let (stamp, zone) = known.get(&Self::key(place, source, file))?;
        (*stamp == file.stamp()).then_some(*zone)
    }

    fn remember(&self, place: &str, source: &Source, file: &LogFile, zone: Zone) {
        let mut known = self.zones.lock();
        if known.len() >= Self::MAX {
            known.clear();
        }
        known.insert(Self::key(place, source, file), (file.stamp(), zone));
    }
}

impl Zones {
    /// The columns of a file as it is now, as far as they are known.
    pub(crate) fn schema(&self, place: &str, file: &LogFile) -> Option<Arc<Schema>> {
        let known = self.schemas.lock();
        let (stamp, schema) = known.get(&format!("{place}\n{}", file.path))?;
        (*stamp == file.stamp()).then(|| schema.clone())
    }

    pub(crate) fn remember_schema(&self, place: &str, file: &LogFile, schema: Arc<Schema>) {
        let mut known = self.schemas.lock();
        if known.len() >= Self::MAX {
            known.clear();
        }
        known.insert(format!("{place}\n{}", file.path), (file.stamp(), schema));
    }
}

impl Pass {
    /// Reads everything, or until the sink has enough.
    pub(crate) async fn run(self, sink: Arc<Sink>) -> Result<(), EngineError> {
        let pass = Arc::new(self);
        let mut open: JoinSet<Result<(), EngineError>> = JoinSet::new();
        let mut outcome = Ok(());
        for place in 0..pass.stretches.len() {
            if pass.skips(&pass.stretches[place]) {
                continue;
            }
            let permit = work::readers().acquire_owned().await;
            while let Some(done) = open.try_join_next() {
                outcome = outcome.and(joined(done));
            }
            if outcome.is_err() || pass.stop.is_asked() {
                break;
            }
            let (pass, sink) = (pass.clone(), sink.clone());
            open.spawn_blocking(move || {
                let _permit = permit;
                pass.stretch(&pass.stretches[place], &*sink)
            });
        }
        if outcome.is_err() {
            pass.stop.ask();
        }
        while let Some(done) = open.join_next().await {
            let done = joined(done);
            if done.is_err() {
                pass.stop.ask();
            }
            // The first error is the cause; others are readers that were stopped.
            outcome = outcome.and(done);
        }
        outcome
    }

    fn shown(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.shown)
    }

    fn skips(&self, stretch: &Stretch) -> bool {
        let Stretch::File(file, _, None) = stretch else { return false };
        self.zones.of(self.shown(), &self.source, file).is_some_and(|zone| !zone.meets(self.window))
    }

    fn stretch(&self, stretch: &Stretch, sink: &Sink) -> Result<(), EngineError> {
        if self.stop.is_asked() {
            return Ok(());
        }
        match stretch {
            Stretch::Rows(rows, fixed) => {
                let batch = rows_arrow::batch_of(rows)
                    .map_err(|error| EngineError::permanent(format!("a table of rows: {error}")))?;
                self.stop.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
                let chunk = Chunk { batch, rows: Some(rows.to_vec()) };
                let piece = dress(chunk, &[], &self.source, self.window, *fixed)
                    .map_err(|error| EngineError::permanent(format!("a table of rows: {error}")))?;
                if !piece.positions.is_empty() { sink(piece).map(|_| ()) } else { Ok(()) }
            }
            Stretch::File(file, part, fixed) => self.file(file, part.clone(), *fixed, sink),
        }
    }

    fn file(
        &self,
        file: &LogFile,
        part: Option<Range<u64>>,
        fixed: Option<Position>,
        sink: &Sink,
    ) -> Result<(), EngineError> {
        let Some(place) = &self.place else { return Ok(()) };
        let io = Io {
            store: place.store.clone(),
            handle: work::runtime().handle().clone(),
            stop: self.stop.clone(),
            memory_max: self.memory_max,
        };
        let said = partitions(&file.partitions);
        let mut zone = Zone::EMPTY;
        let mut schema = Schema::empty();
        let mut broken = false;
        let whole = part.is_none() && fixed.is_none() && file.format != Format::Parquet;
        read(file, part, &self.wanted, &io, &mut |chunk| {
            self.stop.rows.fetch_add(chunk.batch.num_rows() as u64, Ordering::Relaxed);
            let piece = dress(chunk, &said, &self.source, self.window, fixed)
                .map_err(|error| corrupt(file, error))?;
            zone = zone.and(piece.zone);
            if whole {
                schema = merged(&schema, &piece.batch.schema());
            }
            let flow =
                if piece.positions.is_empty() { ControlFlow::Continue(()) } else { sink(piece)? };
            broken |= flow.is_break();
            Ok(flow)
        })?;
        if whole && !broken && !self.stop.is_asked() {
            self.zones.remember(&place.shown, &self.source, file, zone);
            if self.wanted.columns.is_none() {
                self.zones.remember_schema(&place.shown, file, Arc::new(schema));
            }
        }
        Ok(())
    }
}

fn joined(
    done: Result<Result<(), EngineError>, tokio::task::JoinError>,
) -> Result<(), EngineError> {
    match done {
        Ok(outcome) => outcome,
        Err(panicked) => Err(EngineError::permanent(format!(
            "a file made its reader fail ({panicked}); please report this"
        ))),
    }
}

impl Stretch {
    /// How much would be read.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::File(_, Some(part), _) => part.end - part.start,
            Self::File(file, None, _) => file.size,
            Self::Rows(rows, _) => rows.iter().map(|row| 16 * row.len() as u64).sum(),
        }
    }

    /// What changes when its rows do.
    pub(crate) fn stamp(&self) -> String {
        match self {
            Self::File(file, Some(part), _) => format!("{} {part:?}", file.path),
            Self::File(file, None, _) => format!("{} {}", file.path, file.stamp()),
            Self::Rows(rows, _) => format!("{} rows", rows.len()),
        }
    }
}

impl Pass {
    /// What may have rows of the window.
    pub(crate) fn met(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|stretch| !self.skips(stretch))
    }

    /// Where the rows of files that are known stand, and a pass over the others.
    pub(crate) fn known_zone(mut self) -> (Zone, Self) {
        let mut all = Zone::EMPTY;
        let (zones, source) = (self.zones.clone(), self.source.clone());
        let shown = self.shown().to_owned();
        self.stretches.retain(|stretch| {
            let Stretch::File(file, _, None) = stretch else { return true };
            let known = zones.of(&shown, &source, file);
            if let Some(zone) = known {
                all = all.and(zone);
            }
            known.is_none()
        });
        (all, self)
    }
}
