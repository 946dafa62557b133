//! Monitoring: what is wanted, what it brought each day, its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{
    ClientMonitoring, EventDayView, EventRowPage, EventRowView, EventScanPage, EventScanQuery,
    EventsQuery, MonitoringEntryView, MonitoringRemove, MonitoringSet, MonitoringView, Problem,
};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use base::{ByteSize, ClientId, Fault, Timestamp};
use flows::monitoring::{EventPlace, EventScan};
use futures_util::stream;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use model::flow::ArtifactCall;
use model::monitoring::{
    Day, EventKind, EventQuery, EventRow, EventScope, MonitoringChange, MonitoringEntry,
    MonitoringLimits, MonitoringTable, chosen,
};

use super::error::{ApiError, problem};
use super::extract::{Asked, Body, paging};
use super::results::attachment;
use super::sign_in::Principal;
use super::{People, ask, clients, view};
use crate::collect::Collector;
use crate::monitoring::{problems, too_large, usual_limits};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Rows that a scan gives at once.
const SCAN_ROWS: u64 = 500;

/// Reads one entry; what is wrong is told with its field below `field`.
fn entry(
    said: api::MonitoringEntry,
    collector: &Collector,
    field: &str,
    wrong: &mut Vec<Problem>,
) -> MonitoringEntry {
    let call = api::ArtifactCall { name: said.artifact, parameters: said.parameters };
    let call: ArtifactCall = ask::calls(&[call]).remove(0);
    let limits = limits(&said.limits, usual_limits(collector, &call.name), field, wrong);
    let label = said.label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    let entry = MonitoringEntry { label, call, limits };
    for (part, message) in problems(&entry, collector) {
        wrong.push(problem(below(field, &part), message));
    }
    entry
}

fn below(field: &str, part: &str) -> String {
    if field.is_empty() { part.to_owned() } else { format!("{field}.{part}") }
}

fn limits(
    said: &api::MonitoringLimits,
    usual: MonitoringLimits,
    field: &str,
    wrong: &mut Vec<Problem>,
) -> MonitoringLimits {
    let mut limits = usual;
    let mut bad = |part: &str, message: String| {
        wrong.push(problem(below(field, &format!("limits.{part}")), message));
    };
    if let Some(text) = &said.cpu {
        match text.trim().trim_end_matches('%').trim().parse::<u32>() {
            Ok(percent) if percent <= 100 => limits.cpu_percent = percent,
            Ok(_) | Err(_) => {
                bad("cpu", format!("`{text}` is not a share such as `5%`, or `0` for no limit"));
            }
        }
    }
    limits.rows_per_second = said.rows_per_second.unwrap_or(limits.rows_per_second);
    match said.batch_rows {
        None => {}
        Some(rows) if (1..=wire::BATCH_ROWS_MAX as u32).contains(&rows) => limits.batch_rows = rows,
        Some(rows) => bad("batch_rows", format!("is {rows}; 1 to {}", wire::BATCH_ROWS_MAX)),
    }
    match said.batch_bytes.as_ref().map(|text| text.parse::<ByteSize>()) {
        None => {}
        Some(Ok(size)) if (1..=wire::BATCH_BYTES_MAX as u64).contains(&size.0) => {
            limits.batch_bytes = u32::try_from(size.0).unwrap_or(u32::MAX);
        }
        Some(Ok(size)) => {
            bad("batch_bytes", format!("is {}; at most {}", size.0, wire::BATCH_BYTES_MAX));
        }
        Some(Err(why)) => bad("batch_bytes", why.to_string()),
    }
    if let Some(text) = &said.batch_wait {
        let wait = ask::duration(text, || below(field, "limits.batch_wait"), wrong);
        limits.batch_wait = wait
            .clamp(std::time::Duration::from_millis(100), std::time::Duration::from_secs(3_600));
    }
    limits
}

fn entry_view(entry: &MonitoringEntry, collector: &Collector) -> MonitoringEntryView {
    let call = view::calls(std::slice::from_ref(&entry.call)).remove(0);
    let limits = &entry.limits;
    MonitoringEntryView {
        artifact: call.name,
        label: entry.label.clone(),
        parameters: call.parameters,
        limits: api::MonitoringLimits {
            cpu: Some(match limits.cpu_percent {
                0 => "0".to_owned(),
                percent => format!("{percent}%"),
            }),
            rows_per_second: Some(limits.rows_per_second),
            batch_rows: Some(limits.batch_rows),
            batch_bytes: Some(ByteSize(limits.batch_bytes.into()).to_string()),
            batch_wait: Some(base::format_duration(limits.batch_wait)),
        },
        problem: problems(entry, collector).into_iter().next().map(|(_, message)| message),
    }
}

fn table_view(table: &MonitoringTable, collector: &Collector) -> MonitoringView {
    let entries = table.entries.iter().map(|entry| entry_view(entry, collector)).collect();
    MonitoringView { revision: table.revision, entries }
}

async fn change(
    people: &People,
    who: &Principal,
    (change, action, object): (MonitoringChange, &str, String),
) -> Result<Json<MonitoringView>, ApiError> {
    let detail = match &change {
        MonitoringChange::Set(entries) => format!("{} entries", entries.len()),
        MonitoringChange::Add(MonitoringEntry { label, .. })
        | MonitoringChange::Remove { label, .. } => {
            label.as_ref().map_or("all clients".to_owned(), |label| format!("label {label}"))
        }
    };
    let refused = |table: &MonitoringTable| too_large(table, &people.collector);
    let (table, moved) = people.change_monitoring(change, refused).await?;
    if moved {
        let detail = format!("{detail}; revision {}", table.revision);
        people.audit(who, action, object, detail).await?;
    }
    Ok(Json(table_view(&table, &people.collector)))
}

pub(crate) async fn show(
    State(people): Shared,
    Extension(_): Who,
) -> Result<Json<MonitoringView>, ApiError> {
    let table = people.ports.monitoring.monitoring_table().await?;
    Ok(Json(table_view(&table, &people.collector)))
}

pub(crate) async fn set(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<MonitoringSet>,
) -> Result<Json<MonitoringView>, ApiError> {
    let mut wrong = Vec::new();
    let entries = said.entries.into_iter().enumerate().map(|(index, said)| {
        entry(said, &people.collector, &format!("entries[{index}]"), &mut wrong)
    });
    let entries: Vec<MonitoringEntry> = entries.collect();
    if !wrong.is_empty() {
        return Err(ApiError::problems("this cannot be monitored", wrong));
    }
    if let Some(from) = said.revision {
        let now = people.ports.monitoring.monitoring_table().await?.revision;
        if now != from {
            let message = format!(
                "what is monitored has revision {now} by now, not {from}; look again and repeat"
            );
            return Err(ApiError::new(Fault::Conflict, message));
        }
    }
    let wanted = (MonitoringChange::Set(entries), "monitoring.set", "table".to_owned());
    change(&people, &who, wanted).await
}

pub(crate) async fn add(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<api::MonitoringEntry>,
) -> Result<Json<MonitoringView>, ApiError> {
    let mut wrong = Vec::new();
    let entry = entry(said, &people.collector, "", &mut wrong);
    if !wrong.is_empty() {
        return Err(ApiError::problems("this cannot be monitored", wrong));
    }
    let name = entry.call.name.clone();
    change(&people, &who, (MonitoringChange::Add(entry), "monitoring.add", name)).await
}

pub(crate) async fn remove(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<MonitoringRemove>,
) -> Result<Json<MonitoringView>, ApiError> {
    let MonitoringRemove { artifact, label } = said;
    let table = people.ports.monitoring.monitoring_table().await?;
    let known = |entry: &MonitoringEntry| entry.call.name == artifact && entry.label == label;
    if !table.entries.iter().any(known) {
        let whom = label.map_or("for all clients".to_owned(), |l| format!("for the label `{l}`"));
        return Err(ApiError::not_found(format!("an entry of `{artifact}` {whom}")));
    }
    let wanted = MonitoringChange::Remove { label, artifact: artifact.clone() };
    change(&people, &who, (wanted, "monitoring.remove", artifact)).await
}

pub(crate) async fn of_client(
    State(people): Shared,
    Extension(who): Who,
    Path(client): Path<String>,
) -> Result<Json<ClientMonitoring>, ApiError> {
    let client = clients::find(&people, &who, &client).await?;
    let table = people.ports.monitoring.monitoring_table().await?;
    let labels: BTreeSet<String> = client.labels;
    let mine =
        chosen(&table.entries, &labels, |entry| (entry.label.as_deref(), entry.call.name.as_str()));
    let days = people.ports.monitoring.event_days(Some(client.id)).await?;
    let day = |day: model::monitoring::EventDay| EventDayView {
        source: day.source,
        kind: match day.kind {
            EventKind::Rows => "rows".to_owned(),
            EventKind::Log => "log".to_owned(),
        },
        day: day.day.to_string(),
        rows: day.rows,
        bytes: day.bytes,
        columns: day.columns,
    };
    Ok(Json(ClientMonitoring {
        entries: mine.into_iter().map(|entry| entry_view(entry, &people.collector)).collect(),
        days: days.into_iter().map(day).collect(),
    }))
}

/// Reads a moment; a day alone means its first moment, or with `end` the first after it.
fn moment(text: Option<&String>, field: &str, end: bool) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text.map(|text| text.trim()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if let Ok(Day(day)) = text.parse::<Day>() {
        return Ok(Some(Day(day + i64::from(end)).start()));
    }
    text.parse().map(Some).map_err(|_| {
        let message = format!(
            "`{text}` is not a moment; write `2026-11-22`, or `2026-11-22T08:00:00Z` in full"
        );
        ApiError::problems("the time range cannot be read", vec![problem(field, message)])
    })
}

fn scope(
    client: Option<ClientId>,
    source: Option<String>,
    log: Option<bool>,
    (from, to): (Option<&String>, Option<&String>),
) -> Result<EventScope, ApiError> {
    let source = source.filter(|source| !source.is_empty()).ok_or_else(|| {
        let message = "is missing; name an artifact, or one source of it as `Artifact/Source`";
        ApiError::problems("nothing says whose rows", vec![problem("source", message)])
    })?;
    let kind = if log == Some(true) { EventKind::Log } else { EventKind::Rows };
    let (from, to) = (moment(from, "from", false)?, moment(to, "to", true)?);
    Ok(EventScope { client, source, kind, from, to })
}

pub(crate) async fn rows(
    State(people): Shared,
    Extension(who): Who,
    Path(client): Path<String>,
    Asked(asked): Asked<EventsQuery>,
) -> Result<Json<EventRowPage>, ApiError> {
    let client = clients::find(&people, &who, &client).await?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filters = ask::column_filters(asked.filter.as_deref().unwrap_or("")).map_err(|why| {
        ApiError::problems("the filter cannot be read", vec![problem("filter", why)])
    })?;
    let paging = paging(asked.offset, asked.limit)?;
    let time = (asked.from.as_ref(), asked.to.as_ref());
    let query = EventQuery {
        scope: scope(Some(client.id), asked.source, asked.log, time)?,
        search: given(asked.search),
        filters,
        sort: given(asked.sort).map(|column| (column, asked.desc.unwrap_or(false))),
        offset: paging.offset,
        limit: paging.limit,
    };
    let page = people.ports.monitoring.event_page(&query).await?;
    let hostname = client.facts.hostname;
    let items = page.rows.into_iter().map(|row| row_view(row, hostname.clone()));
    Ok(Json(EventRowPage { items: items.collect::<Result<_, _>>()?, total: page.total }))
}

fn row_view(row: EventRow, hostname: String) -> Result<EventRowView, ApiError> {
    let object = serde_json::from_str(&row.json).map_err(|error| {
        ApiError::new(Fault::Ours, format!("a stored row of {}: {error}", row.source))
    })?;
    Ok(EventRowView {
        client: row.client.to_string(),
        hostname,
        source: row.source,
        stored: row.stored.to_string(),
        observed: row.observed.to_string(),
        row: object,
    })
}

fn place_text(place: EventPlace) -> String {
    format!("{}.{}", place.day, place.batch)
}

fn place(text: &str) -> Option<EventPlace> {
    let (day, batch) = text.split_once('.')?;
    Some(EventPlace { day: day.parse().ok()?, batch: batch.parse().ok()? })
}

/// Names of clients that the caller may see; `None` for those of others.
#[derive(Default)]
struct Names(BTreeMap<ClientId, Option<String>>);

impl Names {
    async fn of(
        &mut self,
        people: &People,
        who: &Principal,
        client: ClientId,
    ) -> Result<Option<String>, ApiError> {
        if let Some(known) = self.0.get(&client) {
            return Ok(known.clone());
        }
        let record = people.ports.clients.get(client).await?;
        let name = record.filter(|found| found.org == who.org).map(|found| found.facts.hostname);
        self.0.insert(client, name.clone());
        Ok(name)
    }
}

async fn scan_scope(
    people: &People,
    who: &Principal,
    asked: &EventScanQuery,
) -> Result<EventScope, ApiError> {
    let client = match asked.client.as_ref().filter(|client| !client.is_empty()) {
        Some(client) => Some(clients::find(people, who, client).await?.id),
        None => None,
    };
    let time = (asked.from.as_ref(), asked.to.as_ref());
    scope(client, asked.source.clone(), asked.log, time)
}

pub(crate) async fn scan(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<EventScanQuery>,
) -> Result<Json<EventScanPage>, ApiError> {
    let scope = scan_scope(&people, &who, &asked).await?;
    let after = match asked.after.as_deref().filter(|after| !after.is_empty()) {
        None => EventPlace::default(),
        Some("now") => people.ports.monitoring.newest_event().await?,
        Some(text) => place(text).ok_or_else(|| {
            ApiError::caller(format!(
                "`{text}` is no place; give back the `place` of an earlier answer, or `now`"
            ))
        })?,
    };
    let scan = EventScan { scope, after, rows: SCAN_ROWS };
    let piece = people.ports.monitoring.scan_events(&scan).await?;
    let mut names = Names::default();
    let mut items = Vec::with_capacity(piece.rows.len());
    for row in piece.rows {
        if let Some(hostname) = names.of(&people, &who, row.client).await? {
            items.push(row_view(row, hostname)?);
        }
    }
    Ok(Json(EventScanPage { items, place: place_text(piece.place), end: piece.end }))
}

/// A row with where it comes from, on one line. Of two columns with one name readers keep the last, so
/// ours stand behind the row's.
fn line(row: &EventRow, hostname: &str, out: &mut Vec<u8>) {
    let own = row.json.trim_end().strip_suffix('}').unwrap_or("{").trim_end();
    out.extend_from_slice(own.as_bytes());
    if own != "{" {
        out.push(b',');
    }
    let origin = serde_json::json!({
        "_client": row.client.to_string(),
        "_hostname": hostname,
        "_source": row.source,
        "_stored": row.stored.to_string(),
        "_observed": row.observed.to_string(),
    });
    out.extend_from_slice(origin.to_string().trim_start_matches('{').as_bytes());
    out.push(b'\n');
}

/// All rows of a scope, one JSON object a line, streamed.
pub(crate) async fn export(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<EventScanQuery>,
) -> Result<Response, ApiError> {
    let scope = scan_scope(&people, &who, &asked).await?;
    people.audit(&who, "monitoring.export", &scope.source, "").await?;
    let file = format!("{}.jsonl", scope.source.replace('/', "_"));
    let first = EventScan { scope, after: EventPlace::default(), rows: SCAN_ROWS };
    let state = (Some(first), Names::default());
    let pieces = stream::try_unfold(state, move |(scan, mut names)| {
        let (people, who) = (Arc::clone(&people), who.clone());
        async move {
            let Some(mut scan) = scan else { return Ok(None) };
            let read = people.ports.monitoring.scan_events(&scan).await;
            let piece = read.map_err(std::io::Error::other)?;
            let mut lines = Vec::new();
            for row in &piece.rows {
                let name = names.of(&people, &who, row.client).await;
                if let Some(name) = name.map_err(|bad| std::io::Error::other(bad.message))? {
                    line(row, &name, &mut lines);
                }
            }
            scan.after = piece.place;
            Ok(Some((bytes::Bytes::from(lines), ((!piece.end).then_some(scan), names))))
        }
    });
    let pieces: std::pin::Pin<
        Box<dyn futures_util::Stream<Item = Result<_, std::io::Error>> + Send>,
    > = Box::pin(pieces);
    let mut response = Response::new(axum::body::Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CONTENT_DISPOSITION, attachment(&file));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_all_of_it() {
        let read = |text: &str, end| {
            let text = text.to_owned();
            moment(Some(&text), "from", end).ok().flatten().map(|moment| moment.to_string())
        };
        assert_eq!(read("2026-11-22", false).as_deref(), Some("2026-11-22T00:00:00Z"));
        assert_eq!(read("2026-11-22", true).as_deref(), Some("2026-11-23T00:00:00Z"));
        let exact = "2026-11-22T08:00:00Z";
        assert_eq!(read(exact, true).as_deref(), Some(exact));
        assert_eq!(read("yesterday", false), None);
    }

    #[test]
    fn a_line_says_where_its_row_comes_from() {
        let row = |json: &str| EventRow {
            client: ClientId::from_bits(1),
            source: "A".into(),
            stored: Timestamp::from_secs(5),
            observed: Timestamp::from_secs(4),
            json: json.into(),
        };
        for (json, column) in [("{}", None), (r#"{"_client":"forged","a":1}"#, Some(1))] {
            let mut out = Vec::new();
            line(&row(json), "web", &mut out);
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read["_client"], row(json).client.to_string());
            assert_eq!((read["_hostname"].as_str(), read["a"].as_i64()), (Some("web"), column));
        }
    }
}
