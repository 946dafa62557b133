//! An engine that answers nothing at once, or fails on purpose: for trying schedules and for
//! measuring what the scheduler itself costs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Clock;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, Match, MatchSink, Report, Scan,
    Source, SqlEngine,
};
use model::log::{Completeness, Domain, Window};

/// Answers nothing at once. Its clock is the scheduler's.
pub struct NullEngine {
    clock: Arc<dyn Clock>,
    capabilities: Capabilities,
}

impl NullEngine {
    /// An engine whose sources' clock is this one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let capabilities = Capabilities {
            kind: "null",
            domains: vec![Domain::EventTime, Domain::IngestTime],
            like_is_cased: true,
            regex: Some("any"),
            rows_max: None,
            many_in_one_pass: true,
            blocking: false,
        };
        Self { clock, capabilities }
    }
}

#[async_trait]
impl SqlEngine for NullEngine {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let (columns, parts, oldest) = (Vec::new(), Vec::new(), None);
        Ok(Description { identity: source.table.clone(), columns, parts, oldest })
    }

    async fn horizon(&self, _source: &Source) -> Result<Horizon, EngineError> {
        Ok(Horizon { clock: Some(self.clock.now()), stable: None })
    }

    async fn estimate(&self, _source: &Source, _window: Window) -> Result<Estimate, EngineError> {
        Ok(Estimate { bytes: Some(0), rows: Some(0) })
    }

    async fn fingerprint(
        &self,
        _source: &Source,
        _window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        Ok(None)
    }

    async fn run(&self, _scan: &Scan, _sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let completeness = Completeness::Complete;
        Ok(Report { completeness, bytes: 0, rows_read: 0, took: Duration::ZERO })
    }

    async fn cancel(&self, _tag: &str) -> Result<(), EngineError> {
        Ok(())
    }
}

/// An engine that can be looked at but refuses every query.
pub struct RefusingEngine(pub Arc<dyn SqlEngine>);

#[async_trait]
impl SqlEngine for RefusingEngine {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        self.0.describe(source).await
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        self.0.horizon(source).await
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        self.0.estimate(source, window).await
    }

    async fn fingerprint(
        &self,
        _source: &Source,
        _window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        Ok(None)
    }

    async fn run(&self, _scan: &Scan, _sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        Err(EngineError::transient("the engine refuses, as it was asked to with `--fail`"))
    }

    async fn run_together(
        &self,
        scans: &[Scan],
        sinks: &mut [Box<dyn MatchSink>],
    ) -> Vec<Result<Report, EngineError>> {
        let mut reports = Vec::with_capacity(scans.len());
        for (scan, sink) in scans.iter().zip(sinks) {
            reports.push(self.run(scan, sink.as_mut()).await);
        }
        reports
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        self.0.cancel(tag).await
    }
}

/// Matches that somebody collects, out of a list of sinks.
pub(crate) struct Collected(pub(crate) Arc<parking_lot::Mutex<Vec<Match>>>);

impl MatchSink for Collected {
    fn take(&mut self, matches: Vec<Match>) -> std::ops::ControlFlow<()> {
        self.0.lock().extend(matches);
        std::ops::ControlFlow::Continue(())
    }
}
