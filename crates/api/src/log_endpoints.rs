//! The endpoints of log hunts.

use crate::endpoint::{file, get, list, post};
use crate::*;

/// All of them.
pub(crate) fn log_endpoints() -> Vec<Endpoint> {
    let mut all = stand();
    all.extend(streams());
    all.extend(rules_and_tenants());
    all.extend(findings());
    all
}

fn stand() -> Vec<Endpoint> {
    vec![
        get::<LogOverview>("/log/overview", "How log hunts stand, in numbers"),
        get::<LogGrid>("/log/grid", "Tenants by rules").query::<LogGridQuery>(),
        get::<LogDefinitionsView>("/log/definitions", "The files, and what is wrong with them"),
        list::<LogEngineView>("/log/engines", "Query engines, what runs and waits there"),
        get::<LogDeliveryPage>("/log/outbox", "Messages that wait for their channel")
            .query::<PageQuery>(),
        get::<LogNotePage>("/log/notes", "Who changed what of log hunts, newest first")
            .query::<PageQuery>(),
        get::<LogBackfillPage>("/log/backfills", "Backfills, newest first").query::<PageQuery>(),
        post::<LogBackfillReport>("/log/backfills", "Read a stretch of the past again")
            .body::<LogBackfillRequest>(),
        post::<LogActReport>("/log/backfills/{job}/cancel", "End a backfill")
            .body::<LogActRequest>(),
    ]
}

fn streams() -> Vec<Endpoint> {
    vec![
        get::<LogStreamPage>("/log/streams", "Live streams").query::<LogStreamsQuery>(),
        get::<LogStreamView>("/log/streams/{tenant}/{dataset}/{rule}", "One stream")
            .query::<LogStreamQuery>(),
        get::<LogTimeline>(
            "/log/streams/{tenant}/{dataset}/{rule}/timeline",
            "Its ledger as a line of segments",
        )
        .query::<LogTimelineQuery>(),
        get::<LogWindowPage>("/log/streams/{tenant}/{dataset}/{rule}/windows", "Its windows")
            .query::<LogWindowsQuery>(),
        get::<LogRunPage>(
            "/log/streams/{tenant}/{dataset}/{rule}/runs",
            "Attempts at its windows, newest first",
        )
        .query::<LogRunsQuery>(),
        post::<LogActReport>(
            "/log/streams/{tenant}/{dataset}/{rule}/waive",
            "Leave a stretch out, on purpose",
        )
        .query::<LogStreamQuery>()
        .body::<LogWaiveRequest>(),
        post::<LogActReport>(
            "/log/streams/{tenant}/{dataset}/{rule}/continue",
            "Let a stopped stream run on, with its source as it is now",
        )
        .query::<LogStreamQuery>()
        .body::<LogActRequest>(),
        get::<LogWindowExplanation>("/log/windows/{window}", "Why a window is as it is"),
        post::<LogActReport>("/log/windows/{window}/waive", "Leave a window out, on purpose")
            .body::<LogActRequest>(),
        post::<LogActReport>("/log/windows/{window}/reopen", "Read a gap after all")
            .body::<LogActRequest>(),
    ]
}

fn rules_and_tenants() -> Vec<Endpoint> {
    vec![
        get::<LogRulePage>("/log/rules", "Rules by name").query::<LogRulesQuery>(),
        get::<LogRuleView>("/log/rules/{rule}", "One rule"),
        get::<LogRevisionsView>("/log/rules/{rule}/revisions", "Which revisions evaluated what"),
        post::<LogTestReport>("/log/rules/{rule}/test", "Run its tests"),
        get::<LogTenantPage>("/log/tenants", "Tenants by name").query::<LogTenantsQuery>(),
        get::<LogTenantView>("/log/tenants/{tenant}", "One tenant"),
        post::<LogActReport>("/log/tenants/{tenant}/pause", "Run nothing for it")
            .body::<LogPauseRequest>(),
        post::<LogActReport>("/log/tenants/{tenant}/resume", "Run it again")
            .body::<LogActRequest>(),
    ]
}

fn findings() -> Vec<Endpoint> {
    vec![
        get::<LogFindingPage>("/log/findings", "Findings").query::<LogFindingsQuery>(),
        get::<LogFacets>("/log/findings/facets", "How many findings have each value")
            .query::<LogFindingsQuery>(),
        file("/log/findings/export.csv", "Findings as CSV", "text/csv").query::<LogFindingsQuery>(),
        file(
            "/log/findings/export.ndjson",
            "Findings, one JSON object a line",
            "application/x-ndjson",
        )
        .query::<LogFindingsQuery>(),
        get::<LogFindingView>("/log/findings/{finding}", "One finding"),
        list_of_triaged(),
    ]
}

fn list_of_triaged() -> Endpoint {
    let listed = list::<LogFindingView>("/log/triage", "Say something of findings");
    Endpoint { method: Method::Post, ..listed }.body::<LogTriage>()
}
