//! One method per endpoint of log hunts.

use api::*;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::Method;

use crate::calls::segment;
use crate::{ApiError, Client};

type Answer<T> = Result<T, ApiError>;

/// `{tenant}/{dataset}/{rule}` of a stream's address.
#[derive(Clone, Copy, Debug)]
pub struct StreamPlace<'a> {
    /// Whose logs.
    pub tenant: &'a str,
    /// Which of them.
    pub dataset: &'a str,
    /// Which rule.
    pub rule: &'a str,
}

impl StreamPlace<'_> {
    fn path(self, rest: &str) -> String {
        let (tenant, dataset) = (segment(self.tenant), segment(self.dataset));
        format!("/log/streams/{tenant}/{dataset}/{}{rest}", segment(self.rule))
    }
}

/// How log hunts stand.
impl Client {
    /// In numbers.
    pub async fn log_overview(&self) -> Answer<LogOverview> {
        self.get("/log/overview").await
    }

    /// Tenants by rules.
    pub async fn log_grid(&self, query: &LogGridQuery) -> Answer<LogGrid> {
        self.ask("/log/grid", query).await
    }

    /// The files, and what is wrong with them.
    pub async fn log_definitions(&self) -> Answer<LogDefinitionsView> {
        self.get("/log/definitions").await
    }

    /// Query engines.
    pub async fn log_engines(&self) -> Answer<Vec<LogEngineView>> {
        self.get("/log/engines").await
    }

    /// Messages that wait for their channel.
    pub async fn log_outbox(&self, page: &PageQuery) -> Answer<LogDeliveryPage> {
        self.ask("/log/outbox", page).await
    }

    /// Who changed what of log hunts.
    pub async fn log_notes(&self, page: &PageQuery) -> Answer<LogNotePage> {
        self.ask("/log/notes", page).await
    }
}

/// Streams and windows.
impl Client {
    /// Live streams.
    pub async fn log_streams(&self, query: &LogStreamsQuery) -> Answer<LogStreamPage> {
        self.ask("/log/streams", query).await
    }

    /// One stream.
    pub async fn log_stream(
        &self,
        place: StreamPlace<'_>,
        query: &LogStreamQuery,
    ) -> Answer<LogStreamView> {
        self.ask(&place.path(""), query).await
    }

    /// Its ledger as a line.
    pub async fn log_timeline(
        &self,
        place: StreamPlace<'_>,
        query: &LogTimelineQuery,
    ) -> Answer<LogTimeline> {
        self.ask(&place.path("/timeline"), query).await
    }

    /// Its windows.
    pub async fn log_windows(
        &self,
        place: StreamPlace<'_>,
        query: &LogWindowsQuery,
    ) -> Answer<LogWindowPage> {
        self.ask(&place.path("/windows"), query).await
    }

    /// Attempts at its windows.
    pub async fn log_runs(
        &self,
        place: StreamPlace<'_>,
        query: &LogRunsQuery,
    ) -> Answer<LogRunPage> {
        self.ask(&place.path("/runs"), query).await
    }

    /// Leaves a stretch of the live stream out.
    pub async fn log_waive(
        &self,
        place: StreamPlace<'_>,
        request: &LogWaiveRequest,
    ) -> Answer<LogActReport> {
        self.send(Method::POST, &place.path("/waive"), request).await
    }

    /// Lets a stopped live stream run on.
    pub async fn log_continue(
        &self,
        place: StreamPlace<'_>,
        request: &LogActRequest,
    ) -> Answer<LogActReport> {
        self.send(Method::POST, &place.path("/continue"), request).await
    }

    /// Why a window is as it is.
    pub async fn log_window(&self, window: &str) -> Answer<LogWindowExplanation> {
        self.get(&format!("/log/windows/{}", segment(window))).await
    }

    /// `waive` or `reopen`.
    pub async fn log_window_verb(
        &self,
        window: &str,
        verb: &str,
        request: &LogActRequest,
    ) -> Answer<LogActReport> {
        let path = format!("/log/windows/{}/{}", segment(window), segment(verb));
        self.send(Method::POST, &path, request).await
    }
}

/// Rules, tenants, backfills.
impl Client {
    /// Rules by name.
    pub async fn log_rules(&self, query: &LogRulesQuery) -> Answer<LogRulePage> {
        self.ask("/log/rules", query).await
    }

    /// One rule.
    pub async fn log_rule(&self, rule: &str) -> Answer<LogRuleView> {
        self.get(&format!("/log/rules/{}", segment(rule))).await
    }

    /// Which revisions of a rule evaluated what.
    pub async fn log_revisions(&self, rule: &str) -> Answer<LogRevisionsView> {
        self.get(&format!("/log/rules/{}/revisions", segment(rule))).await
    }

    /// Runs a rule's tests.
    pub async fn log_test(&self, rule: &str) -> Answer<LogTestReport> {
        self.post(&format!("/log/rules/{}/test", segment(rule))).await
    }

    /// Tenants by name.
    pub async fn log_tenants(&self, query: &LogTenantsQuery) -> Answer<LogTenantPage> {
        self.ask("/log/tenants", query).await
    }

    /// One tenant.
    pub async fn log_tenant(&self, tenant: &str) -> Answer<LogTenantView> {
        self.get(&format!("/log/tenants/{}", segment(tenant))).await
    }

    /// Runs nothing for a tenant.
    pub async fn log_pause(&self, tenant: &str, request: &LogPauseRequest) -> Answer<LogActReport> {
        let path = format!("/log/tenants/{}/pause", segment(tenant));
        self.send(Method::POST, &path, request).await
    }

    /// Runs a tenant again.
    pub async fn log_resume(&self, tenant: &str, request: &LogActRequest) -> Answer<LogActReport> {
        let path = format!("/log/tenants/{}/resume", segment(tenant));
        self.send(Method::POST, &path, request).await
    }

    /// Backfills, newest first.
    pub async fn log_backfills(&self, page: &PageQuery) -> Answer<LogBackfillPage> {
        self.ask("/log/backfills", page).await
    }

    /// Reads a stretch of the past again, or says what that would touch.
    pub async fn log_backfill(&self, request: &LogBackfillRequest) -> Answer<LogBackfillReport> {
        self.send(Method::POST, "/log/backfills", request).await
    }

    /// Ends a backfill.
    pub async fn log_cancel_backfill(
        &self,
        job: &str,
        request: &LogActRequest,
    ) -> Answer<LogActReport> {
        let path = format!("/log/backfills/{}/cancel", segment(job));
        self.send(Method::POST, &path, request).await
    }
}

/// Findings.
impl Client {
    /// A page of findings.
    pub async fn log_findings(&self, query: &LogFindingsQuery) -> Answer<LogFindingPage> {
        self.ask("/log/findings", query).await
    }

    /// How many findings have each value.
    pub async fn log_facets(&self, query: &LogFindingsQuery) -> Answer<LogFacets> {
        self.ask("/log/findings/facets", query).await
    }

    /// One finding.
    pub async fn log_finding(&self, finding: &str) -> Answer<LogFindingView> {
        self.get(&format!("/log/findings/{}", segment(finding))).await
    }

    /// Says something of findings.
    pub async fn log_triage(&self, request: &LogTriage) -> Answer<Vec<LogFindingView>> {
        self.send(Method::POST, "/log/triage", request).await
    }

    /// All findings, as `csv` or `ndjson`.
    pub async fn log_export(
        &self,
        form: &str,
    ) -> Answer<impl Stream<Item = Answer<Bytes>> + use<>> {
        let client = self.clone();
        let response = self.open(&format!("/log/findings/export.{}", segment(form))).await?;
        Ok(response.bytes_stream().map_err(move |error| client.unreachable(&error)))
    }
}
