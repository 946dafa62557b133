//! `lycaon log status`, `ledger` and `explain`: what the records say.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Clock, Timestamp, format_duration};
use loghunt::ports::{PauseMode, SliceQuery, StreamQuery};
use loghunt::stream::{Run, RunOutcome, Stream, StreamStatus};
use loghunt::ticks::due;
use model::log::{Lane, Position, RuleName, Slice, SliceId, SliceState, TenantName, Window};
use model::store::{Page, Paging};
use scheduler::Roster;
use serde_json::{Value, json};

use super::config;
use super::state::{Records, StateArgs, broken};
use super::tick::runtime;
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::machine::SystemClock;
use crate::output::{OutputArgs, record_of};

/// So many records are read at once.
const PAGE: u64 = 500;

/// Show where each stream stands
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log status --config rules/ --tenant acme\n\nA stream whose lag exceeds twice its interval is late; one without new rows is not."
)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Only this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// Only this rule
    #[arg(long, value_name = "NAME")]
    rule: Option<RuleName>,
    /// Only streams that are not well
    #[arg(long)]
    unwell: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn status(args: &StatusArgs) -> Outcome {
    let definitions = config::load(&args.state.config)?;
    let roster = Roster::new(definitions);
    runtime()?.block_on(async {
        let records = args.state.open_existing().await?;
        let pauses = records.control.pauses().await.map_err(broken)?;
        let paused: HashMap<TenantName, PauseMode> =
            pauses.into_iter().map(|pause| (pause.tenant, pause.mode)).collect();
        let query = StreamQuery {
            tenant: args.tenant.clone(),
            rule: args.rule.clone(),
            statuses: vec!["active", "stopped"],
            ..StreamQuery::default()
        };
        let now = SystemClock.now();
        let mut out = args.output.records(&["stream", "state", "checkpoint", "lag", "next_tick"]);
        let mut seen = Vec::new();
        let mut offset = 0;
        loop {
            let paging = Paging { offset, limit: PAGE };
            let page = records.ledger.streams(&StreamQuery { paging, ..query.clone() }).await;
            let Page { items, total } = page.map_err(broken)?;
            offset += items.len() as u64;
            let last = items.is_empty() || offset >= total;
            for stream in items {
                let line = Line::of(&stream, &roster, &paused, now);
                seen.push(live_name(&stream));
                if !args.unwell || line.unwell {
                    out.push(record_of(&line.json))?;
                }
            }
            if last {
                break;
            }
        }
        for (name, assignment) in &roster.by_name {
            let wanted = args.tenant.as_ref().is_none_or(|one| *one == assignment.key.tenant)
                && args.rule.as_ref().is_none_or(|one| *one == assignment.key.rule);
            if wanted && !args.unwell && !seen.contains(name) {
                let json = json!({ "stream": &**name, "state": "never run" });
                out.push(record_of(&json))?;
            }
        }
        out.finish()
    })
}

/// The name of the live stream that a lane belongs to.
fn live_name(stream: &Stream) -> Arc<str> {
    let key =
        model::log::StreamKey { part: "".into(), epoch: 0, lane: Lane::Live, ..stream.key.clone() };
    key.to_string().into()
}

struct Line {
    json: Value,
    unwell: bool,
}

impl Line {
    fn of(
        stream: &Stream,
        roster: &Roster,
        paused: &HashMap<TenantName, PauseMode>,
        now: Timestamp,
    ) -> Self {
        let assignment = roster.by_name.get(&live_name(stream));
        let live = stream.key.lane == Lane::Live;
        let lag = (live && stream.domain.is_time()).then(|| now.since(stream.checkpoint.moment()));
        let next = assignment.filter(|_| live).and_then(|one| {
            one.clockwork.next_after(now).map(|tick| due(tick, &one.rule.schedule, &one.key))
        });
        let interval = assignment.map(|one| one.clockwork.interval_before(now) + one.buffer());
        let late = matches!((lag, interval), (Some(lag), Some(interval)) if lag > interval * 2);
        let state = match (&stream.status, paused.get(&stream.key.tenant), assignment) {
            (StreamStatus::Stopped(_), ..) => "stopped",
            (StreamStatus::Closed { .. }, ..) => "closed",
            (_, Some(PauseMode::Hold), _) => "paused",
            (_, Some(PauseMode::Skip), _) => "paused (skip)",
            (_, _, None) => "not assigned",
            _ if stream.last_failure.is_some() => "failing",
            _ if late => "late",
            _ => "well",
        };
        let why = match &stream.status {
            StreamStatus::Stopped(failure) => Some(failure.to_string()),
            StreamStatus::Closed { reason } => Some(reason.clone()),
            StreamStatus::Active => stream.last_failure.as_ref().map(ToString::to_string),
        };
        let json = json!({
            "stream": stream.key.to_string(),
            "state": state,
            "checkpoint": stream.checkpoint.show(stream.domain),
            "lag": lag.map(|lag| format_duration(std::time::Duration::from_secs(lag.as_secs()))),
            "next_tick": next.map(|tick| tick.to_string()),
            "last_tick": stream.last_tick.map(|tick| tick.to_string()),
            "last_run": stream.last_run.map(|run| run.to_string()),
            "planned_to": stream.planned_to.show(stream.domain),
            "why": why,
        });
        Self { json, unwell: !matches!(state, "well" | "paused" | "paused (skip)") }
    }
}

/// Show which windows were evaluated: when, by which revision, with how many rows
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log ledger --config rules/ --tenant acme --rule susp-whoami --from 2026-02-03T00:00:00Z --to 2026-02-04T00:00:00Z"
)]
pub(super) struct LedgerArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Whose logs
    #[arg(long, value_name = "NAME")]
    tenant: TenantName,
    /// Which rule
    #[arg(long, value_name = "NAME")]
    rule: RuleName,
    /// From this moment, or position of a cursor
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    /// To before this moment, or position of a cursor
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn ledger(args: &LedgerArgs) -> Outcome {
    let from = bound(args.from.as_deref(), "--from", Position::MIN)?;
    let to = bound(args.to.as_deref(), "--to", Position::MAX)?;
    let window =
        Window::new(from, to).ok_or_else(|| Complaint::usage("--to must be later than --from"))?;
    runtime()?.block_on(async {
        let records = args.state.open_existing().await?;
        let of = StreamQuery {
            tenant: Some(args.tenant.clone()),
            rule: Some(args.rule.clone()),
            ..StreamQuery::default()
        };
        let known = records.ledger.streams(&of).await.map_err(broken)?.total > 0;
        let mut query = SliceQuery { of, window: Some(window), ..SliceQuery::default() };
        let mut out = args.output.records(&["stream", "window", "state", "revision", "rows"]);
        let mut count = 0;
        loop {
            query.paging = Paging { offset: count, limit: PAGE };
            let Page { items, total } = records.ledger.slices(&query).await.map_err(broken)?;
            count += items.len() as u64;
            let last = items.is_empty() || count >= total;
            for slice in items {
                out.push(record_of(&slice_json(&slice)))?;
            }
            if last {
                break;
            }
        }
        out.finish()?;
        match (count, known) {
            (0, true) => note("no window of this stretch is on the ledger"),
            (0, false) => note(&format!(
                "rule {} has never run for tenant {}; `lycaon log status` lists what has",
                args.rule, args.tenant
            )),
            _ => {}
        }
        Ok(())
    })
}

/// A moment, or a number of a cursor.
pub(super) fn bound(text: Option<&str>, flag: &str, default: Position) -> Outcome<Position> {
    let Some(text) = text else { return Ok(default) };
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Position(number));
    }
    let moment: Timestamp =
        text.parse().map_err(|bad| Complaint::usage(format!("{flag}: {bad}")))?;
    Ok(Position::at(moment))
}

fn slice_json(slice: &Slice) -> Value {
    let mut line = json!({
        "stream": slice.key.to_string(),
        "window": slice.window.show(slice.domain),
        "state": slice.state.word(),
        "revision": null,
        "rows": null,
        "slice": slice.id.to_string(),
        "tick": slice.tick.to_string(),
        "attempts": slice.attempts,
        "moved_at": slice.moved_at.to_string(),
        "detail": detail(slice),
    });
    if let SliceState::Committed(evidence) = &slice.state {
        line["revision"] = json!(&*evidence.revision);
        line["rows"] = json!(evidence.rows);
        line["findings_new"] = json!(evidence.findings_new);
        line["bytes"] = json!(evidence.bytes);
        line["took_ms"] = json!(u64::try_from(evidence.took.as_millis()).unwrap_or(u64::MAX));
        line["source_clock"] = json!(evidence.source_clock.map(|clock| clock.to_string()));
        line["fingerprint"] = json!(evidence.fingerprint.as_deref());
        line["audits"] = json!(evidence.audits);
        line["audit_at"] = json!(evidence.audit_at.map(|at| at.to_string()));
    }
    line
}

/// What else a state has to say.
fn detail(slice: &Slice) -> String {
    match &slice.state {
        SliceState::Backoff { not_before, failure } => {
            format!("{failure}; again at {not_before}")
        }
        SliceState::Quarantined { failure } => failure.to_string(),
        SliceState::Waived { actor, reason } => format!("by {actor}: {reason}"),
        SliceState::Leased(lease) | SliceState::Running { lease, .. } => {
            format!("{} until {}", lease.owner, lease.until)
        }
        SliceState::Planned
        | SliceState::Committed(_)
        | SliceState::Split
        | SliceState::Superseded => String::new(),
    }
}

/// Say why a window has these bounds, who ran it, and what it read
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log explain --config rules/ W.0123456789abcdef0123456789abcdef"
)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    state: StateArgs,
    /// `W.…`, as `lycaon log ledger` shows it
    slice: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn explain(args: &ExplainArgs) -> Outcome {
    let id = slice_id(&args.slice)?;
    let definitions = config::load(&args.state.config)?;
    let roster = Roster::new(definitions);
    runtime()?.block_on(async {
        let records = args.state.open_existing().await?;
        let slice = find(&records, id).await?;
        let of = StreamQuery {
            tenant: Some(slice.key.tenant.clone()),
            dataset: Some(slice.key.dataset.clone()),
            rule: Some(slice.key.rule.clone()),
            lane: Some(slice.key.lane.clone()),
            epoch: Some(slice.key.epoch),
            ..StreamQuery::default()
        };
        let runs = records.ledger.runs(&of, Paging::ALL).await.map_err(broken)?.items;
        let runs: Vec<Value> = runs
            .iter()
            .filter(|run| run.window.meets(slice.window) && run.key == slice.key)
            .map(|run| run_json(run, slice.domain))
            .collect();
        let mut line = slice_json(&slice);
        line["why"] = json!(why(&slice, &roster));
        line["planned_at"] = json!(slice.planned_at.to_string());
        line["runs"] = json!(runs);
        args.output.one(record_of(&line))
    })
}

pub(super) fn slice_id(text: &str) -> Outcome<SliceId> {
    SliceId::parse(text).ok_or_else(|| {
        Complaint::usage(format!("`{text}` is not a slice; `lycaon log ledger` shows them: W.…"))
    })
}

async fn find(records: &Records, id: SliceId) -> Outcome<Slice> {
    let states = [
        "planned",
        "leased",
        "running",
        "committed",
        "backoff",
        "quarantined",
        "waived",
        "split",
        "superseded",
    ];
    let query = SliceQuery {
        id: Some(id),
        states: states.to_vec(),
        paging: Paging::first(1),
        ..SliceQuery::default()
    };
    let found = records.ledger.slices(&query).await.map_err(broken)?.items.pop();
    found.ok_or_else(|| {
        Complaint::failed(format!("there is no slice {id}"))
            .hint("one that was widened before it ran has another id: look at the ledger again")
    })
}

fn run_json(run: &Run, domain: model::log::Domain) -> Value {
    let outcome = match &run.outcome {
        RunOutcome::Committed { rows, findings_new, .. } => {
            format!("committed, {rows} rows, {findings_new} new findings")
        }
        RunOutcome::Failed(failure) => format!("failed: {failure}"),
        RunOutcome::Lost => "lost: its lease was over, or it was given back".to_owned(),
    };
    json!({
        "window": run.window.show(domain),
        "owner": &*run.owner,
        "token": run.token,
        "ended_at": run.ended_at.to_string(),
        "outcome": outcome,
    })
}

/// The bounds in a sentence.
fn why(slice: &Slice, roster: &Roster) -> String {
    let live =
        model::log::StreamKey { part: "".into(), epoch: 0, lane: Lane::Live, ..slice.key.clone() };
    let name: Arc<str> = live.to_string().into();
    let (from, to) = (slice.window.from().show(slice.domain), slice.window.to().show(slice.domain));
    match (&slice.key.lane, roster.by_name.get(&name)) {
        (Lane::Repair(level), _) => format!(
            "rows came after the window {from} to {to} was committed; this is repair {level} of it"
        ),
        (Lane::Backfill(job), _) => format!("the job {job} reads it again"),
        (Lane::Live, Some(one)) if slice.domain.is_time() => format!(
            "it begins at {from}, where planning stood, and ends at {to}: the tick {} less the buffer of {}, the source's clock less the buffer, or a multiple of the longest window of {}",
            slice.tick,
            format_duration(one.buffer()),
            format_duration(one.rule.schedule.max_window),
        ),
        (Lane::Live, _) => format!(
            "it begins at {from}, where planning stood, and ends at {to}, up to where the source was stable at the tick {}",
            slice.tick
        ),
    }
}
