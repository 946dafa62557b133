//! The engine: what it is asked, in which order it reads, and what it knows of a source.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, MatchSink, Report, Scan, Source,
    SqlEngine,
};
use model::log::{Domain, Position, Window};
use parking_lot::Mutex;
use rows::Row;

use crate::known::Known;
use crate::pass::{Pass, Stretch, Zones};
use crate::place::Root;
use crate::reading::{Columns, Stop, Wanted};
use crate::run;
use crate::sql::Sql;
use crate::work;

/// Memory of queries where the configuration says nothing.
const MEMORY_DEFAULT: u64 = 1 << 30;

/// How an engine is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A folder or an object store's URL.
    pub root: String,
    /// Settings of the object store, for instance `region` and `endpoint`.
    pub options: Vec<(String, String)>,
    /// The memory that its queries may take together, in bytes.
    pub memory_max: Option<u64>,
    /// Where the positions of file sets are kept. Schedulers that share a state share this folder.
    pub state: PathBuf,
}

/// Files and folders of logs, asked in this process.
pub struct DataFusionEngine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    data: Data,
    capabilities: Capabilities,
    pub(crate) memory_max: u64,
    pub(crate) sql: Sql,
    pub(crate) known: Known,
    pub(crate) zones: Arc<Zones>,
    pub(crate) running: Mutex<HashMap<Arc<str>, Vec<Arc<Stop>>>>,
}

enum Data {
    Files { root: Root, state: PathBuf },
    Memory(Vec<(String, Arc<Vec<Row>>)>),
}

impl DataFusionEngine {
    /// An engine over files.
    pub fn new(settings: Settings) -> Result<Self, EngineError> {
        let Settings { root, options, memory_max, state } = settings;
        let root = Root::open(&root, options)?;
        Self::of(Data::Files { root, state }, memory_max.unwrap_or(MEMORY_DEFAULT))
    }

    /// An engine over rows in memory: for the tests of rules.
    pub fn in_memory(tables: Vec<(String, Vec<Row>)>) -> Result<Self, EngineError> {
        let tables = tables.into_iter().map(|(name, rows)| (name, Arc::new(rows))).collect();
        Self::of(Data::Memory(tables), MEMORY_DEFAULT)
    }

    fn of(data: Data, memory_max: u64) -> Result<Self, EngineError> {
        let capabilities = Capabilities {
            kind: "datafusion",
            domains: Domain::ALL.to_vec(),
            like_is_cased: true,
            regex: Some("rust"),
            rows_max: None,
            many_in_one_pass: true,
            blocking: false,
        };
        let zones: Arc<Zones> = Arc::default();
        let inner = Inner {
            data,
            capabilities,
            memory_max,
            sql: Sql::new(memory_max)?,
            known: Known::new(zones.clone()),
            zones,
            running: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs work on the engine's own threads; dropping the answer ends it.
    async fn away<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let task = Aborted(work::runtime().spawn(work));
        task.await.unwrap_or_else(|error| {
            Err(EngineError::transient(format!("the engine's work was interrupted: {error}")))
        })
    }
}

/// A task that ends when nobody waits for it.
pub(crate) struct Aborted<T>(pub(crate) tokio::task::JoinHandle<T>);

impl<T> Future for Aborted<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks readers to end when nobody waits for them.
pub(crate) struct StopOnDrop(pub(crate) Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.ask();
    }
}

impl Inner {
    /// A pass over a window of a source.
    pub(crate) async fn pass(
        &self,
        source: &Source,
        window: Window,
        wanted: Wanted,
        stop: Arc<Stop>,
    ) -> Result<Pass, EngineError> {
        let own_cursor = source.domain == Domain::Cursor && source.cursor.is_none();
        if !own_cursor && source.position_column().is_none() {
            return Err(EngineError::permanent(format!(
                "the dataset of `{}` names no column for its {}; see its `time`",
                source.table,
                source.domain.word()
            )));
        }
        let (place, stretches) = match &self.data {
            Data::Memory(tables) => {
                let table = tables.iter().find(|(name, _)| *name == *source.table);
                let Some((_, rows)) = table else {
                    let table = &source.table;
                    return Err(EngineError::permanent(format!("there is no table `{table}`")));
                };
                let fixed = own_cursor.then_some(Position(1));
                (None, vec![Stretch::Rows(rows.clone(), fixed)])
            }
            Data::Files { root, state } => {
                let place = root.table(&source.table)?;
                let stretches = if own_cursor {
                    self.known.parts(&place, state, window).await?
                } else {
                    let files = self.known.files(&place).await?;
                    files.iter().map(|file| Stretch::File(file.clone(), None, None)).collect()
                };
                (Some(place), stretches)
            }
        };
        let prune = source.position_column().filter(|_| source.domain.is_time());
        let prune = prune.map(|column| (column.to_owned(), window));
        Ok(Pass {
            place,
            source: source.clone(),
            window,
            wanted: Wanted { prune, ..wanted },
            stretches,
            zones: self.zones.clone(),
            stop,
            memory_max: self.memory_max,
        })
    }

    /// A pass over everything.
    pub(crate) async fn whole(
        &self,
        source: &Source,
        wanted: Wanted,
        stop: Arc<Stop>,
    ) -> Result<Pass, EngineError> {
        let mut pass = self.pass(source, everything(), wanted, stop).await?;
        pass.wanted.prune = None;
        Ok(pass)
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        let clock = Some(crate::os::now());
        let stable = match (source.domain, &source.cursor, &self.data) {
            (Domain::Cursor, None, Data::Files { root, state }) => {
                let place = root.table(&source.table)?;
                Some(self.known.manifest(&place, state).await?.horizon())
            }
            (Domain::Cursor, None, Data::Memory(_)) => Some(Position(2)),
            (Domain::Cursor, Some(_), _) => {
                let zone = self.zone(source).await?;
                let next =
                    if zone.rows > zone.unreadable { zone.last.saturating_add(1) } else { 0 };
                Some(Position(next))
            }
            (_, _, Data::Files { root, .. }) => {
                // What was written up to now is listed now.
                self.known.list(&root.table(&source.table)?).await?;
                None
            }
            (_, _, Data::Memory(_)) => None,
        };
        Ok(Horizon { clock, stable })
    }

    /// Where all rows of a source stand.
    async fn zone(&self, source: &Source) -> Result<crate::dress::Zone, EngineError> {
        let columns = source.position_column().map(|column| {
            let first = column.split('.').next().unwrap_or(column);
            Columns::Named(vec![column.to_owned(), first.to_owned()])
        });
        let stop = Stop::new();
        let _ends = StopOnDrop(stop.clone());
        let wanted = Wanted { columns, ..Wanted::default() };
        let pass = self.whole(source, wanted, stop).await?;
        let (zone, pass) = pass.known_zone();
        let rest = Arc::new(Mutex::new(zone));
        let into = rest.clone();
        pass.run(Arc::new(move |piece| {
            let mut all = into.lock();
            *all = all.and(piece.zone);
            Ok(std::ops::ControlFlow::Continue(()))
        }))
        .await?;
        let zone = *rest.lock();
        Ok(zone)
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let schema = self.schema(source).await?;
        let columns = schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), field.data_type().to_string()))
            .collect();
        let (identity, oldest) = match &self.data {
            Data::Memory(_) => (format!("memory:{}", source.table), None),
            Data::Files { root, state } => {
                let place = root.table(&source.table)?;
                let oldest = if source.domain == Domain::Cursor && source.cursor.is_none() {
                    self.known.manifest(&place, state).await?.oldest()
                } else {
                    self.oldest(source).await?
                };
                (format!("files:{}", place.shown), oldest)
            }
        };
        Ok(Description { identity: identity.into(), columns, parts: Vec::new(), oldest })
    }

    /// The oldest position, where that is known or little must be read to know it.
    async fn oldest(&self, source: &Source) -> Result<Option<Position>, EngineError> {
        const READ_MAX_BYTES: u64 = 64 << 20;
        let pass = self.whole(source, Wanted::default(), Stop::new()).await?;
        let (_, unknown) = pass.known_zone();
        let bytes: u64 = unknown.stretches.iter().map(Stretch::bytes).sum();
        if bytes > READ_MAX_BYTES {
            return Ok(None);
        }
        let zone = self.zone(source).await?;
        Ok((zone.rows > zone.unreadable).then_some(Position(zone.first)))
    }

    /// The columns of a source, from the beginnings of its files.
    pub(crate) async fn schema(
        &self,
        source: &Source,
    ) -> Result<Arc<arrow::datatypes::Schema>, EngineError> {
        match &self.data {
            Data::Files { root, .. } => {
                let place = root.table(&source.table)?;
                self.known.schema(&place, source, self.memory_max).await
            }
            Data::Memory(_) => {
                let pass = self.whole(source, Wanted::default(), Stop::new()).await?;
                crate::known::schema_of(pass).await.map(Arc::new)
            }
        }
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        let pass = self.pass(source, window, Wanted::default(), Stop::new()).await?;
        let bytes = pass.met().map(Stretch::bytes).sum();
        Ok(Estimate { bytes: Some(bytes), rows: None })
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        use sha2::Digest;
        let pass = self.pass(source, window, Wanted::default(), Stop::new()).await?;
        let mut hash = sha2::Sha256::new();
        for stretch in pass.met() {
            hash.update(stretch.stamp());
            hash.update([0]);
        }
        Ok(Some(hex::encode(&hash.finalize()[..16]).into()))
    }
}

/// All positions, also of rows without a readable one.
pub(crate) fn everything() -> Window {
    Window::new(Position::MIN, Position::MAX).expect("the first is before the last")
}

#[async_trait]
impl SqlEngine for DataFusionEngine {
    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let (inner, source) = (self.inner.clone(), source.clone());
        self.away(async move { inner.describe(&source).await }).await
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        let (inner, source) = (self.inner.clone(), source.clone());
        self.away(async move { inner.horizon(&source).await }).await
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        let (inner, source) = (self.inner.clone(), source.clone());
        self.away(async move { inner.estimate(&source, window).await }).await
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let (inner, source) = (self.inner.clone(), source.clone());
        self.away(async move { inner.fingerprint(&source, window).await }).await
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let mut answers = run::together(&self.inner, std::slice::from_ref(scan), &mut [sink]).await;
        answers.pop().unwrap_or_else(|| Err(EngineError::transient("the engine was interrupted")))
    }

    async fn run_together(
        &self,
        scans: &[Scan],
        sinks: &mut [Box<dyn MatchSink>],
    ) -> Vec<Result<Report, EngineError>> {
        let mut sinks: Vec<&mut dyn MatchSink> =
            sinks.iter_mut().map(|sink| &mut **sink as &mut dyn MatchSink).collect();
        run::together(&self.inner, scans, &mut sinks).await
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        for stop in self.inner.running.lock().get(tag).into_iter().flatten() {
            stop.ask();
        }
        Ok(())
    }
}

/// What a run took.
pub(crate) fn report(
    completeness: model::log::Completeness,
    stop: &Stop,
    began: Instant,
) -> Report {
    Report {
        completeness,
        bytes: stop.bytes.load(Ordering::Relaxed),
        rows_read: stop.rows.load(Ordering::Relaxed),
        took: began.elapsed().max(Duration::from_micros(1)),
    }
}
