//! Log hunts: pausing tenants, and backfills. Each says its size before it is done.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{
    LogActReport, LogActRequest, LogBackfillPage, LogBackfillReport, LogBackfillRequest,
    LogBackfillView, LogPauseRequest, PageQuery, Problem,
};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{ByteSize, Fault, Timestamp};
use log_rules::Rule;
use loghunt::ports::{
    AuditNote, Job, JobState, Pause, PauseMode, SliceQuery, StreamQuery, TellHow,
};
use model::log::{Lane, Position, RuleName, TenantName, Window};
use model::store::Paging;

use super::error::{ApiError, problem};
use super::extract::{Asked, Body, paging};
use super::log::{Shared, name, tenants};
use super::log_streams::touched;
use super::log_windows::{reason, steered};
use super::sign_in::Principal;
use super::{People, log_view};
use crate::log::{Assigned, Log, LogSteer, fits};

type Who = Extension<Principal>;

/// Streams whose engine is asked what a backfill would cost.
const ESTIMATES: usize = 20;
/// Backfills whose progress is counted at once.
const JOBS_READ: u64 = 10_000;

fn note(
    people: &People,
    who: &Principal,
    (action, subject, reason): (&str, &str, &str),
) -> AuditNote {
    AuditNote {
        at: people.clock.now(),
        actor: who.actor(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The tenant of this name and how many live streams it has.
async fn tenant(log: &Log, text: &str) -> Result<(TenantName, u64), ApiError> {
    let name: TenantName = name(text)?;
    let survey = log.survey().await?;
    if !tenants(log, &survey.entries).contains(&name) {
        return Err(ApiError::not_found(format!("tenant {name}")));
    }
    let streams = survey.entries.iter().filter(|entry| entry.tenant == name).count() as u64;
    Ok((name, streams))
}

/// Windows of a tenant that are cut and not settled.
async fn open_windows(log: &Log, tenant: &TenantName) -> Result<u64, ApiError> {
    let query = SliceQuery {
        of: StreamQuery { tenant: Some(tenant.clone()), ..StreamQuery::default() },
        states: vec!["planned", "leased", "running", "backoff"],
        paging: Paging::first(0),
        ..SliceQuery::default()
    };
    Ok(log.ports.ledger.slices(&query).await?.total)
}

fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

pub(crate) async fn pause(
    State(people): Shared,
    Extension(who): Who,
    Path(text): Path<String>,
    Body(said): Body<LogPauseRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let mode = PauseMode::parse(&said.mode).ok_or_else(|| {
        let wrong = format!("`{}` is not a mode; choose hold or skip", said.mode);
        ApiError::problems("the tenant cannot be paused", vec![problem("mode", wrong)])
    })?;
    let reason = reason(&said.reason, said.preview)?;
    let (tenant, streams) = tenant(&log, &text).await?;
    let windows = open_windows(&log, &tenant).await?;
    let after = match mode {
        PauseMode::Hold => "the time meanwhile is read when it is resumed",
        PauseMode::Skip => "the time meanwhile is left out for good, and the ledger says so",
    };
    let sentence = format!(
        "{} of {tenant} stop running, {} wait; {after}.",
        plural(streams, "stream"),
        plural(windows, "open window")
    );
    if !said.preview {
        let pause = Pause {
            tenant: tenant.clone(),
            mode,
            since: people.clock.now(),
            actor: who.actor(),
            reason: reason.clone(),
        };
        log.ports.control.pause(&pause).await?;
        let detail = format!("{}: {reason}", mode.word());
        people.audit(&who, "log.pause", &tenant, detail).await?;
        touched(&people, &log).await?;
    }
    Ok(Json(LogActReport { done: !said.preview, sentence, streams, windows }))
}

pub(crate) async fn resume(
    State(people): Shared,
    Extension(who): Who,
    Path(text): Path<String>,
    Body(said): Body<LogActRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let reason = reason(&said.reason, said.preview)?;
    let (tenant, streams) = tenant(&log, &text).await?;
    let pauses = log.ports.control.pauses().await?;
    let Some(pause) = pauses.into_iter().find(|pause| pause.tenant == tenant) else {
        return Err(ApiError::new(Fault::Conflict, format!("tenant {tenant} is not paused")));
    };
    let windows = open_windows(&log, &tenant).await?;
    let meanwhile = match pause.mode {
        PauseMode::Hold => format!("what came since {} is read now", pause.since),
        PauseMode::Skip => {
            format!("what came since {} is left out for good, and the ledger says so", pause.since)
        }
    };
    let sentence = format!("{} of {tenant} run again; {meanwhile}.", plural(streams, "stream"));
    if !said.preview {
        let note = note(&people, &who, ("resume", tenant.as_str(), &reason));
        let steer = LogSteer::Resume(tenant.clone());
        if !steered(&log, &who, (&steer, &reason, note.at)).await? {
            // Only a scheduler knows where the sources stand, to leave the time of the pause out.
            if pause.mode == PauseMode::Skip {
                let message = "a tenant that was paused in mode skip is resumed by a scheduler";
                return Err(ApiError::new(Fault::Conflict, message).hint(
                    "run one in this server, or `lycaon log resume` beside the one that runs",
                ));
            }
            log.ports.control.resume(&tenant, &note).await?;
        }
        people.audit(&who, "log.resume", &tenant, reason).await?;
        touched(&people, &log).await?;
    }
    Ok(Json(LogActReport { done: !said.preview, sentence, streams, windows }))
}

/// What a backfill would read.
struct Reach<'a> {
    rule: &'a Rule,
    streams: Vec<&'a Assigned>,
    window: Window,
}

impl Reach<'_> {
    fn tenants(&self) -> BTreeSet<&TenantName> {
        self.streams.iter().map(|stream| &stream.tenant).collect()
    }

    /// Windows for each stream: the stretch is cut at multiples of the longest window.
    fn windows_each(&self) -> u64 {
        let max = i128::try_from(self.rule.schedule.max_window.as_micros()).unwrap_or(i128::MAX);
        let (from, to) = (i128::from(self.window.from().0), i128::from(self.window.to().0));
        let max = max.max(1);
        u64::try_from((to - 1).div_euclid(max) - from.div_euclid(max) + 1).unwrap_or(u64::MAX)
    }

    /// Bytes as the engines estimate, and how many streams they were asked for.
    async fn bytes(&self, log: &Log) -> (Option<u64>, u64) {
        let (mut sum, mut asked) = (0u64, 0u64);
        for stream in self.streams.iter().take(ESTIMATES) {
            let (tenant, dataset) = (&stream.tenant, &stream.dataset);
            let estimate = log.ports.desk.estimate(tenant, dataset, self.window).await;
            let Some(bytes) = estimate.and_then(|estimate| estimate.bytes) else {
                return (None, asked);
            };
            sum = sum.saturating_add(bytes);
            asked += 1;
        }
        if asked == 0 {
            return (None, 0);
        }
        let scaled = u128::from(sum) * self.streams.len() as u128 / u128::from(asked);
        (Some(u64::try_from(scaled).unwrap_or(u64::MAX)), asked)
    }
}

fn tell(text: Option<&str>, wrong: &mut Vec<Problem>) -> TellHow {
    match text.unwrap_or("digest") {
        "each" => TellHow::Each,
        "" | "digest" => TellHow::Digest,
        "nothing" => TellHow::Nothing,
        other => {
            let message = format!("`{other}` is not known; choose each, digest or nothing");
            wrong.push(problem("tell", message));
            TellHow::Digest
        }
    }
}

fn tell_word(how: TellHow) -> &'static str {
    match how {
        TellHow::Each => "each",
        TellHow::Digest => "digest",
        TellHow::Nothing => "nothing",
    }
}

/// Reads one end of the stretch; what is wrong goes to the others.
fn end_of(text: &str, (field, end): (&str, bool), wrong: &mut Vec<Problem>) -> Option<Timestamp> {
    match log_view::moment(Some(text), field, end) {
        Ok(Some(moment)) => Some(moment),
        Ok(None) => {
            wrong.push(problem(field, "is missing"));
            None
        }
        Err(bad) => {
            wrong.extend(bad.problems);
            None
        }
    }
}

/// What somebody wants of a backfill, as far as it could be read.
struct Wish {
    window: Option<Window>,
    tell: TellHow,
    bytes_max: Option<u64>,
}

fn wish(said: &LogBackfillRequest, rule: &Rule, now: Timestamp, wrong: &mut Vec<Problem>) -> Wish {
    let (from, to) =
        (end_of(&said.from, ("from", false), wrong), end_of(&said.to, ("to", true), wrong));
    if to.is_some_and(|to| to > now.minus(rule.schedule.log_buffer)) {
        let message =
            "must lie in the past, by more than the rule's log buffer; later rows are read live";
        wrong.push(problem("to", message));
    }
    let tell = tell(said.tell.as_deref(), wrong);
    let bytes_max = match said.bytes_max.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match text.parse::<ByteSize>() {
            Ok(size) => Some(size.0),
            Err(bad) => {
                wrong.push(problem("bytes_max", bad.to_string()));
                None
            }
        },
    };
    let window = from.zip(to).and_then(|(a, b)| Window::new(Position::at(a), Position::at(b)));
    if from.is_some() && to.is_some() && window.is_none() {
        wrong.push(problem("to", "must lie after `from`"));
    }
    Wish { window, tell, bytes_max }
}

pub(crate) async fn backfill(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<LogBackfillRequest>,
) -> Result<Json<LogBackfillReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let mut wrong = Vec::new();
    let reason = reason(&said.reason, said.preview)?;
    let known = log.ports.desk.known();
    let rule_name: RuleName = name(&said.rule)?;
    let rule = known.definitions.rules.iter().find(|rule| rule.name == rule_name);
    let rule = rule.ok_or_else(|| ApiError::not_found(format!("rule {rule_name}")))?;
    let now = log.ports.ledger.now().await?;
    let wish = wish(&said, rule, now, &mut wrong);
    let assigned = log.assigned();
    let chosen = |one: &&Assigned| {
        let fits_it = |pattern: &String| fits(pattern.trim(), one.tenant.as_str());
        one.rule == rule_name && (said.tenants.is_empty() || said.tenants.iter().any(fits_it))
    };
    let streams: Vec<&Assigned> = assigned.iter().filter(chosen).collect();
    if streams.is_empty() {
        wrong.push(problem("tenants", "the rule runs at none of them"));
    }
    let Some(window) = wish.window.filter(|_| wrong.is_empty()) else {
        return Err(ApiError::problems("this cannot be read again", wrong));
    };
    let reach = Reach { rule, streams, window };
    let mut report = preview(&log, &reach).await;
    if said.preview {
        return Ok(Json(report));
    }
    let job = Job {
        name: job_name(&people, now).into(),
        rule: rule_name,
        tenants: reach.tenants().into_iter().cloned().collect(),
        from: window.from().moment(),
        to: window.to().moment(),
        tell: wish.tell,
        bytes_max: wish.bytes_max,
        at: now,
        actor: who.actor(),
        reason,
        state: JobState::Running,
    };
    log.ports.control.put_job(&job).await?;
    let detail =
        format!("{} of {} at {} tenants: {}", said.from, job.rule, job.tenants.len(), job.reason);
    let noted = note(&people, &who, ("backfill", &job.name, &detail));
    log.ports.control.note(&noted).await?;
    people.audit(&who, "log.backfill", &job.name, detail).await?;
    touched(&people, &log).await?;
    report.done = true;
    report.job = Some(job.name.to_string());
    Ok(Json(report))
}

async fn preview(log: &Log, reach: &Reach<'_>) -> LogBackfillReport {
    let (bytes, estimated) = reach.bytes(log).await;
    let streams = reach.streams.len() as u64;
    let mut problems = Vec::new();
    let warn =
        |message: String| Problem { severity: "warning".to_owned(), ..problem("from", message) };
    let known = log.ports.desk.known();
    for stream in &reach.streams {
        let (tenant, dataset) = (&stream.tenant, &stream.dataset);
        let defined = known.definitions.tenants.iter().find(|one| one.name == *tenant);
        let own = defined.and_then(|one| one.datasets.iter().find(|own| own.name == *dataset));
        let Some(kept) = own.and_then(|own| own.retention) else { continue };
        let Ok(now) = log.ports.ledger.now().await else { continue };
        if reach.window.from().moment() < now.minus(kept) && problems.len() < 5 {
            problems.push(warn(format!(
                "{} keeps {dataset} for {}: what is older is not there any more",
                tenant,
                base::format_duration(kept)
            )));
        }
    }
    if !log.ports.desk.running() {
        problems.push(Problem {
            field: String::new(),
            ..warn("no scheduler runs in this server: another one must take the job".to_owned())
        });
    }
    LogBackfillReport {
        done: false,
        job: None,
        tenants: reach.tenants().len() as u64,
        streams,
        windows: reach.windows_each().saturating_mul(streams),
        bytes,
        estimated,
        problems,
    }
}

/// The day, and what tells it apart.
fn job_name(people: &People, now: Timestamp) -> String {
    let day: String = now.to_string().chars().take(10).filter(|c| *c != '-').collect();
    let unlike = people.entropy.lock().next_u64() & 0xff_ffff;
    format!("{day}-{unlike:06x}")
}

async fn view(log: &Log, job: Job) -> Result<LogBackfillView, ApiError> {
    let of = StreamQuery {
        rule: Some(job.rule.clone()),
        lane: Some(Lane::Backfill(Arc::clone(&job.name))),
        paging: Paging::first(0),
        ..StreamQuery::default()
    };
    let streams = log.ports.ledger.streams(&of).await?.total;
    let count = async |states: Vec<&'static str>| -> Result<u64, ApiError> {
        let query = SliceQuery {
            of: of.clone(),
            states,
            paging: Paging::first(0),
            ..SliceQuery::default()
        };
        Ok(log.ports.ledger.slices(&query).await?.total)
    };
    Ok(LogBackfillView {
        windows_settled: count(vec!["committed", "quarantined", "waived"]).await?,
        windows_open: count(vec!["planned", "leased", "running", "backoff"]).await?,
        name: job.name.to_string(),
        rule: job.rule.to_string(),
        tenants: job.tenants.iter().map(ToString::to_string).collect(),
        from: job.from.to_string(),
        to: job.to.to_string(),
        tell: tell_word(job.tell).to_owned(),
        bytes_max: job.bytes_max,
        at: job.at.to_string(),
        actor: job.actor.to_string(),
        reason: job.reason,
        state: job.state.word().to_owned(),
        streams,
    })
}

pub(crate) async fn backfills(
    State(people): Shared,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<LogBackfillPage>, ApiError> {
    let log = people.log()?;
    let page = log.ports.control.jobs(paging(asked.offset, asked.limit)?).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for job in page.items {
        items.push(view(log, job).await?);
    }
    Ok(Json(LogBackfillPage { items, total: page.total }))
}

pub(crate) async fn cancel_backfill(
    State(people): Shared,
    Extension(who): Who,
    Path(text): Path<String>,
    Body(said): Body<LogActRequest>,
) -> Result<Json<LogActReport>, ApiError> {
    let log = Arc::clone(people.log()?);
    let reason = reason(&said.reason, said.preview)?;
    let jobs = log.ports.control.jobs(Paging::first(JOBS_READ)).await?;
    let job = jobs.items.into_iter().find(|job| *job.name == *text);
    let job = job.ok_or_else(|| ApiError::not_found(format!("backfill {text}")))?;
    if job.state != JobState::Running && job.state != JobState::OverBudget {
        let message = format!("the backfill is {}", job.state.word());
        return Err(ApiError::new(Fault::Conflict, message));
    }
    let now = view(&log, job.clone()).await?;
    let sentence = format!(
        "{} that are open will not be read; {} stay as they are.",
        plural(now.windows_open, "window"),
        plural(now.windows_settled, "settled window")
    );
    if !said.preview {
        let noted = note(&people, &who, ("backfill_cancel", &job.name, &reason));
        log.ports.control.put_job(&Job { state: JobState::Cancelled, ..job }).await?;
        log.ports.control.note(&noted).await?;
        people.audit(&who, "log.backfill_cancel", text, reason).await?;
        touched(&people, &log).await?;
    }
    let (streams, windows) = (now.streams, now.windows_open);
    Ok(Json(LogActReport { done: !said.preview, sentence, streams, windows }))
}
