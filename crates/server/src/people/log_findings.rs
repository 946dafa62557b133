//! Log hunts: findings, their facets and exports, and what people say of them.

use std::sync::Arc;

use api::{LogFacets, LogFindingPage, LogFindingView, LogFindingsQuery, LogTriage};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use loghunt::ports::{Facet, FindingQuery, FindingStore, TriageChange};
use model::log::{Finding, FindingId, FindingState, Severity};
use model::store::{Page, Paging, StoreError};

use super::error::{ApiError, problem};
use super::extract::{Asked, Body, paging};
use super::log::{Shared, name};
use super::log_streams::touched;
use super::results::attachment;
use super::sign_in::Principal;
use super::{People, log_view};
use crate::export::csv_rows;

type Who = Extension<Principal>;

/// Values of a facet that are told.
const FACET_VALUES: u64 = 200;
/// Values of a facet by which findings can be sorted.
const SORT_VALUES: u64 = 20_000;
/// Findings of one export.
const EXPORT_MAX: u64 = 200_000;
/// Findings that are read at once for an export.
const EXPORT_STEP: u64 = 1_000;
/// Findings that are changed at once.
const TRIAGE_MAX: usize = 500;
/// Characters of a comment, a name or a verdict.
const TEXT_MAX: usize = 4_000;

/// A list of values separated by commas.
fn values<T>(
    text: &Option<String>,
    read: impl Fn(&str) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    let text = text.as_deref().unwrap_or("");
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(read).collect()
}

fn severity(text: &str) -> Result<Severity, ApiError> {
    Severity::parse(text).ok_or_else(|| {
        ApiError::caller(format!("`{text}` is not a severity"))
            .hint("choose informational, low, medium, high or critical")
    })
}

fn state(text: &str) -> Result<FindingState, ApiError> {
    FindingState::parse(text).ok_or_else(|| {
        ApiError::caller(format!("`{text}` is not a state of a finding"))
            .hint("choose new, triaged or closed")
    })
}

/// Reads what is asked for.
fn query(asked: &LogFindingsQuery) -> Result<FindingQuery, ApiError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    Ok(FindingQuery {
        tenants: values(&asked.tenant, name)?,
        datasets: values(&asked.dataset, name)?,
        rules: values(&asked.rule, name)?,
        severities: values(&asked.severity, severity)?,
        states: values(&asked.state, state)?,
        attack: given(&asked.attack),
        from: log_view::moment(asked.from.as_deref(), "from", false)?,
        to: log_view::moment(asked.to.as_deref(), "to", true)?,
        late: asked.late,
        suppressed: asked.suppressed,
        search: given(&asked.search),
        paging: paging(asked.offset, asked.limit)?,
    })
}

/// In which order findings are wanted.
#[derive(Clone, Copy)]
struct Sort {
    /// Newest first, when nothing.
    by: Option<Facet>,
    desc: bool,
}

fn sort(asked: &LogFindingsQuery) -> Result<Sort, ApiError> {
    let by = match asked.sort.as_deref().unwrap_or("") {
        "" | "instant" => None,
        "severity" => Some(Facet::Severity),
        "state" => Some(Facet::State),
        "tenant" => Some(Facet::Tenant),
        "rule" => Some(Facet::Rule),
        "dataset" => Some(Facet::Dataset),
        other => {
            return Err(ApiError::caller(format!("findings cannot be sorted by `{other}`"))
                .hint("choose instant, severity, state, tenant, rule or dataset"));
        }
    };
    Ok(Sort { by, desc: asked.desc.unwrap_or(by.is_none()) })
}

/// A page in the wanted order. The store knows one order, newest first; the others are put together
/// from the values of a facet.
async fn page(
    store: &dyn FindingStore,
    query: &FindingQuery,
    sort: Sort,
) -> Result<Page<Finding>, ApiError> {
    let Some(facet) = sort.by else {
        return Ok(if sort.desc {
            store.findings(query).await?
        } else {
            oldest(store, query).await?
        });
    };
    let mut groups = store.facet(query, facet, SORT_VALUES).await?;
    groups.sort_by_cached_key(|(value, _)| rank(facet, value));
    if sort.desc {
        groups.reverse();
    }
    let mut items = Vec::new();
    let (mut skip, mut wanted) = (query.paging.offset, query.paging.limit);
    for (value, count) in &groups {
        if skip >= *count {
            skip -= count;
            continue;
        }
        if wanted == 0 {
            break;
        }
        let mut only = narrowed(query, facet, value)?;
        only.paging = Paging { offset: skip, limit: wanted };
        let part = store.findings(&only).await?.items;
        skip = 0;
        wanted -= part.len() as u64;
        items.extend(part);
    }
    Ok(Page { items, total: groups.iter().map(|(_, count)| count).sum() })
}

/// The same list from its other end.
async fn oldest(
    store: &dyn FindingStore,
    query: &FindingQuery,
) -> Result<Page<Finding>, StoreError> {
    let none = FindingQuery { paging: Paging::first(0), ..query.clone() };
    let total = store.findings(&none).await?.total;
    let end = total.saturating_sub(query.paging.offset);
    let offset = end.saturating_sub(query.paging.limit);
    let backwards = Paging { offset, limit: end - offset };
    let mut page = store.findings(&FindingQuery { paging: backwards, ..query.clone() }).await?;
    page.items.reverse();
    Ok(page)
}

/// Where a value stands among those of its facet.
fn rank(facet: Facet, value: &str) -> (usize, String) {
    let known = match facet {
        Facet::Severity => Severity::ALL.iter().position(|one| one.word() == value),
        Facet::State => FindingState::ALL.iter().position(|one| one.word() == value),
        Facet::Tenant | Facet::Dataset | Facet::Rule | Facet::Attack | Facet::Day => None,
    };
    (known.unwrap_or(0), value.to_owned())
}

/// Only findings with this value.
fn narrowed(query: &FindingQuery, facet: Facet, value: &str) -> Result<FindingQuery, ApiError> {
    let mut query = query.clone();
    match facet {
        Facet::Tenant => query.tenants = vec![name(value)?],
        Facet::Dataset => query.datasets = vec![name(value)?],
        Facet::Rule => query.rules = vec![name(value)?],
        Facet::Severity => query.severities = vec![severity(value)?],
        Facet::State => query.states = vec![state(value)?],
        Facet::Attack => query.attack = Some(value.to_owned()),
        Facet::Day => {
            query.from = log_view::moment(Some(value), "day", false)?;
            query.to = log_view::moment(Some(value), "day", true)?;
        }
    }
    Ok(query)
}

pub(crate) async fn list(
    State(people): Shared,
    Asked(asked): Asked<LogFindingsQuery>,
) -> Result<Json<LogFindingPage>, ApiError> {
    let log = people.log()?;
    let page = page(&*log.ports.findings, &query(&asked)?, sort(&asked)?).await?;
    let items = page.items.iter().map(log_view::finding).collect::<Result<_, _>>()?;
    Ok(Json(LogFindingPage { items, total: page.total }))
}

pub(crate) async fn facets(
    State(people): Shared,
    Asked(asked): Asked<LogFindingsQuery>,
) -> Result<Json<LogFacets>, ApiError> {
    let store = Arc::clone(&people.log()?.ports.findings);
    let query = query(&asked)?;
    let count = async |facet: Facet, query: FindingQuery| -> Result<_, ApiError> {
        Ok(log_view::counts(store.facet(&query, facet, FACET_VALUES).await?))
    };
    let all = || query.clone();
    let mut day = count(Facet::Day, all()).await?;
    day.sort_by(|a, b| b.value.cmp(&a.value));
    Ok(Json(LogFacets {
        tenant: count(Facet::Tenant, FindingQuery { tenants: Vec::new(), ..all() }).await?,
        dataset: count(Facet::Dataset, FindingQuery { datasets: Vec::new(), ..all() }).await?,
        rule: count(Facet::Rule, FindingQuery { rules: Vec::new(), ..all() }).await?,
        severity: count(Facet::Severity, FindingQuery { severities: Vec::new(), ..all() }).await?,
        state: count(Facet::State, FindingQuery { states: Vec::new(), ..all() }).await?,
        attack: count(Facet::Attack, FindingQuery { attack: None, ..all() }).await?,
        day,
    }))
}

fn id(text: &str) -> Result<FindingId, ApiError> {
    FindingId::parse(text.trim()).ok_or_else(|| {
        ApiError::caller(format!("`{text}` is not the id of a finding, such as `N.` and 32 digits"))
    })
}

pub(crate) async fn one(
    State(people): Shared,
    Path(text): Path<String>,
) -> Result<Json<LogFindingView>, ApiError> {
    let id = id(&text)?;
    let found = people.log()?.ports.findings.finding(id).await?;
    let found = found.ok_or_else(|| ApiError::not_found(format!("finding {id}")))?;
    Ok(Json(log_view::finding(&found)?))
}

pub(crate) async fn triage(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<LogTriage>,
) -> Result<Json<Vec<LogFindingView>>, ApiError> {
    let log = Arc::clone(people.log()?);
    if said.findings.is_empty() || said.findings.len() > TRIAGE_MAX {
        let wrong = problem("findings", format!("must name 1 to {TRIAGE_MAX} findings"));
        return Err(ApiError::problems("nothing was changed", vec![wrong]));
    }
    let ids: Vec<FindingId> =
        said.findings.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
    let text = |text: &Option<String>| {
        text.as_ref().map(|text| text.trim().chars().take(TEXT_MAX).collect::<String>())
    };
    let change = TriageChange {
        state: said.state.as_deref().map(state).transpose()?,
        assignee: text(&said.assignee),
        verdict: text(&said.verdict),
        comment: text(&said.comment).filter(|comment| !comment.is_empty()),
        at: people.clock.now(),
        actor: who.actor(),
    };
    let mut changed = Vec::with_capacity(ids.len());
    for id in &ids {
        let finding = log.ports.findings.triage(*id, &change).await?;
        changed.push(log_view::finding(&finding)?);
    }
    let object = match ids.as_slice() {
        [one] => one.to_string(),
        several => format!("{} findings", several.len()),
    };
    people.audit(&who, "log.triage", object, what(&change)).await?;
    touched(&people, &log).await?;
    Ok(Json(changed))
}

/// What a change says, in short.
fn what(change: &TriageChange) -> String {
    let mut parts = Vec::new();
    parts.extend(change.state.map(|state| format!("state {}", state.word())));
    parts.extend(change.assignee.as_ref().map(|who| format!("assignee `{who}`")));
    parts.extend(change.verdict.as_ref().map(|verdict| format!("verdict `{verdict}`")));
    parts.extend(change.comment.as_ref().map(|_| "a comment".to_owned()));
    parts.join(", ")
}

/// Columns of an export that do not come from the row.
const OWN: [&str; 17] = [
    "_id",
    "_instant",
    "_tenant",
    "_dataset",
    "_rule",
    "_title",
    "_severity",
    "_attack",
    "_state",
    "_assignee",
    "_verdict",
    "_late",
    "_suppressed_by",
    "_notified",
    "_window",
    "_revision",
    "_found_at",
];

/// A finding as one JSON object: its own columns, then the row's.
fn flat(view: &LogFindingView) -> serde_json::Map<String, serde_json::Value> {
    let own = serde_json::json!([
        view.id,
        view.instant,
        view.tenant,
        view.dataset,
        view.rule,
        view.title,
        view.severity,
        view.attack,
        view.state,
        view.assignee,
        view.verdict,
        view.late,
        view.suppressed_by,
        view.notified,
        view.window,
        view.revision_last,
        view.found_at,
    ]);
    let mut flat = view.row.clone();
    // The row cannot say that it is another finding: what has our names is ours.
    flat.retain(|name, _| !OWN.contains(&name.as_str()));
    let values = own.as_array().cloned().unwrap_or_default();
    flat.extend(OWN.iter().map(|name| (*name).to_owned()).zip(values));
    flat
}

/// In which form findings leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Ndjson,
}

async fn export(
    people: &Arc<People>,
    who: &Principal,
    asked: &LogFindingsQuery,
    form: Form,
) -> Result<Response, ApiError> {
    let store = Arc::clone(&people.log()?.ports.findings);
    let (query, sort) = (query(asked)?, sort(asked)?);
    let (first, end) = match asked.limit {
        Some(limit) => (query.paging.offset, query.paging.offset + limit),
        None => (query.paging.offset, query.paging.offset + EXPORT_MAX),
    };
    let columns =
        if form == Form::Csv { columns(&*store, &query, sort).await? } else { Vec::new() };
    people.audit(who, "log.export", "findings", what_of(asked)).await?;
    let head = if form == Form::Csv { csv_rows::header(&columns) } else { Vec::new() };
    let pieces = stream::try_unfold((first, head), move |(offset, head)| {
        let (store, mut query, columns) = (Arc::clone(&store), query.clone(), columns.clone());
        async move {
            if offset >= end {
                return Ok(None);
            }
            query.paging = Paging { offset, limit: EXPORT_STEP.min(end - offset) };
            let broken = |bad: ApiError| std::io::Error::other(bad.message);
            let page = page(&*store, &query, sort).await.map_err(broken)?;
            let mut out = head;
            for finding in &page.items {
                let flat = flat(&log_view::finding(finding).map_err(broken)?);
                let json = serde_json::Value::Object(flat).to_string();
                match form {
                    Form::Csv => out.extend(csv_rows::json_row(&columns, &json)),
                    Form::Ndjson => {
                        out.extend_from_slice(json.as_bytes());
                        out.push(b'\n');
                    }
                }
            }
            let read = page.items.len() as u64;
            let next = if offset + read >= page.total || read == 0 { end } else { offset + read };
            Ok(Some((Bytes::from(out), (next, Vec::new()))))
        }
    });
    let pieces: std::pin::Pin<
        Box<dyn futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send>,
    > = Box::pin(pieces);
    let mut response = Response::new(axum::body::Body::from_stream(pieces));
    let (media, file) = match form {
        Form::Csv => ("text/csv", "findings.csv"),
        Form::Ndjson => ("application/x-ndjson", "findings.ndjson"),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CONTENT_DISPOSITION, attachment(file));
    Ok(response)
}

/// The columns of a CSV: ours, then those of the first rows in the order in which they are met.
async fn columns(
    store: &dyn FindingStore,
    query: &FindingQuery,
    sort: Sort,
) -> Result<Vec<String>, ApiError> {
    let first = Paging { offset: query.paging.offset, limit: EXPORT_STEP };
    let sample = page(store, &FindingQuery { paging: first, ..query.clone() }, sort).await?;
    let mut columns: Vec<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
    let mut known: std::collections::HashSet<String> = columns.iter().cloned().collect();
    for finding in &sample.items {
        for name in log_view::finding(finding)?.row.keys() {
            if known.insert(name.clone()) {
                columns.push(name.clone());
            }
        }
    }
    Ok(columns)
}

fn what_of(asked: &LogFindingsQuery) -> String {
    let said = serde_json::to_value(asked).unwrap_or_default();
    let said = said.as_object().cloned().unwrap_or_default();
    let parts = said.into_iter().filter(|(_, value)| !value.is_null());
    parts.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn csv(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<LogFindingsQuery>,
) -> Result<Response, ApiError> {
    export(&people, &who, &asked, Form::Csv).await
}

pub(crate) async fn ndjson(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<LogFindingsQuery>,
) -> Result<Response, ApiError> {
    export(&people, &who, &asked, Form::Ndjson).await
}
