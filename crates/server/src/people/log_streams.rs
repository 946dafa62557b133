//! Log hunts: streams, and their ledgers as a timeline, as windows and as attempts.

use std::cmp::Ordering;
use std::sync::Arc;

use api::{
    LogRunPage, LogRunsQuery, LogSegment, LogStreamPage, LogStreamQuery, LogStreamView,
    LogStreamsQuery, LogTimeline, LogTimelineQuery, LogWindowPage, LogWindowsQuery,
};
use axum::Json;
use axum::extract::{Path, State};
use base::Fault;
use loghunt::ports::{SliceQuery, StreamQuery};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{Lane, Position, Slice, SliceState, Window};
use model::store::{Page, Paging};

use super::error::ApiError;
use super::extract::{Asked, paging};
use super::log::{Shared, name, stands};
use super::log_view;
use crate::log::{Log, interval, next_tick};
use crate::log_survey::{Beside, Entry, failure, judge, lag, lag_max};

/// `{tenant}/{dataset}/{rule}` of a path.
pub(crate) type Place = Path<(String, String, String)>;

/// Windows that are read for one timeline.
const TIMELINE_WINDOWS: u64 = 20_000;
/// Segments of a timeline when nobody says how many.
const SEGMENTS: u32 = 400;
/// States of slices, in the order of their life.
const STATES: [&str; 9] = [
    "planned",
    "leased",
    "running",
    "backoff",
    "committed",
    "quarantined",
    "waived",
    "split",
    "superseded",
];

pub(crate) async fn list(
    State(people): Shared,
    Asked(asked): Asked<LogStreamsQuery>,
) -> Result<Json<LogStreamPage>, ApiError> {
    let log = people.log()?;
    let paging = paging(asked.offset, asked.limit)?;
    let wanted = stands(asked.state.as_deref())?;
    let survey = log.survey().await?;
    let search = asked.search.as_deref().unwrap_or("").trim().to_lowercase();
    let is = |wanted: &Option<String>, name: &str| {
        wanted.as_deref().filter(|text| !text.is_empty()).is_none_or(|wanted| wanted == name)
    };
    let keep = |entry: &&Entry| {
        is(&asked.tenant, entry.tenant.as_str())
            && is(&asked.rule, entry.rule.as_str())
            && is(&asked.dataset, entry.dataset.as_str())
            && wanted.as_ref().is_none_or(|wanted| wanted.contains(&entry.stand))
            && (search.is_empty() || mentions(entry, &search))
    };
    let mut found: Vec<&Entry> = survey.entries.iter().filter(keep).collect();
    let order = order(asked.sort.as_deref().unwrap_or(""))?;
    found.sort_by(|a, b| if asked.desc == Some(true) { order(b, a) } else { order(a, b) });
    let page = Page::cut(found, paging);
    let items = page.items.into_iter().map(log_view::stream_summary).collect();
    Ok(Json(LogStreamPage { items, total: page.total }))
}

fn mentions(entry: &Entry, search: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(search);
    has(entry.tenant.as_str())
        || has(entry.rule.as_str())
        || has(entry.dataset.as_str())
        || entry.failure.as_deref().is_some_and(has)
}

type Compare = fn(&Entry, &Entry) -> Ordering;

fn order(sort: &str) -> Result<Compare, ApiError> {
    Ok(match sort {
        "" | "tenant" => |a, b| (&a.tenant, &a.rule).cmp(&(&b.tenant, &b.rule)),
        "rule" => |a, b| (&a.rule, &a.tenant).cmp(&(&b.rule, &b.tenant)),
        "dataset" => |a, b| (&a.dataset, &a.tenant).cmp(&(&b.dataset, &b.tenant)),
        "state" => |a, b| a.stand.cmp(&b.stand).then_with(|| a.lag.cmp(&b.lag)),
        "lag" => |a, b| a.lag.cmp(&b.lag),
        "checkpoint" => |a, b| place(a).cmp(&place(b)),
        "last_run" => |a, b| a.last_run.cmp(&b.last_run),
        other => {
            return Err(ApiError::caller(format!("streams cannot be sorted by `{other}`"))
                .hint("choose tenant, rule, dataset, state, lag, checkpoint or last_run"));
        }
    })
}

fn place(entry: &Entry) -> Option<Position> {
    entry.checkpoint.map(|(position, _)| position)
}

/// Which ledger is meant: part, epoch, lane.
pub(crate) struct Wanted {
    part: String,
    epoch: Option<u32>,
    lane: Lane,
}

impl Wanted {
    pub(crate) fn read(
        part: Option<String>,
        epoch: Option<u32>,
        lane: Option<&str>,
    ) -> Result<Self, ApiError> {
        Ok(Self { part: part.unwrap_or_default(), epoch, lane: log_view::lane(lane)? })
    }
}

/// All ledgers of a tenant, dataset and rule.
async fn ledgers(log: &Log, place: &Place) -> Result<Vec<Stream>, ApiError> {
    let Path((tenant, dataset, rule)) = place;
    let query = StreamQuery {
        tenant: Some(name(tenant)?),
        dataset: Some(name(dataset)?),
        rule: Some(name(rule)?),
        paging: Paging::ALL,
        ..StreamQuery::default()
    };
    Ok(log.ports.ledger.streams(&query).await?.items)
}

/// The stream that is meant: of the newest epoch, unless one is named.
pub(crate) fn choose(all: &[Stream], place: &Place, wanted: &Wanted) -> Result<Stream, ApiError> {
    let fits = |stream: &&Stream| {
        *stream.key.part == *wanted.part
            && stream.key.lane == wanted.lane
            && wanted.epoch.is_none_or(|epoch| stream.key.epoch == epoch)
    };
    let found = all.iter().filter(fits).max_by_key(|stream| stream.key.epoch);
    found.cloned().ok_or_else(|| {
        let Path((tenant, dataset, rule)) = place;
        let what = format!("a stream of rule {rule} over {dataset} of {tenant}");
        ApiError::not_found(what).hint(match all.is_empty() {
            true => "it is opened when the rule runs there for the first time".to_owned(),
            false => "it has other parts, epochs or lanes; ask without them".to_owned(),
        })
    })
}

pub(crate) async fn find(log: &Log, place: &Place, wanted: &Wanted) -> Result<Stream, ApiError> {
    choose(&ledgers(log, place).await?, place, wanted)
}

pub(crate) async fn one(
    State(people): Shared,
    at: Place,
    Asked(asked): Asked<LogStreamQuery>,
) -> Result<Json<LogStreamView>, ApiError> {
    let log = people.log()?;
    let wanted = Wanted::read(asked.part, asked.epoch, asked.lane.as_deref())?;
    let all = ledgers(log, &at).await?;
    let stream = choose(&all, &at, &wanted)?;
    let known = log.ports.desk.known();
    let rule = known.definitions.rules.iter().find(|rule| rule.name == stream.key.rule);
    let pauses = log.ports.control.pauses().await?;
    let pause = pauses.iter().find(|pause| pause.tenant == stream.key.tenant);
    let mut windows = Vec::new();
    for state in STATES {
        let query = SliceQuery {
            of: only(&stream),
            states: vec![state],
            paging: Paging::first(0),
            ..SliceQuery::default()
        };
        let total = log.ports.ledger.slices(&query).await?.total;
        if total > 0 {
            windows.push((state.to_owned(), total));
        }
    }
    let gaps = windows.iter().find(|(state, _)| state == "quarantined").map_or(0, |(_, n)| *n);
    let now = log.ports.ledger.now().await?;
    let beside = Beside {
        paused: pause.is_some(),
        gaps: u32::try_from(gaps).unwrap_or(u32::MAX),
        lag_max: lag_max(&known.definitions, &stream.key.rule, now),
    };
    let closed = matches!(stream.status, StreamStatus::Closed { .. });
    let state = if closed { "closed" } else { judge(&stream, now, beside).word() };
    let class = match &stream.status {
        StreamStatus::Stopped(failure) => Some(failure.class),
        StreamStatus::Active | StreamStatus::Closed { .. } => {
            stream.last_failure.as_ref().map(|failure| failure.class)
        }
    };
    let show = |position: Position| position.show(stream.domain);
    Ok(Json(LogStreamView {
        tenant: stream.key.tenant.to_string(),
        dataset: stream.key.dataset.to_string(),
        rule: stream.key.rule.to_string(),
        ledger: log_view::ledger_name(&stream.key),
        ledgers: all.iter().map(|other| log_view::ledger_name(&other.key)).collect(),
        state: state.to_owned(),
        failure: failure(&stream),
        failure_class: class.map(|class| class.word().to_owned()),
        domain: stream.domain.word().to_owned(),
        t0: show(stream.t0),
        checkpoint: show(stream.checkpoint),
        planned_to: show(stream.planned_to),
        lag_millis: lag(&stream, now).map(log_view::millis),
        interval_millis: rule.and_then(|rule| interval(rule, now)).map(log_view::millis),
        schedule: rule.map(|rule| log_view::schedule(&rule.schedule)).unwrap_or_default(),
        token: stream.token,
        source_identity: stream.source_identity.as_ref().map(ToString::to_string),
        opened_at: stream.opened_at.to_string(),
        last_tick: stream.last_tick.map(|at| at.to_string()),
        next_tick: rule.and_then(|rule| next_tick(rule, now)).map(|at| at.to_string()),
        last_run: stream.last_run.map(|at| at.to_string()),
        heartbeat: stream.heartbeat.to_string(),
        paused: pause.map(|pause| pause.mode.word().to_owned()),
        windows: log_view::counts(windows),
    }))
}

/// Only this stream.
pub(crate) fn only(stream: &Stream) -> StreamQuery {
    StreamQuery {
        tenant: Some(stream.key.tenant.clone()),
        dataset: Some(stream.key.dataset.clone()),
        rule: Some(stream.key.rule.clone()),
        lane: Some(stream.key.lane.clone()),
        epoch: Some(stream.key.epoch),
        ..StreamQuery::default()
    }
}

fn range(
    stream: &Stream,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<Option<Window>, ApiError> {
    let from = log_view::position(from, "from", (stream.domain, false))?;
    let to = log_view::position(to, "to", (stream.domain, true))?;
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let window = Window::new(from.unwrap_or(Position::MIN), to.unwrap_or(Position::MAX));
    window.map(Some).ok_or_else(|| ApiError::caller("`from` must lie before `to`"))
}

pub(crate) async fn timeline(
    State(people): Shared,
    at: Place,
    Asked(asked): Asked<LogTimelineQuery>,
) -> Result<Json<LogTimeline>, ApiError> {
    let log = people.log()?;
    let wanted = Wanted::read(asked.part, asked.epoch, asked.lane.as_deref())?;
    let stream = find(log, &at, &wanted).await?;
    let window = range(&stream, asked.from.as_deref(), asked.to.as_deref())?;
    let ask = |paging| SliceQuery { of: only(&stream), window, paging, ..SliceQuery::default() };
    let total = log.ports.ledger.slices(&ask(Paging::first(0))).await?.total;
    let left_out = total.saturating_sub(TIMELINE_WINDOWS);
    let paging = Paging { offset: left_out, limit: TIMELINE_WINDOWS };
    let page = log.ports.ledger.slices(&ask(paging)).await?;
    let slices: Vec<&Slice> =
        page.items.iter().filter(|slice| slice.key.part == stream.key.part).collect();
    let at_most = asked.segments.unwrap_or(SEGMENTS).clamp(1, 4_000) as usize;
    let segments = join(slices.iter().map(|slice| segment(slice)).collect(), at_most);
    let now = log.ports.ledger.now().await?;
    let first = segments.first().map_or(stream.t0.0, |segment| segment.from);
    let last = segments.last().map_or(stream.planned_to.0, |segment| segment.to);
    let bound = |asked: Option<Position>, other: i64| match asked {
        Some(position) if position != Position::MIN && position != Position::MAX => position.0,
        Some(_) | None => other,
    };
    Ok(Json(LogTimeline {
        domain: stream.domain.word().to_owned(),
        from: bound(window.map(Window::from), first),
        to: bound(window.map(Window::to), last),
        t0: stream.t0.0,
        checkpoint: stream.checkpoint.0,
        planned_to: stream.planned_to.0,
        now: stream.domain.is_time().then(|| now.as_micros()),
        windows: slices.len() as u64,
        segments,
        left_out,
    }))
}

fn segment(slice: &Slice) -> LogSegment {
    let (rows, findings, revision) = match &slice.state {
        SliceState::Committed(evidence) => {
            (evidence.rows, evidence.findings_new, Some(evidence.revision.to_string()))
        }
        _ => (0, 0, None),
    };
    LogSegment {
        from: slice.window.from().0,
        to: slice.window.to().0,
        state: slice.state.word().to_owned(),
        windows: 1,
        window: Some(slice.id.to_string()),
        rows,
        findings,
        revision,
    }
}

/// How much a state matters when neighbours are joined whose states differ.
fn weight(state: &str) -> usize {
    let order = ["committed", "waived", "planned", "leased", "running", "backoff", "quarantined"];
    order.iter().position(|known| *known == state).unwrap_or(0)
}

fn joined(a: LogSegment, b: &LogSegment) -> LogSegment {
    let state = if weight(&b.state) > weight(&a.state) { b.state.clone() } else { a.state };
    LogSegment {
        from: a.from,
        to: a.to.max(b.to),
        state,
        windows: a.windows + b.windows,
        window: None,
        rows: a.rows + b.rows,
        findings: a.findings + b.findings,
        revision: if a.revision == b.revision { a.revision } else { None },
    }
}

/// Joins neighbours until at most so many are left: first those of one state, then whatever stands
/// close together, so that no gap is ever lost among good windows.
pub(crate) fn join(segments: Vec<LogSegment>, at_most: usize) -> Vec<LogSegment> {
    if segments.len() <= at_most {
        return segments;
    }
    let mut same: Vec<LogSegment> = Vec::new();
    for segment in segments {
        match same.pop() {
            Some(last)
                if last.state == segment.state
                    && last.revision == segment.revision
                    && last.to == segment.from =>
            {
                same.push(joined(last, &segment));
            }
            Some(last) => same.extend([last, segment]),
            None => same.push(segment),
        }
    }
    let group = same.len().div_ceil(at_most);
    if group <= 1 {
        return same;
    }
    same.chunks(group)
        .filter_map(|chunk| {
            let (first, rest) = chunk.split_first()?;
            Some(rest.iter().fold(first.clone(), joined))
        })
        .collect()
}

pub(crate) async fn windows(
    State(people): Shared,
    at: Place,
    Asked(asked): Asked<LogWindowsQuery>,
) -> Result<Json<LogWindowPage>, ApiError> {
    let log = people.log()?;
    let wanted = Wanted::read(asked.part, asked.epoch, asked.lane.as_deref())?;
    let stream = find(log, &at, &wanted).await?;
    let state = asked.state.as_deref().filter(|state| !state.is_empty());
    let states = match state {
        None => Vec::new(),
        Some("open") => vec!["planned", "leased", "running", "backoff"],
        Some(word) => vec![STATES.into_iter().find(|known| *known == word).ok_or_else(|| {
            ApiError::caller(format!("`{word}` is not a state of a window"))
                .hint(format!("choose one of {}, or open", STATES.join(", ")))
        })?],
    };
    let paging = paging(asked.offset, asked.limit)?;
    let window = range(&stream, asked.from.as_deref(), asked.to.as_deref())?;
    let ask = |paging| SliceQuery {
        of: only(&stream),
        window,
        states: states.clone(),
        paging,
        ..SliceQuery::default()
    };
    let newest_first = asked.desc == Some(true);
    let page = if newest_first {
        let total = log.ports.ledger.slices(&ask(Paging::first(0))).await?.total;
        let end = total.saturating_sub(paging.offset);
        let offset = end.saturating_sub(paging.limit);
        let backwards = Paging { offset, limit: end - offset };
        let mut page = log.ports.ledger.slices(&ask(backwards)).await?;
        page.items.reverse();
        page
    } else {
        log.ports.ledger.slices(&ask(paging)).await?
    };
    let items = page.items.iter().map(log_view::window).collect();
    Ok(Json(LogWindowPage { items, total: page.total }))
}

pub(crate) async fn runs(
    State(people): Shared,
    at: Place,
    Asked(asked): Asked<LogRunsQuery>,
) -> Result<Json<LogRunPage>, ApiError> {
    let log = people.log()?;
    let wanted = Wanted::read(asked.part, asked.epoch, asked.lane.as_deref())?;
    let stream = find(log, &at, &wanted).await?;
    let paging = paging(asked.offset, asked.limit)?;
    let page = log.ports.ledger.runs(&only(&stream), paging).await?;
    let items = page.items.iter().map(|run| log_view::run(run, stream.domain)).collect();
    Ok(Json(LogRunPage { items, total: page.total }))
}

/// A refusal of the ledger, as an error of the caller.
pub(crate) fn refused(refusal: &loghunt::command::Refusal) -> ApiError {
    ApiError::new(Fault::Conflict, refusal.to_string())
}

/// Something was done: counts are taken anew, and listeners look again.
pub(crate) async fn touched(people: &Arc<super::People>, log: &Log) -> Result<(), ApiError> {
    log.outdate().await?;
    people.live.touch(crate::live::Touched::Log);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(states: &[&str], at_most: usize) -> String {
        let segments = states.iter().enumerate().map(|(index, state)| LogSegment {
            from: index as i64,
            to: index as i64 + 1,
            state: (*state).to_owned(),
            windows: 1,
            window: None,
            rows: 1,
            findings: 0,
            revision: None,
        });
        let shown = join(segments.collect(), at_most);
        let words = shown
            .iter()
            .map(|one| format!("{}-{} {} {}", one.from, one.to, one.state, one.windows));
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn no_gap_is_lost_when_neighbours_are_joined() {
        let all = ["committed", "committed", "quarantined", "committed", "planned", "planned"];
        assert_eq!(line(&all[..2], 2), "0-1 committed 1, 1-2 committed 1");
        assert_eq!(
            line(&all, 4),
            "0-2 committed 2, 2-3 quarantined 1, 3-4 committed 1, 4-6 planned 2"
        );
        assert_eq!(line(&all, 2), "0-3 quarantined 3, 3-6 planned 3");
    }
}
