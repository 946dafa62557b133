//! Records of log hunts as people see them, and what people write as positions and names. Pure.

use std::time::Duration;

use api::{
    LogCount, LogEvidence, LogFindingView, LogLedgerName, LogOverrideView, LogPauseView,
    LogQueueView, LogRunView, LogSetting, LogStateCounts, LogStreamSummary, LogWindowView,
};
use base::{Fault, Timestamp, format_duration};
use log_rules::{FirstFrom, Override, Retry, Rule, RuleClass, Schedule, Ticks};
use loghunt::ports::Pause;
use loghunt::stream::{Run, RunOutcome};
use model::log::{Domain, Finding, Lane, Position, Slice, SliceState, StreamKey};
use model::monitoring::Day;

use super::error::{ApiError, problem};
use crate::log::LogQueue;
use crate::log_survey::{Entry, Stand};

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn counts(pairs: Vec<(String, u64)>) -> Vec<LogCount> {
    pairs.into_iter().map(|(value, count)| LogCount { value, count }).collect()
}

/// Reads a moment; a day alone means its first moment, or with `end` the first after it.
pub(crate) fn moment(
    text: Option<&str>,
    field: &str,
    end: bool,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
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

/// Reads a position: a whole number, or in the time domains a moment.
pub(crate) fn position(
    text: Option<&str>,
    field: &str,
    (domain, end): (Domain, bool),
) -> Result<Option<Position>, ApiError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Some(Position(number)));
    }
    if domain.is_time() {
        return Ok(moment(Some(text), field, end)?.map(Position::at));
    }
    let message = format!("`{text}` is not a number; this stream counts by a cursor");
    Err(ApiError::problems("the range cannot be read", vec![problem(field, message)]))
}

pub(crate) fn tally<'a>(entries: impl Iterator<Item = &'a Entry>) -> LogStateCounts {
    let mut counts = LogStateCounts::default();
    for entry in entries {
        *match entry.stand {
            Stand::Ok => &mut counts.ok,
            Stand::Waiting => &mut counts.waiting,
            Stand::Paused => &mut counts.paused,
            Stand::Behind => &mut counts.behind,
            Stand::Failing => &mut counts.failing,
            Stand::Gap => &mut counts.gap,
            Stand::Stopped => &mut counts.stopped,
        } += 1;
    }
    counts
}

/// The longest lag of streams that are not paused, in milliseconds.
pub(crate) fn lag_max<'a>(entries: impl Iterator<Item = &'a Entry>) -> u64 {
    entries
        .filter(|entry| entry.stand != Stand::Paused)
        .filter_map(|entry| entry.lag)
        .max()
        .map_or(0, millis)
}

pub(crate) fn stream_summary(entry: &Entry) -> LogStreamSummary {
    LogStreamSummary {
        tenant: entry.tenant.to_string(),
        dataset: entry.dataset.to_string(),
        part: entry.part.to_string(),
        rule: entry.rule.to_string(),
        epoch: entry.epoch,
        state: entry.stand.word().to_owned(),
        lag_millis: entry.lag.map(millis),
        checkpoint: entry.checkpoint.map(|(position, domain)| position.show(domain)),
        last_run: entry.last_run.map(|at| at.to_string()),
        gaps: entry.gaps,
        failure: entry.failure.clone(),
    }
}

pub(crate) fn ledger_name(key: &StreamKey) -> LogLedgerName {
    LogLedgerName { part: key.part.to_string(), epoch: key.epoch, lane: key.lane.word() }
}

pub(crate) fn window(slice: &Slice) -> LogWindowView {
    let (reason, actor, until) = match &slice.state {
        SliceState::Leased(lease) | SliceState::Running { lease, .. } => {
            (None, Some(lease.owner.to_string()), Some(lease.until.to_string()))
        }
        SliceState::Backoff { not_before, failure } => {
            (Some(failure.to_string()), None, Some(not_before.to_string()))
        }
        SliceState::Quarantined { failure } => (Some(failure.to_string()), None, None),
        SliceState::Waived { actor, reason } => {
            (Some(reason.clone()), Some(actor.to_string()), None)
        }
        SliceState::Planned
        | SliceState::Committed(_)
        | SliceState::Split
        | SliceState::Superseded => (None, None, None),
    };
    LogWindowView {
        id: slice.id.to_string(),
        tenant: slice.key.tenant.to_string(),
        dataset: slice.key.dataset.to_string(),
        rule: slice.key.rule.to_string(),
        ledger: ledger_name(&slice.key),
        from: slice.window.from().show(slice.domain),
        to: slice.window.to().show(slice.domain),
        state: slice.state.word().to_owned(),
        tick: slice.tick.to_string(),
        attempts: slice.attempts,
        planned_at: slice.planned_at.to_string(),
        moved_at: slice.moved_at.to_string(),
        reason,
        actor,
        until,
        evidence: match &slice.state {
            SliceState::Committed(evidence) => Some(LogEvidence {
                token: evidence.token,
                revision: evidence.revision.to_string(),
                rows: evidence.rows,
                findings_new: evidence.findings_new,
                bytes: evidence.bytes,
                took_millis: millis(evidence.took),
                fingerprint: evidence.fingerprint.as_ref().map(ToString::to_string),
                source_clock: evidence.source_clock.map(|at| at.to_string()),
                committed_at: evidence.committed_at.to_string(),
                audit_at: evidence.audit_at.map(|at| at.to_string()),
                audits: evidence.audits,
            }),
            _ => None,
        },
    }
}

pub(crate) fn run(run: &Run, domain: Domain) -> LogRunView {
    let mut view = LogRunView {
        from: run.window.from().show(domain),
        to: run.window.to().show(domain),
        owner: run.owner.to_string(),
        token: run.token,
        ended_at: run.ended_at.to_string(),
        outcome: String::new(),
        reason: None,
        rows: None,
        findings_new: None,
        bytes: None,
        took_millis: None,
    };
    match &run.outcome {
        RunOutcome::Committed { rows, findings_new, bytes, took_millis } => {
            view.outcome = "committed".to_owned();
            view.rows = Some(*rows);
            view.findings_new = Some(*findings_new);
            view.bytes = Some(*bytes);
            view.took_millis = Some(*took_millis);
        }
        RunOutcome::Failed(failure) => {
            view.outcome = "failed".to_owned();
            view.reason = Some(failure.to_string());
        }
        RunOutcome::Lost => view.outcome = "lost".to_owned(),
    }
    view
}

pub(crate) fn finding(finding: &Finding) -> Result<LogFindingView, ApiError> {
    let row = serde_json::from_str(&rows_json::row_to_json(&finding.row)).map_err(|error| {
        ApiError::new(Fault::Ours, format!("the row of finding {}: {error}", finding.id))
    })?;
    let domain = finding.domain;
    let triage = &finding.triage;
    Ok(LogFindingView {
        id: finding.id.to_string(),
        tenant: finding.tenant.to_string(),
        dataset: finding.dataset.to_string(),
        rule: finding.rule.to_string(),
        title: finding.title.to_string(),
        severity: finding.severity.word().to_owned(),
        attack: finding.attack.to_vec(),
        revision_first: finding.revision_first.to_string(),
        revision_last: finding.revision_last.to_string(),
        window: finding.slice.to_string(),
        window_from: finding.window.from().show(domain),
        window_to: finding.window.to().show(domain),
        position: finding.position.show(domain),
        instant: finding.instant.to_string(),
        found_at: finding.found_at.to_string(),
        row,
        late: finding.late,
        suppressed_by: finding.suppressed_by.as_ref().map(ToString::to_string),
        bucket: finding.bucket.as_ref().map(ToString::to_string),
        notified: finding.notified,
        state: triage.state.word().to_owned(),
        assignee: triage.assignee.clone(),
        verdict: triage.verdict.clone(),
        comments: triage
            .comments
            .iter()
            .map(|comment| api::LogCommentView {
                at: comment.at.to_string(),
                actor: comment.actor.to_string(),
                text: comment.text.clone(),
            })
            .collect(),
    })
}

pub(crate) fn pause(pause: &Pause) -> LogPauseView {
    LogPauseView {
        mode: pause.mode.word().to_owned(),
        since: pause.since.to_string(),
        actor: pause.actor.to_string(),
        reason: pause.reason.clone(),
    }
}

pub(crate) fn queue(queue: &LogQueue) -> LogQueueView {
    LogQueueView {
        tenant: queue.tenant.to_string(),
        engine: queue.engine.to_string(),
        running: queue.running,
        waiting: queue.waiting,
        breaker: queue.breaker.word().to_owned(),
        breaker_until: queue.breaker_until.map(|at| at.to_string()),
        failure: queue.failure.clone(),
        bytes_today: queue.bytes_today,
    }
}

pub(crate) fn differs(tenant: &str, differs: &Override) -> LogOverrideView {
    LogOverrideView {
        tenant: tenant.to_owned(),
        rule: differs.rule.to_string(),
        disabled: differs.disabled,
        severity: differs.severity.map(|severity| severity.word().to_owned()),
        exceptions: differs.exceptions.iter().map(|exception| exception.text.clone()).collect(),
        owner: differs.owner.clone(),
        expires: differs.expires.map(|at| at.to_string()),
        reason: differs.reason.clone(),
    }
}

/// When a rule runs, as a sentence.
pub(crate) fn schedule(schedule: &Schedule) -> String {
    let buffer = format_duration(schedule.log_buffer);
    match &schedule.ticks {
        Ticks::Every { every, .. } => {
            format!("every {}, up to {buffer} before each tick", format_duration(*every))
        }
        Ticks::Cron { expression, zone } => {
            format!("at {expression} ({zone}), up to {buffer} before each tick")
        }
    }
}

/// A schedule in full: name and value.
pub(crate) fn settings(rule: &Rule) -> Vec<LogSetting> {
    let plan = &rule.schedule;
    let mut all = Vec::new();
    let mut add = |name: &str, value: String| all.push(LogSetting { name: name.into(), value });
    match &plan.ticks {
        Ticks::Every { every, anchor } => {
            add("every", format_duration(*every));
            add("start_time", anchor.to_string());
        }
        Ticks::Cron { expression, zone } => {
            add("cron", expression.clone());
            add("zone", zone.clone());
        }
    }
    add("log_buffer", format_duration(plan.log_buffer));
    add("start_delay", format_duration(plan.start_delay));
    add("jitter", format_duration(plan.jitter));
    add("max_window", format_duration(plan.max_window));
    add("min_window", format_duration(plan.min_window));
    add(
        "first_from",
        match plan.first_from {
            FirstFrom::OneInterval => "one interval".to_owned(),
            FirstFrom::Now => "now".to_owned(),
            FirstFrom::Earliest => "earliest".to_owned(),
            FirstFrom::Ago(ago) => format_duration(ago),
        },
    );
    let retry = if plan.retry == Retry::Backoff { "backoff" } else { "next_tick" };
    add("retry", retry.to_owned());
    add("attempts_max", plan.attempts_max.to_string());
    all
}

pub(crate) fn class(class: RuleClass) -> &'static str {
    match class {
        RuleClass::PerEvent => "per_event",
        RuleClass::Windowed { .. } => "windowed",
        RuleClass::Opaque => "opaque",
    }
}

pub(crate) fn lane(text: Option<&str>) -> Result<Lane, ApiError> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(Lane::Live),
        Some(text) => Lane::parse(text).ok_or_else(|| {
            ApiError::caller(format!("`{text}` is not a lane"))
                .hint("choose live, repair.N or backfill.NAME")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_number_or_a_moment() {
        let read = |text, domain| position(Some(text), "from", (domain, false)).ok().flatten();
        assert_eq!(read("12", Domain::Cursor), Some(Position(12)));
        assert_eq!(read("12", Domain::EventTime), Some(Position(12)));
        assert_eq!(read("1970-01-01T00:00:01Z", Domain::EventTime), Some(Position(1_000_000)));
        assert_eq!(read("1970-01-01T00:00:01Z", Domain::Cursor), None);
        assert_eq!(read("soon", Domain::IngestTime), None);
    }
}
