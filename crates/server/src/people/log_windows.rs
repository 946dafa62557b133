//! Log hunts: one window, why it is as it is, and what people do to windows and streams.

use std::sync::Arc;

use api::{LogActReport, LogActRequest, LogStreamQuery, LogWaiveRequest, LogWindowExplanation};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{ByteSize, Fault, Timestamp, format_duration};
use log_rules::Rule;
use loghunt::command::Command;
use loghunt::ports::{AuditNote, FindingQuery, LedgerStore, SliceQuery, Step, StreamQuery};
use loghunt::stream::{Run, StreamStatus};
use model::log::{Evidence, Position, Slice, SliceId, SliceState, StreamKey, Window};
use model::store::Paging;

use super::error::{ApiError, problem};
use super::extract::{Asked, Body};
use super::log::Shared;
use super::log_streams::{Place, Wanted, find, only, refused, touched};
use super::sign_in::Principal;
use super::{People, log_view};
use crate::log::{Log, LogNotDone, LogSteer, LogWish, interval};

type Who = Extension<Principal>;

/// Attempts that are looked through for those of one window.
const RUNS_READ: u64 = 1_000;

/// The window with this id.
async fn window(log: &Log, text: &str) -> Result<Slice, ApiError> {
    let id = SliceId::parse(text).ok_or_else(|| {
        ApiError::caller(format!("`{text}` is not the id of a window, such as `W.` and 32 digits"))
    })?;
    let query = SliceQuery { id: Some(id), paging: Paging::first(1), ..SliceQuery::default() };
    let mut found = log.ports.ledger.slices(&query).await?.items;
    if found.is_empty() {
        let states = vec!["split", "superseded"];
        found = log.ports.ledger.slices(&SliceQuery { states, ..query }).await?.items;
    }
    found.pop().ok_or_else(|| {
        ApiError::not_found(format!("window {text}"))
            .hint("a window that nobody had leased may have been joined to a later one")
    })
}

pub(crate) async fn explain(
    State(people): Shared,
    Path(id): Path<String>,
) -> Result<Json<LogWindowExplanation>, ApiError> {
    let log = people.log()?;
    let slice = window(log, &id).await?;
    let of = StreamQuery {
        tenant: Some(slice.key.tenant.clone()),
        dataset: Some(slice.key.dataset.clone()),
        rule: Some(slice.key.rule.clone()),
        lane: Some(slice.key.lane.clone()),
        epoch: Some(slice.key.epoch),
        ..StreamQuery::default()
    };
    let runs = log.ports.ledger.runs(&of, Paging::first(RUNS_READ)).await?.items;
    let runs: Vec<Run> = runs
        .into_iter()
        .filter(|run| run.key == slice.key && run.window.meets(slice.window))
        .collect();
    let known = log.ports.desk.known();
    let rule = known.definitions.rules.iter().find(|rule| rule.name == slice.key.rule);
    let actions = match slice.state {
        SliceState::Planned | SliceState::Backoff { .. } => vec!["waive"],
        SliceState::Quarantined { .. } => vec!["reopen", "waive"],
        SliceState::Waived { .. } => vec!["reopen"],
        SliceState::Leased(_)
        | SliceState::Running { .. }
        | SliceState::Committed(_)
        | SliceState::Split
        | SliceState::Superseded => Vec::new(),
    };
    Ok(Json(LogWindowExplanation {
        window: log_view::window(&slice),
        sentences: sentences(&slice, rule, &runs),
        runs: runs.iter().map(|run| log_view::run(run, slice.domain)).collect(),
        findings: findings(log, &slice).await?,
        actions: actions.into_iter().map(str::to_owned).collect(),
    }))
}

/// How many findings of this stream's rule happened within the window, in the time domains; what its
/// commit counted, otherwise.
async fn findings(log: &Log, slice: &Slice) -> Result<u64, ApiError> {
    if !slice.domain.is_time() {
        let SliceState::Committed(evidence) = &slice.state else { return Ok(0) };
        return Ok(evidence.findings_new);
    }
    let query = FindingQuery {
        tenants: vec![slice.key.tenant.clone()],
        datasets: vec![slice.key.dataset.clone()],
        rules: vec![slice.key.rule.clone()],
        from: Some(slice.window.from().moment()),
        to: Some(slice.window.to().moment()),
        paging: Paging::first(0),
        ..FindingQuery::default()
    };
    Ok(log.ports.findings.findings(&query).await?.total)
}

/// Why these bounds, who ran it, what it read.
fn sentences(slice: &Slice, rule: Option<&Rule>, runs: &[Run]) -> Vec<String> {
    let mut said = vec![bounds(slice, rule)];
    if let Some(rule) = rule.filter(|_| slice.domain.is_time()) {
        let joined = interval(rule, slice.tick)
            .is_some_and(|interval| u128::from(slice.window.width()) > interval.as_micros());
        if joined {
            said.push(
                "It is wider than one interval: what earlier ticks had left unread was joined to it."
                    .to_owned(),
            );
        }
    }
    let failed = runs.iter().filter(|run| !is_commit(run)).count();
    if failed > 0 {
        let times = if failed == 1 { "once".to_owned() } else { format!("{failed} times") };
        said.push(format!("It was tried {times} without success; each attempt is listed below."));
    }
    said.push(state(slice, runs));
    if let SliceState::Committed(evidence) = &slice.state {
        said.extend(evidence_of(evidence));
    }
    said
}

fn is_commit(run: &Run) -> bool {
    matches!(run.outcome, loghunt::stream::RunOutcome::Committed { .. })
}

fn bounds(slice: &Slice, rule: Option<&Rule>) -> String {
    let shown = slice.window.show(slice.domain);
    let planned = format!("The tick of {} cut {shown} at {}", slice.tick, slice.planned_at);
    let Some(rule) = rule.filter(|_| slice.domain.is_time()) else {
        return format!("{planned}; it ends where the source's stable horizon was then.");
    };
    let buffer = rule.schedule.log_buffer;
    let frontier = Position::at(slice.tick.minus(buffer));
    match slice.window.to().cmp(&frontier) {
        std::cmp::Ordering::Equal => format!(
            "{planned}; it ends at the tick less the log buffer of {}.",
            format_duration(buffer)
        ),
        std::cmp::Ordering::Less => format!(
            "{planned}; it ends before the tick less the log buffer of {}, because a long stretch is cut \
             at multiples of {} or because the source's own clock was behind.",
            format_duration(buffer),
            format_duration(rule.schedule.max_window)
        ),
        std::cmp::Ordering::Greater => {
            format!(
                "{planned}, when another log buffer than today's {} was set.",
                format_duration(buffer)
            )
        }
    }
}

fn state(slice: &Slice, runs: &[Run]) -> String {
    match &slice.state {
        SliceState::Planned => "Nobody has it: it waits for its turn.".to_owned(),
        SliceState::Leased(lease) => {
            format!(
                "{} has it until {} and has not asked the engine yet.",
                lease.owner, lease.until
            )
        }
        SliceState::Running { lease, query_tag } => format!(
            "{} runs it under the query tag {query_tag}; its lease lasts until {}.",
            lease.owner, lease.until
        ),
        SliceState::Committed(evidence) => {
            let by = runs.iter().find(|run| run.token == evidence.token && is_commit(run));
            let by = by.map_or(String::new(), |run| format!(" by {}", run.owner));
            format!(
                "It was committed{by} at {} under token {}, by revision {} of the rule.",
                evidence.committed_at, evidence.token, evidence.revision
            )
        }
        SliceState::Backoff { not_before, failure } => {
            format!("It failed ({failure}) and is tried again not before {not_before}.")
        }
        SliceState::Quarantined { failure } => format!(
            "It was given up after {} attempts ({failure}): a gap, until somebody reopens or waives it.",
            slice.attempts
        ),
        SliceState::Waived { actor, reason } => format!("{actor} left it out on purpose: {reason}"),
        SliceState::Split => "It was cut into smaller windows, which take its place.".to_owned(),
        SliceState::Superseded => "Its epoch was closed before it was run.".to_owned(),
    }
}

fn evidence_of(evidence: &Evidence) -> Vec<String> {
    let mut said = vec![format!(
        "The engine read {} in {} and gave {} matching rows, {} of them findings that nobody had before.",
        ByteSize(evidence.bytes),
        format_duration(evidence.took),
        evidence.rows,
        evidence.findings_new
    )];
    if let Some(clock) = evidence.source_clock {
        said.push(format!("The source's clock said {clock}."));
    }
    if let Some(fingerprint) = &evidence.fingerprint {
        said.push(format!("The source's fingerprint of this window was {fingerprint}."));
    }
    match evidence.audit_at {
        Some(at) => said.push(format!(
            "It is looked at again at {at} for rows that came late (so far {} times).",
            evidence.audits
        )),
        None if evidence.audits > 0 => {
            said.push(format!("It was looked at again {} times for late rows.", evidence.audits));
        }
        None => {}
    }
    said
}

/// A reason that people can read later.
pub(crate) fn reason(text: &str, preview: bool) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() && !preview {
        let wrong = problem("reason", "is missing; say in a few words why");
        return Err(ApiError::problems("the reason is missing", vec![wrong]));
    }
    Ok(text.chars().take(1_000).collect())
}

/// Has the scheduler do it where one runs; whether it did.
pub(crate) async fn steered(
    log: &Log,
    who: &Principal,
    (what, reason, at): (&LogSteer, &str, Timestamp),
) -> Result<bool, ApiError> {
    let wish = LogWish { actor: who.actor(), reason: reason.to_owned(), at };
    match log.ports.desk.steer(what, &wish).await {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(LogNotDone::Store(error))) => Err(error.into()),
        Some(Err(LogNotDone::Refused(why))) => Err(ApiError::new(Fault::Conflict, why)),
    }
}

/// Does something to a stream's ledger in a person's name: through the scheduler where one runs, as
/// a command otherwise.
async fn act(
    people: &Arc<People>,
    (log, who): (&Log, &Principal),
    key: &StreamKey,
    (action, reason): (&str, &str),
    (steer, command): (LogSteer, Command),
) -> Result<(), ApiError> {
    let at = people.clock.now();
    if !steered(log, who, (&steer, reason, at)).await? {
        let note = AuditNote {
            at,
            actor: who.actor(),
            action: action.to_owned(),
            subject: key.to_string(),
            reason: reason.to_owned(),
        };
        let step = Step { audit: Some(note), ..Step::of(key.clone(), vec![command]) };
        log.ports.ledger.step(&step).await?.map_err(|refusal| refused(&refusal))?;
    }
    people.audit(who, &format!("log.{action}"), key, reason).await?;
    touched(people, log).await
}

pub(crate) async fn waive_window(
    State(people): Shared,
    Extension(who): Who,
    Path(id): Path<String>,
    Body(said): Body<LogActRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let slice = window(&log, &id).await?;
    let reason = reason(&said.reason, said.preview)?;
    let possible = matches!(
        slice.state,
        SliceState::Planned | SliceState::Backoff { .. } | SliceState::Quarantined { .. }
    );
    if !possible {
        return Err(cannot(&slice, "waived"));
    }
    let shown = slice.window.show(slice.domain);
    let sentence = format!(
        "Rows of {shown} of {} will never be read by rule {}; the ledger says so.",
        slice.key.tenant, slice.key.rule
    );
    if !said.preview {
        let command =
            Command::Waive { window: slice.window, actor: who.actor(), reason: reason.clone() };
        let why = format!("{shown}: {reason}");
        let steer = LogSteer::Waive(slice.key.clone(), slice.window);
        act(&people, (&log, &who), &slice.key, ("waive", &why), (steer, command)).await?;
    }
    Ok(Json(LogActReport { done: !said.preview, sentence, streams: 1, windows: 1 }))
}

fn cannot(slice: &Slice, done: &str) -> ApiError {
    let message = format!("a window that is {} cannot be {done}", slice.state.word());
    ApiError::new(Fault::Conflict, message)
}

pub(crate) async fn reopen_window(
    State(people): Shared,
    Extension(who): Who,
    Path(id): Path<String>,
    Body(said): Body<LogActRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let slice = window(&log, &id).await?;
    let reason = reason(&said.reason, said.preview)?;
    if !matches!(slice.state, SliceState::Quarantined { .. } | SliceState::Waived { .. }) {
        return Err(cannot(&slice, "reopened"));
    }
    let shown = slice.window.show(slice.domain);
    let sentence = format!("{shown} of {} is read after all.", slice.key.tenant);
    if !said.preview {
        let why = format!("{shown}: {reason}");
        let command = Command::Reopen { slice: slice.id };
        let steer = LogSteer::Reopen(slice.id);
        act(&people, (&log, &who), &slice.key, ("reopen", &why), (steer, command)).await?;
    }
    Ok(Json(LogActReport { done: !said.preview, sentence, streams: 1, windows: 1 }))
}

/// Windows of a stream that waiving a range would touch.
async fn open_in(
    ledger: &dyn LedgerStore,
    of: StreamQuery,
    window: Window,
) -> Result<u64, ApiError> {
    let query = SliceQuery {
        of,
        window: Some(window),
        states: vec!["planned", "backoff", "quarantined"],
        paging: Paging::first(0),
        ..SliceQuery::default()
    };
    Ok(ledger.slices(&query).await?.total)
}

pub(crate) async fn waive_range(
    State(people): Shared,
    Extension(who): Who,
    at: Place,
    Asked(asked): Asked<LogStreamQuery>,
    Body(said): Body<LogWaiveRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let wanted = Wanted::read(asked.part, asked.epoch, asked.lane.as_deref())?;
    let stream = find(&log, &at, &wanted).await?;
    let reason = reason(&said.reason, said.preview)?;
    let from = log_view::position(Some(&said.from), "from", (stream.domain, false))?;
    let to = log_view::position(Some(&said.to), "to", (stream.domain, true))?;
    let window = from.zip(to).and_then(|(from, to)| Window::new(from, to)).ok_or_else(|| {
        ApiError::problems("the range is empty", vec![problem("to", "must lie after `from`")])
    })?;
    let windows = open_in(&*log.ports.ledger, only(&stream), window).await?;
    let shown = window.show(stream.domain);
    let sentence = format!(
        "What nobody has read of {shown} ({windows} open or failed windows, and what is not cut yet) will \
         never be read; the ledger says so."
    );
    if !said.preview {
        let command = Command::Waive { window, actor: who.actor(), reason: reason.clone() };
        let why = format!("{shown}: {reason}");
        let steer = LogSteer::Waive(stream.key.clone(), window);
        act(&people, (&log, &who), &stream.key, ("waive", &why), (steer, command)).await?;
    }
    Ok(Json(LogActReport { done: !said.preview, sentence, streams: 1, windows }))
}

pub(crate) async fn go_on(
    State(people): Shared,
    Extension(who): Who,
    at: Place,
    Asked(asked): Asked<LogStreamQuery>,
    Body(said): Body<LogActRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let wanted = Wanted::read(asked.part, asked.epoch, asked.lane.as_deref())?;
    let stream = find(&log, &at, &wanted).await?;
    let reason = reason(&said.reason, said.preview)?;
    let StreamStatus::Stopped(failure) = &stream.status else {
        let message = format!("the stream is {}, not stopped", stream.status.word());
        return Err(ApiError::new(Fault::Conflict, message));
    };
    let sentence = format!(
        "The stream goes on from its checkpoint {} with the source as it is now. It was stopped because: {}",
        stream.checkpoint.show(stream.domain),
        failure.message
    );
    if !said.preview {
        // The next look at the source takes its identity of then.
        let command = Command::Continue { source_identity: None };
        let steer = LogSteer::Continue(stream.key.clone());
        act(&people, (&log, &who), &stream.key, ("continue", &reason), (steer, command)).await?;
    }
    Ok(Json(LogActReport { done: !said.preview, sentence, streams: 1, windows: 0 }))
}
