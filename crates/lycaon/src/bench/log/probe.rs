//! An engine that answers nothing after a while of its own for each tenant, and notes when it was
//! asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::{Clock, Entropy};
use log_rules::Definitions;
use loghunt::channel::Channel;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, MatchSink, Report, Scan, Source,
    SqlEngine,
};
use model::log::{EngineName, TenantName, Window};
use parking_lot::Mutex;
use scheduler::null::NullEngine;
use scheduler::{Channels, Engines, NoPostProcess, Ports, Time};

use super::Records;
use crate::machine::SystemEntropy;

/// When each tenant's queries began.
#[derive(Default)]
pub(super) struct Seen {
    begun: Mutex<HashMap<TenantName, Vec<Instant>>>,
}

impl Seen {
    /// All beginnings so far, which are then forgotten.
    pub(super) fn take(&self) -> HashMap<TenantName, Vec<Instant>> {
        std::mem::take(&mut *self.begun.lock())
    }

    pub(super) fn count(&self) -> usize {
        self.begun.lock().values().map(Vec::len).sum()
    }
}

/// The engines of all tenants.
pub(super) struct Probes {
    pub(super) seen: Arc<Seen>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) takes: Duration,
    /// This tenant's take so much longer.
    pub(super) slow: Option<(TenantName, u32)>,
}

#[async_trait]
impl Engines for Probes {
    async fn engine(
        &self,
        _definitions: &Arc<Definitions>,
        tenant: &TenantName,
        _engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        let slower = match &self.slow {
            Some((slow, times)) if slow == tenant => *times,
            _ => 1,
        };
        Ok(Arc::new(Probe {
            inner: NullEngine::new(self.clock.clone()),
            seen: self.seen.clone(),
            tenant: tenant.clone(),
            takes: self.takes * slower,
        }))
    }
}

struct Probe {
    inner: NullEngine,
    seen: Arc<Seen>,
    tenant: TenantName,
    takes: Duration,
}

#[async_trait]
impl SqlEngine for Probe {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        self.inner.describe(source).await
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        self.inner.horizon(source).await
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        self.inner.estimate(source, window).await
    }

    async fn fingerprint(
        &self,
        _source: &Source,
        _window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        Ok(None)
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let begun = Instant::now();
        self.seen.begun.lock().entry(self.tenant.clone()).or_default().push(begun);
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        self.inner.run(scan, sink).await
    }

    /// One pass for all of them, which takes as long as one.
    async fn run_together(
        &self,
        scans: &[Scan],
        sinks: &mut [Box<dyn MatchSink>],
    ) -> Vec<Result<Report, EngineError>> {
        let begun = Instant::now();
        self.seen
            .begun
            .lock()
            .entry(self.tenant.clone())
            .or_default()
            .extend(scans.iter().map(|_| begun));
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        self.inner.run_together(scans, sinks).await
    }

    async fn cancel(&self, _tag: &str) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Nobody is told.
struct NoChannels;

impl Channels for NoChannels {
    fn channel(&self, _definitions: &Definitions, _name: &str) -> Option<Arc<dyn Channel>> {
        None
    }
}

/// What a scheduler needs.
pub(super) fn ports(
    records: Arc<dyn Records>,
    engines: Arc<dyn Engines>,
    time: Arc<dyn Time>,
) -> Ports {
    Ports {
        ledger: records.clone(),
        findings: records.clone(),
        outbox: records.clone(),
        control: records,
        engines,
        post: Arc::new(NoPostProcess),
        channels: Arc::new(NoChannels),
        time,
        entropy: Arc::new(Mutex::new(Box::new(SystemEntropy) as Box<dyn Entropy>)),
    }
}
