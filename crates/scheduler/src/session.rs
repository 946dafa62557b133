//! What is known of a source when it is read: its engine, its description, its horizon.
//!
//! Kept for a few seconds, so that all rules of a tick look once: what is planned by an older horizon
//! is only more careful. That a source went back is not concluded from it. Calls of blocking engines run on a bounded number of threads.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use log_rules::Dataset;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, Match, MatchSink, Report, Scan,
    Source, SqlEngine,
};
use model::log::{DatasetName, Domain, EngineName, TenantName, Window};
use tokio::sync::Semaphore;

use crate::assignment::{Assignment, source};
use crate::shared::Shared;

/// For so long a source is not asked again where it stands.
const FRESH: Duration = Duration::from_secs(5);

/// A source, as it was a moment ago.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) engine: Arc<dyn SqlEngine>,
    pub(crate) description: Arc<Description>,
    /// Of each part; one with the empty name where there are none.
    pub(crate) parts: Vec<(Arc<str>, Horizon)>,
}

type Key = (TenantName, DatasetName, Domain);

/// Sessions that are fresh. Whoever comes while one is made waits for it.
#[derive(Default)]
pub(crate) struct Sessions {
    kept: parking_lot::Mutex<HashMap<Key, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot(tokio::sync::Mutex<Option<Kept>>);

/// A session, and when it was begun, by both clocks.
struct Kept {
    since: Duration,
    begun: Timestamp,
    session: Session,
}

impl Sessions {
    /// All of them are looked at anew.
    pub(crate) fn forget(&self) {
        self.kept.lock().clear();
    }
}

impl Shared {
    /// The source of an assignment as it is now.
    pub(crate) async fn session(
        &self,
        assignment: &Assignment,
        domain: Domain,
    ) -> Result<Session, EngineError> {
        self.session_of(assignment, &assignment.dataset, domain).await
    }

    /// One of the sources of an assignment as it is now.
    pub(crate) async fn session_of(
        &self,
        assignment: &Assignment,
        dataset: &Dataset,
        domain: Domain,
    ) -> Result<Session, EngineError> {
        let key = (assignment.tenant.name.clone(), dataset.name.clone(), domain);
        let slot = self.sessions.kept.lock().entry(key).or_default().clone();
        let mut slot = slot.0.lock().await;
        let (since, begun) = (self.ports.time.elapsed(), self.now());
        // What the source's clock said before a tick would cut the tick's window short.
        let tick = assignment.clockwork.last_at(begun);
        if let Some(kept) = &*slot
            && since.saturating_sub(kept.since) < FRESH
            && tick.is_none_or(|tick| tick <= kept.begun)
        {
            return Ok(kept.session.clone());
        }
        let session = self.open_session(assignment, dataset, domain).await?;
        *slot = Some(Kept { since, begun, session: session.clone() });
        Ok(session)
    }

    /// The same, never from what is kept.
    pub(crate) async fn open_session(
        &self,
        assignment: &Assignment,
        dataset: &Dataset,
        domain: Domain,
    ) -> Result<Session, EngineError> {
        let engine = self.engine_of(assignment, &dataset.engine).await?;
        let whole = source(dataset, domain, &"".into());
        let description = engine.describe(&whole).await?;
        let mut names = description.parts.clone();
        if names.is_empty() {
            names.push("".into());
        }
        let mut parts = Vec::with_capacity(names.len());
        for part in names {
            let source = Source { part: part.clone(), ..whole.clone() };
            parts.push((part, engine.horizon(&source).await?));
        }
        Ok(Session { engine, description: Arc::new(description), parts })
    }

    /// An engine of an assignment's tenant; a blocking one on its threads.
    pub(crate) async fn engine_of(
        &self,
        assignment: &Assignment,
        name: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        let definitions = &self.roster().definitions;
        let engine = self.ports.engines.engine(definitions, &assignment.tenant.name, name).await?;
        if !engine.capabilities().blocking {
            return Ok(engine);
        }
        Ok(Arc::new(OnThreads { engine, threads: self.threads.clone() }))
    }

    /// The source of a correlation over several datasets is all of them together: it is another one as
    /// soon as one of them is.
    pub(crate) async fn whole_source(
        &self,
        assignment: &Assignment,
        first: &Session,
    ) -> Result<Session, EngineError> {
        let mut whole = first.clone();
        if assignment.others.is_empty() {
            return Ok(whole);
        }
        let mut identity = first.description.identity.to_string();
        for other in &assignment.others {
            let session = self.session_of(assignment, other, assignment.dataset.domain).await?;
            identity = format!("{identity} + {}", session.description.identity);
        }
        let description = Description { identity: identity.into(), ..(*first.description).clone() };
        whole.description = Arc::new(description);
        Ok(whole)
    }

    /// The state of all sources of an assignment in a window. `None` where one of them has nothing
    /// cheap to tell.
    pub(crate) async fn fingerprint(
        &self,
        assignment: &Assignment,
        domain: Domain,
        part: &Arc<str>,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let mut whole: Option<Arc<str>> = None;
        for dataset in std::iter::once(&assignment.dataset).chain(&assignment.others) {
            let engine = self.engine_of(assignment, &dataset.engine).await?;
            let own = engine.fingerprint(&source(dataset, domain, part), window).await?;
            let Some(own) = own else { return Ok(None) };
            whole = Some(whole.map_or(own.clone(), |before| format!("{before} {own}").into()));
        }
        Ok(whole)
    }
}

/// An engine whose calls block, run on a bounded number of threads.
struct OnThreads {
    engine: Arc<dyn SqlEngine>,
    threads: Arc<Semaphore>,
}

impl OnThreads {
    async fn call<T: Send + 'static>(
        &self,
        ask: impl AsyncFnOnce(Arc<dyn SqlEngine>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let threads = self.threads.clone();
        let permit = threads.acquire_owned().await.expect("nobody closes it");
        let engine = self.engine.clone();
        let runtime = tokio::runtime::Handle::current();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            runtime.block_on(ask(engine))
        });
        done.await.unwrap_or_else(|error| {
            Err(EngineError::transient(format!("the engine's call did not come back: {error}")))
        })
    }
}

#[async_trait]
impl SqlEngine for OnThreads {
    fn capabilities(&self) -> &Capabilities {
        self.engine.capabilities()
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let source = source.clone();
        self.call(async move |engine| engine.describe(&source).await).await
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        let source = source.clone();
        self.call(async move |engine| engine.horizon(&source).await).await
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        let source = source.clone();
        self.call(async move |engine| engine.estimate(&source, window).await).await
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let source = source.clone();
        self.call(async move |engine| engine.fingerprint(&source, window).await).await
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let scan = scan.clone();
        let (report, matches) = self
            .call(async move |engine| {
                let mut matches: Vec<Match> = Vec::new();
                let report = engine.run(&scan, &mut matches).await?;
                Ok((report, matches))
            })
            .await?;
        match sink.take(matches) {
            ControlFlow::Continue(()) => Ok(report),
            ControlFlow::Break(()) => {
                let completeness = model::log::Completeness::Partial("nobody took the rest".into());
                Ok(Report { completeness, ..report })
            }
        }
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        // Not behind those that it is to end.
        self.engine.cancel(tag).await
    }
}
