//! What is known of the files of tables, and kept so that many rules do not ask for it again.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::Schema;
use loghunt::engine::{EngineError, Source};
use model::log::{FailureClass, Window};
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use sha2::Digest;

use crate::dress::{partitions, with_clocks};
use crate::files::{Format, LogFile, list};
use crate::manifest::{Book, Look, Manifest, Mark, Present, Refused};
use crate::pass::{Pass, Stretch, Zones};
use crate::place::Place;
use crate::reading::{Io, Stop, Wanted, corrupt, read};
use crate::sql::places_schema;
use crate::table::merged;
use crate::work;

/// Listings of object stores hold for so long; horizons make new ones. Local folders are always
/// listed anew.
const LISTED_FOR: Duration = Duration::from_secs(2);
/// The beginnings of so many files, the newest first, tell which columns a table has.
const SAMPLED_FILES: usize = 200;

/// The files of a table, and when they were listed.
type Listing = (Instant, Arc<Vec<LogFile>>);

/// What is known of tables.
pub(crate) struct Known {
    listings: Mutex<HashMap<String, Listing>>,
    zones: Arc<Zones>,
}

impl Known {
    pub(crate) fn new(zones: Arc<Zones>) -> Self {
        Self { listings: Mutex::default(), zones }
    }

    /// The files of a table, as of just now.
    pub(crate) async fn files(&self, place: &Place) -> Result<Arc<Vec<LogFile>>, EngineError> {
        if place.local.is_none() {
            let listings = self.listings.lock();
            if let Some((at, files)) = listings.get(&place.shown)
                && at.elapsed() < LISTED_FOR
            {
                return Ok(files.clone());
            }
        }
        self.list(place).await
    }

    /// The files of a table, listed now.
    pub(crate) async fn list(&self, place: &Place) -> Result<Arc<Vec<LogFile>>, EngineError> {
        let files = Arc::new(list(place).await?);
        let mut listings = self.listings.lock();
        listings.retain(|_, (at, _)| at.elapsed() < LISTED_FOR);
        listings.insert(place.shown.clone(), (Instant::now(), files.clone()));
        Ok(files)
    }

    /// The positions of a table's files, with what is there now.
    pub(crate) async fn manifest(
        &self,
        place: &Place,
        state: &Path,
    ) -> Result<Manifest, EngineError> {
        let files = self.list(place).await?;
        let present: Vec<Present> = files
            .iter()
            .map(|file| Present {
                path: file.path.to_string(),
                stamp: file.stamp(),
                size: file.size,
                grows: file.grows(),
                modified: file.modified.as_micros(),
            })
            .collect();
        let (place, state) = (place.clone(), state.to_owned());
        let update = move || {
            let mut glance = Glance { place: &place };
            Book::of(&state, &place.shown).update(&present, &mut glance)
        };
        blocking(update).await?.map_err(|refused| refusal(&refused))
    }

    /// The stretches of a window, from the manifest as it was at the last horizon.
    pub(crate) async fn parts(
        &self,
        place: &Place,
        state: &Path,
        window: Window,
    ) -> Result<Vec<Stretch>, EngineError> {
        let files = self.list(place).await?;
        let book = Book::of(state, &place.shown);
        let manifest = blocking(move || book.read()).await?.map_err(|refused| refusal(&refused))?;
        let horizon = manifest.horizon();
        let behind = window.to() > horizon && window.to() != model::log::Position::MAX;
        let manifest = if behind || horizon.0 <= 1 || window.to() == model::log::Position::MAX {
            self.manifest(place, state).await?
        } else {
            manifest
        };
        let parts = manifest.parts(window).map_err(|refused| refusal(&refused))?;
        let mut found = Vec::with_capacity(parts.len());
        for (path, bytes, position) in parts {
            let Some(file) = files.iter().find(|file| file.path.as_ref() == path) else {
                return Err(refusal(&Refused::Changed(format!(
                    "`{path}`, which stood at position {position:?}, is no longer there; restore it, or waive the window"
                ))));
            };
            if file.size < bytes.end {
                return Err(refusal(&Refused::Changed(format!(
                    "`{path}` became shorter after it was read; restore it, or let the stream continue in a new epoch"
                ))));
            }
            let part = file.grows().then_some(bytes);
            found.push(Stretch::File(file.clone(), part, Some(position)));
        }
        Ok(found)
    }

    /// The columns of a table.
    pub(crate) async fn schema(
        &self,
        place: &Place,
        source: &Source,
        memory_max: u64,
    ) -> Result<Arc<Schema>, EngineError> {
        let files = self.files(place).await?;
        let mut newest: Vec<&LogFile> = files.iter().collect();
        newest.sort_by_key(|file| std::cmp::Reverse(file.modified));
        let mut whole = Schema::empty();
        for file in newest.into_iter().take(SAMPLED_FILES) {
            let own = self.schema_of_file(place, file, memory_max).await?;
            whole = merged(&whole, &own);
        }
        // Clocks are moments, whatever the files say.
        let clocks = places_schema(source);
        let fields =
            whole.fields().iter().map(|field| match clocks.field_with_name(field.name()) {
                Ok(clock) => Arc::new(clock.clone()),
                Err(_) => field.clone(),
            });
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    async fn schema_of_file(
        &self,
        place: &Place,
        file: &LogFile,
        memory_max: u64,
    ) -> Result<Arc<Schema>, EngineError> {
        if let Some(schema) = self.zones.schema(&place.shown, file) {
            return Ok(schema);
        }
        let io = Io {
            store: place.store.clone(),
            handle: work::runtime().handle().clone(),
            stop: Stop::new(),
            memory_max,
        };
        let own = file.clone();
        let schema = blocking(move || beginning(&own, &io)).await??;
        self.zones.remember_schema(&place.shown, file, schema.clone());
        Ok(schema)
    }
}

/// The columns of the beginning of a file, and of its folders.
fn beginning(file: &LogFile, io: &Io) -> Result<Arc<Schema>, EngineError> {
    let mut schema = Schema::empty();
    if file.format == Format::Parquet {
        schema = merged(&schema, &*crate::parquet_file::schema(file, io)?);
    } else {
        read(file, None, &Wanted::default(), io, &mut |chunk| {
            schema = merged(&schema, &chunk.batch.schema());
            Ok(ControlFlow::Break(()))
        })?;
    }
    let said = partitions(&file.partitions);
    let row = said.into_iter().collect::<rows::Dict>();
    let said = rows_arrow::batch_of(&[row]).map_err(|error| corrupt(file, error))?;
    Ok(Arc::new(merged(&schema, &said.schema())))
}

/// All columns that a pass meets.
pub(crate) async fn schema_of(pass: Pass) -> Result<Schema, EngineError> {
    let all = Arc::new(Mutex::new(Schema::empty()));
    let (into, source) = (all.clone(), pass.source.clone());
    pass.run(Arc::new(move |piece| {
        let batch = with_clocks(&piece.batch, &source)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let mut all = into.lock();
        *all = merged(&all, &batch.schema());
        Ok(ControlFlow::Continue(()))
    }))
    .await?;
    let schema = all.lock().clone();
    Ok(schema)
}

/// Runs what may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    work::runtime().spawn_blocking(work).await.map_err(|error| {
        EngineError::permanent(format!("a file made its reader fail ({error}); please report this"))
    })
}

fn refusal(refused: &Refused) -> EngineError {
    match refused {
        Refused::Changed(message) => {
            EngineError { class: FailureClass::SourceChanged, message: message.clone() }
        }
        Refused::Unreadable(message) => EngineError::transient(message.clone()),
    }
}

/// Looks into the files of a table.
struct Glance<'p> {
    place: &'p Place,
}

impl Glance<'_> {
    fn bytes(&self, path: &str, range: Range<u64>) -> Result<bytes::Bytes, String> {
        if range.is_empty() {
            return Ok(bytes::Bytes::new());
        }
        let path = object_store::path::Path::parse(path).map_err(|error| error.to_string())?;
        let store: &Arc<dyn ObjectStore> = &self.place.store;
        work::runtime()
            .handle()
            .block_on(store.get_range(&path, range))
            .map_err(|error| format!("`{path}` cannot be read: {error}"))
    }
}

impl Look for Glance<'_> {
    fn mark(&mut self, path: &str, range: Range<u64>) -> Result<Mark, String> {
        let bytes = self.bytes(path, range)?;
        let hash = hex::encode(&sha2::Sha256::digest(&bytes)[..16]);
        Ok(Mark { length: bytes.len() as u64, hash })
    }

    fn whole_lines(&mut self, path: &str, from: u64, size: u64) -> Result<u64, String> {
        const STEP: u64 = 64 << 10;
        let mut end = size;
        while end > from {
            let start = end.saturating_sub(STEP).max(from);
            let bytes = self.bytes(path, start..end)?;
            if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(from)
    }
}
