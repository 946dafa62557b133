//! Log hunts: how they stand, the grid of tenants by rules, definitions, engines, the outbox, the
//! trail of changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use api::{
    LogCell, LogCount, LogDefinitionsView, LogDeliveryPage, LogDeliveryView, LogEngineView,
    LogGrid, LogGridQuery, LogGridRow, LogGridRule, LogNotePage, LogNoteView, LogOverview,
    PageQuery,
};
use axum::Json;
use axum::extract::State;
use base::Timestamp;
use log_rules::{Engine, EngineKind};
use loghunt::ports::{Facet, FindingQuery, JobState};
use model::log::{FindingState, RuleName, TenantName};
use model::store::Paging;

use super::error::ApiError;
use super::extract::{Asked, paging};
use super::{People, log_view};
use crate::log::Log;
use crate::log_survey::{Entry, Stand};

pub(crate) type Shared = State<Arc<People>>;

/// Days of findings on the first page.
const DAYS: u64 = 14;

impl People {
    /// Log hunts, when this server has any.
    pub(crate) fn log(&self) -> Result<&Arc<Log>, ApiError> {
        self.core.log.as_ref().ok_or_else(|| {
            ApiError::not_found("a section `log_hunts:` in this server's configuration")
                .hint("add `log_hunts:` with `folder:` to server.yaml and start the server again")
        })
    }
}

/// Reads a name out of a path or a query.
pub(crate) fn name<T: std::str::FromStr>(text: &str) -> Result<T, ApiError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| ApiError::caller(error.to_string()))
}

/// Reads a state of streams; nothing means all, `trouble` whatever somebody should look at.
pub(crate) fn stands(text: Option<&str>) -> Result<Option<BTreeSet<Stand>>, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some("trouble") => {
            Ok(Some(Stand::ALL.into_iter().filter(|stand| stand.is_trouble()).collect()))
        }
        Some(word) => {
            let known = Stand::ALL.into_iter().find(|stand| stand.word() == word);
            known.map(|stand| Some(BTreeSet::from([stand]))).ok_or_else(|| {
                ApiError::caller(format!("`{word}` is not a state of a stream")).hint(
                    "choose ok, waiting, paused, behind, failing, gap, stopped, or trouble for any of the last four",
                )
            })
        }
    }
}

pub(crate) async fn overview(State(people): Shared) -> Result<Json<LogOverview>, ApiError> {
    let Some(log) = &people.core.log else {
        let now = people.clock.now().to_string();
        return Ok(Json(LogOverview { counted_at: now.clone(), now, ..LogOverview::default() }));
    };
    let survey = log.survey().await?;
    let known = log.ports.desk.known();
    let findings = |query: FindingQuery, facet, limit| {
        let store = Arc::clone(&log.ports.findings);
        async move { store.facet(&query, facet, limit).await.map(log_view::counts) }
    };
    let new = FindingQuery { states: vec![FindingState::New], ..FindingQuery::default() };
    let first_day = Timestamp::from_micros(survey.at.as_micros() - DAYS as i64 * 86_400_000_000);
    let lately = FindingQuery { from: Some(first_day), ..FindingQuery::default() };
    let jobs = log.ports.control.jobs(Paging::first(1_000)).await?;
    let errors = known.problems.iter().filter(|found| found.problem.severity == "error").count();
    Ok(Json(LogOverview {
        configured: true,
        running: log.ports.desk.running(),
        now: log.ports.ledger.now().await?.to_string(),
        counted_at: survey.at.to_string(),
        tenants: tenants(log, &survey.entries).len() as u64,
        tenants_paused: survey.paused.len() as u64,
        rules: known.definitions.rules.iter().filter(|rule| !rule.disabled).count() as u64,
        streams: log_view::tally(survey.entries.iter()),
        lag_millis_max: log_view::lag_max(survey.entries.iter()),
        gaps: survey.gaps,
        findings: findings(FindingQuery::default(), Facet::State, 10).await?,
        findings_new: findings(new, Facet::Severity, 10).await?,
        findings_by_day: findings(lately, Facet::Day, DAYS + 1).await?,
        outbox_waiting: log.ports.outbox.waiting(Paging::first(0)).await?.total,
        backfills_running: jobs.items.iter().filter(|job| job.state == JobState::Running).count()
            as u64,
        problems: errors as u64,
        troubles: log.ports.desk.troubles(),
    }))
}

/// All tenants: those of the definitions, and those that only the ledger knows.
pub(crate) fn tenants(log: &Log, entries: &[Entry]) -> BTreeSet<TenantName> {
    let known = log.ports.desk.known();
    let defined = known.definitions.tenants.iter().map(|tenant| tenant.name.clone());
    defined.chain(entries.iter().map(|entry| entry.tenant.clone())).collect()
}

/// The columns of the grid: rules of the definitions, and those that only the ledger knows.
fn columns(log: &Log, entries: &[Entry], search: &str) -> Vec<LogGridRule> {
    let known = log.ports.desk.known();
    let mut columns: BTreeMap<String, LogGridRule> = BTreeMap::new();
    for entry in entries {
        let name = entry.rule.to_string();
        columns.entry(name.clone()).or_insert_with(|| LogGridRule {
            title: name.clone(),
            name,
            severity: "informational".to_owned(),
            disabled: true,
        });
    }
    for rule in &known.definitions.rules {
        columns.insert(
            rule.name.to_string(),
            LogGridRule {
                name: rule.name.to_string(),
                title: rule.title.clone(),
                severity: rule.severity.word().to_owned(),
                disabled: rule.disabled,
            },
        );
    }
    let wanted = |rule: &LogGridRule| {
        search.is_empty()
            || rule.name.to_lowercase().contains(search)
            || rule.title.to_lowercase().contains(search)
    };
    columns.into_values().filter(wanted).collect()
}

/// One cell: the worst stream of a tenant and rule, with the longest lag of all of them.
fn put(cell: &mut Option<LogCell>, entry: &Entry) {
    let lag = entry.lag.map(log_view::millis);
    let fresh = LogCell {
        state: entry.stand.word().to_owned(),
        lag_millis: lag,
        streams: 1,
        dataset: entry.dataset.to_string(),
        part: entry.part.to_string(),
        gaps: entry.gaps,
        failure: entry.failure.clone(),
    };
    let Some(kept) = cell else {
        *cell = Some(fresh);
        return;
    };
    let (streams, gaps) = (kept.streams + 1, kept.gaps + entry.gaps);
    let lag = kept.lag_millis.max(lag);
    let worse = stand_of(kept) < entry.stand;
    *kept = LogCell { streams, gaps, lag_millis: lag, ..if worse { fresh } else { kept.clone() } };
}

fn stand_of(cell: &LogCell) -> Stand {
    let known = Stand::ALL.into_iter().find(|stand| stand.word() == cell.state);
    known.unwrap_or(Stand::Ok)
}

pub(crate) async fn grid(
    State(people): Shared,
    Asked(asked): Asked<LogGridQuery>,
) -> Result<Json<LogGrid>, ApiError> {
    let log = people.log()?;
    let paging = paging(asked.offset, asked.limit)?;
    let wanted = stands(asked.state.as_deref())?;
    let lower = |text: &Option<String>| text.as_deref().unwrap_or("").trim().to_lowercase();
    let survey = log.survey().await?;
    let rules = columns(log, &survey.entries, &lower(&asked.rule));
    let place: HashMap<&str, usize> =
        rules.iter().enumerate().map(|(index, rule)| (rule.name.as_str(), index)).collect();
    let search = lower(&asked.tenant);
    let mut rows: BTreeMap<TenantName, LogGridRow> = tenants(log, &survey.entries)
        .into_iter()
        .filter(|tenant| tenant.as_str().to_lowercase().contains(&search))
        .map(|tenant| {
            let paused = survey.paused.get(&tenant).map(|mode| mode.word().to_owned());
            let cells = vec![None; rules.len()];
            (tenant.clone(), LogGridRow { tenant: tenant.to_string(), paused, cells })
        })
        .collect();
    for entry in &survey.entries {
        let place = place.get(entry.rule.as_str());
        if let Some((row, index)) = rows.get_mut(&entry.tenant).zip(place) {
            put(&mut row.cells[*index], entry);
        }
    }
    let mut rows: Vec<LogGridRow> = rows.into_values().collect();
    if let Some(wanted) = wanted {
        rows.retain(|row| row.cells.iter().flatten().any(|cell| wanted.contains(&stand_of(cell))));
    }
    match asked.sort.as_deref().unwrap_or("tenant") {
        "" | "tenant" => {}
        "trouble" => rows.sort_by_cached_key(|row| std::cmp::Reverse(trouble(row))),
        "lag" => {
            let longest = |row: &LogGridRow| row.cells.iter().flatten().map(|c| c.lag_millis).max();
            rows.sort_by_cached_key(|row| std::cmp::Reverse(longest(row)));
        }
        other => {
            return Err(ApiError::caller(format!("the grid cannot be sorted by `{other}`"))
                .hint("choose tenant, trouble or lag"));
        }
    }
    let page = model::store::Page::cut(rows, paging);
    Ok(Json(LogGrid { rules, items: page.items, total: page.total }))
}

/// The worst state of a row, and how often it has it.
fn trouble(row: &LogGridRow) -> (Stand, usize) {
    let worst = row.cells.iter().flatten().map(stand_of).max().unwrap_or(Stand::Ok);
    let often = row.cells.iter().flatten().filter(|cell| stand_of(cell) == worst).count();
    (worst, often)
}

pub(crate) async fn definitions(
    State(people): Shared,
) -> Result<Json<LogDefinitionsView>, ApiError> {
    let known = people.log()?.ports.desk.known();
    let said = &known.definitions;
    Ok(Json(LogDefinitionsView {
        folder: known.folder.clone(),
        revision: said.revision.to_string(),
        loaded_at: known.loaded_at.map(|at| at.to_string()),
        stale: known.stale,
        tenants: said.tenants.len() as u64,
        rules: said.rules.len() as u64,
        engines: said.engines.len() as u64,
        channels: said.channels.iter().map(|channel| channel.name.clone()).collect(),
        problems: known.problems.clone(),
    }))
}

/// An engine's kind and place, without secrets.
fn kind(engine: &Engine) -> (&'static str, String) {
    let address = |at: &log_rules::Address| plain_url(&at.url);
    match &engine.kind {
        EngineKind::DataFusion { root, .. } => ("datafusion", plain_url(root)),
        EngineKind::Sqlite { path } => ("sqlite", path.clone()),
        EngineKind::Postgres(at) => ("postgres", address(at)),
        EngineKind::ClickHouse(at) => ("clickhouse", address(at)),
        EngineKind::SparkConnect(at) => ("spark_connect", address(at)),
        EngineKind::FlightSql(at) => ("flight_sql", address(at)),
        EngineKind::Trino(at) => ("trino", address(at)),
        EngineKind::OpenSearch(at) => ("opensearch", address(at)),
        EngineKind::Null => ("null", String::new()),
        _ => ("other", String::new()),
    }
}

/// A URL without user, password and query, should somebody have written them there.
fn plain_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}

pub(crate) async fn engines(State(people): Shared) -> Result<Json<Vec<LogEngineView>>, ApiError> {
    let log = people.log()?;
    let known = log.ports.desk.known();
    let queues = log.ports.desk.queues();
    let view = |engine: &Engine| {
        let (kind, place) = kind(engine);
        let there = |tenant: &&log_rules::Tenant| {
            tenant.datasets.iter().any(|dataset| dataset.engine == engine.name)
        };
        LogEngineView {
            name: engine.name.to_string(),
            kind: kind.to_owned(),
            place,
            concurrency: engine.concurrency,
            timeout_millis: log_view::millis(engine.timeout),
            tenants: known.definitions.tenants.iter().filter(there).count() as u64,
            queues: queues
                .iter()
                .filter(|queue| queue.engine == engine.name)
                .map(log_view::queue)
                .collect(),
        }
    };
    Ok(Json(known.definitions.engines.iter().map(view).collect()))
}

pub(crate) async fn outbox(
    State(people): Shared,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<LogDeliveryPage>, ApiError> {
    let log = people.log()?;
    let page = log.ports.outbox.waiting(paging(asked.offset, asked.limit)?).await?;
    let view = |delivery: loghunt::ports::Delivery| LogDeliveryView {
        id: delivery.id,
        key: delivery.key.to_string(),
        channel: delivery.channel,
        findings: delivery.findings.iter().map(ToString::to_string).collect(),
        at: delivery.at.to_string(),
        attempts: delivery.attempts,
        not_before: delivery.not_before.to_string(),
        error: delivery.error,
        given_up: delivery.given_up,
    };
    Ok(Json(LogDeliveryPage {
        items: page.items.into_iter().map(view).collect(),
        total: page.total,
    }))
}

pub(crate) async fn notes(
    State(people): Shared,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<LogNotePage>, ApiError> {
    let log = people.log()?;
    let page = log.ports.control.notes(paging(asked.offset, asked.limit)?).await?;
    let view = |note: loghunt::ports::AuditNote| LogNoteView {
        at: note.at.to_string(),
        actor: note.actor.to_string(),
        action: note.action,
        subject: note.subject,
        reason: note.reason,
    };
    Ok(Json(LogNotePage { items: page.items.into_iter().map(view).collect(), total: page.total }))
}

/// Findings that nobody has looked at, by rule or tenant.
pub(crate) async fn new_findings(
    log: &Log,
    facet: Facet,
) -> Result<HashMap<String, u64>, ApiError> {
    let query = FindingQuery { states: vec![FindingState::New], ..FindingQuery::default() };
    Ok(log.ports.findings.facet(&query, facet, 100_000).await?.into_iter().collect())
}

/// How many findings of a rule are in each state.
pub(crate) async fn findings_of(log: &Log, rule: &RuleName) -> Result<Vec<LogCount>, ApiError> {
    let query = FindingQuery { rules: vec![rule.clone()], ..FindingQuery::default() };
    Ok(log_view::counts(log.ports.findings.facet(&query, Facet::State, 10).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_secrets() {
        for (url, expected) in [
            ("https://u:p@h:1/x?token=1", "https://h:1/x"),
            ("postgres://h", "postgres://h"),
            ("/srv/logs", "/srv/logs"),
        ] {
            assert_eq!(plain_url(url), expected);
        }
    }
}
