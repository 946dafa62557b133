//! `lycaon log backfill`, `pause`, `resume`, `waive` and `reopen`: what operators decide, each with
//! who and why on the audit trail.

use std::sync::Arc;

use base::{ByteSize, Clock, Timestamp};
use loghunt::ports::{AuditNote, Job, JobState, Pause, PauseMode, StreamQuery, TellHow};
use model::log::{Lane, Position, RuleName, StreamKey, TenantName, Window};
use model::store::Paging;
use scheduler::Scheduler;
use scheduler::steering::{NotDone, Wish};
use serde_json::json;

use super::config;
use super::engines::OpenEngines;
use super::look::{bound, slice_id};
use super::state::{StateArgs, actor, broken};
use super::tick::{runtime, settings};
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::machine::SystemClock;
use crate::output::{OutputArgs, record_of};

/// Read a stretch of the past again, as a job with its own ledger and budget
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log backfill --config rules/ --rule susp-whoami --tenant acme --from 2026-02-01T00:00:00Z --to 2026-02-08T00:00:00Z --budget 500GiB --reason 'new revision'\n  lycaon log backfill --config rules/ --cancel bf-20260208"
)]
pub(super) struct BackfillArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Which rule
    #[arg(long, value_name = "NAME", required_unless_present_any = ["list", "cancel"])]
    rule: Option<RuleName>,
    /// At which tenants; all that the rule runs for, unless given
    #[arg(long, value_name = "NAME")]
    tenant: Vec<TenantName>,
    /// From this moment
    #[arg(long, value_name = "INSTANT", required_unless_present_any = ["list", "cancel"])]
    from: Option<Timestamp>,
    /// To before this moment
    #[arg(long, value_name = "INSTANT", required_unless_present_any = ["list", "cancel"])]
    to: Option<Timestamp>,
    /// Its name [default: made from the moment]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Who is told of what is new: `each`, `digest` or `nobody`
    #[arg(long, value_name = "HOW", default_value = "nobody")]
    tell: String,
    /// How much it may read, for instance `500GiB`
    #[arg(long, value_name = "BYTES")]
    budget: Option<ByteSize>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// List jobs
    #[arg(long, conflicts_with = "cancel")]
    list: bool,
    /// End this job
    #[arg(long, value_name = "NAME")]
    cancel: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn backfill(args: &BackfillArgs) -> Outcome {
    runtime()?.block_on(async {
        let records = args.state.open(None).await?;
        let jobs = records.control.jobs(Paging::ALL).await.map_err(broken)?.items;
        if args.list {
            let mut out = args.output.records(&["job", "rule", "state", "from", "to"]);
            for job in &jobs {
                out.push(record_of(&job_json(job)))?;
            }
            return out.finish();
        }
        let job = match &args.cancel {
            Some(name) => {
                let found = jobs.into_iter().find(|job| *job.name == **name);
                let found =
                    found.ok_or_else(|| Complaint::failed(format!("there is no job `{name}`")))?;
                Job { state: JobState::Cancelled, ..found }
            }
            None => new_job(args, &jobs)?,
        };
        records.control.put_job(&job).await.map_err(broken)?;
        let note = AuditNote {
            at: SystemClock.now(),
            actor: actor(),
            action: "backfill".into(),
            subject: job.name.to_string(),
            reason: format!("{}: {}", job.state.word(), args.reason),
        };
        records.control.note(&note).await.map_err(broken)?;
        args.output.one(record_of(&job_json(&job)))
    })
}

fn new_job(args: &BackfillArgs, jobs: &[Job]) -> Outcome<Job> {
    let (Some(rule), Some(from), Some(to)) = (&args.rule, args.from, args.to) else {
        return Err(Complaint::usage("--rule, --from and --to say what is read again"));
    };
    if to <= from {
        return Err(Complaint::usage("--to must be later than --from"));
    }
    let definitions = config::load(&args.state.config)?;
    let roster = scheduler::Roster::new(definitions);
    let mut tenants: Vec<TenantName> = roster
        .by_name
        .values()
        .filter(|one| one.rule.name == *rule)
        .map(|one| one.tenant.name.clone())
        .filter(|name| args.tenant.is_empty() || args.tenant.contains(name))
        .collect();
    tenants.sort();
    tenants.dedup();
    if tenants.is_empty() {
        return Err(Complaint::failed(format!("`{rule}` runs for none of these tenants"))
            .hint("`lycaon log status` lists what runs"));
    }
    let tell = match args.tell.as_str() {
        "each" => TellHow::Each,
        "digest" => TellHow::Digest,
        "nobody" => TellHow::Nothing,
        other => {
            let what = format!("--tell: `{other}` is not `each`, `digest` or `nobody`");
            return Err(Complaint::usage(what));
        }
    };
    let now = SystemClock.now();
    let name = args.name.clone().unwrap_or_else(|| format!("bf-{}", now.as_micros() / 1_000));
    if TenantName::new(&name).is_err() {
        return Err(Complaint::usage(format!("--name: `{name}` cannot be a name"))
            .hint("use letters, digits, `-`, `_` and `.`"));
    }
    if jobs.iter().any(|job| *job.name == *name) {
        return Err(Complaint::failed(format!("there is a job `{name}` already"))
            .hint("give another `--name`"));
    }
    Ok(Job {
        name: name.into(),
        rule: rule.clone(),
        tenants,
        from,
        to,
        tell,
        bytes_max: args.budget.map(|size| size.0),
        at: now,
        actor: actor(),
        reason: args.reason.clone(),
        state: JobState::Running,
    })
}

fn job_json(job: &Job) -> serde_json::Value {
    json!({
        "job": &*job.name,
        "rule": job.rule.as_str(),
        "state": job.state.word(),
        "from": job.from.to_string(),
        "to": job.to.to_string(),
        "tenants": job.tenants.iter().map(TenantName::as_str).collect::<Vec<_>>(),
        "budget": job.bytes_max,
        "by": job.actor.to_string(),
        "reason": job.reason,
    })
}

/// Stop running rules for a tenant
///
/// `hold`: the time is read after the pause. `skip`: it is left out, which is written on each ledger when
/// the pause ends.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log pause --config rules/ acme --mode hold --reason 'migration until Monday'"
)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Which tenant
    tenant: TenantName,
    /// `hold` or `skip`
    #[arg(long, value_name = "MODE", default_value = "hold")]
    mode: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn pause(args: &PauseArgs) -> Outcome {
    let mode = PauseMode::parse(&args.mode).ok_or_else(|| {
        Complaint::usage(format!("--mode: `{}` is not `hold` or `skip`", args.mode))
    })?;
    let definitions = config::load(&args.state.config)?;
    if !definitions.tenants.iter().any(|tenant| tenant.name == args.tenant) {
        return Err(Complaint::failed(format!("there is no tenant `{}`", args.tenant)));
    }
    runtime()?.block_on(async {
        let records = args.state.open(None).await?;
        let pause = Pause {
            tenant: args.tenant.clone(),
            mode,
            since: SystemClock.now(),
            actor: actor(),
            reason: args.reason.clone(),
        };
        records.control.pause(&pause).await.map_err(broken)?;
        note(&format!("{} is paused ({})", args.tenant, mode.word()));
        Ok(())
    })
}

/// End a tenant's pause, or let a stream that stopped go on
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log resume --config rules/ acme\n  lycaon log resume --config rules/ --stream acme/process_creation/susp-whoami --reason 'restored on purpose'"
)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Which tenant
    #[arg(required_unless_present = "stream")]
    tenant: Option<TenantName>,
    /// A stream that stopped because its source was replaced: as `lycaon log status` names it
    #[arg(long, value_name = "STREAM", conflicts_with = "tenant")]
    stream: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub(super) fn resume(args: &ResumeArgs) -> Outcome {
    runtime()?.block_on(async {
        let scheduler = scheduler(&args.state).await?;
        let wish = wish(&args.reason);
        if let Some(name) = &args.stream {
            let key = stream(&args.state, name).await?;
            scheduler.continue_stream(&key, &wish).await.map_err(not_done)?;
            note(&format!("{key} goes on with its source as it is now"));
            return Ok(());
        }
        let Some(tenant) = &args.tenant else { return Ok(()) };
        let left_out = scheduler.resume(tenant, &wish).await.map_err(not_done)?;
        match left_out {
            0 => note(&format!("{tenant} runs again")),
            gaps => note(&format!("{tenant} runs again; {gaps} streams have a waived window")),
        }
        Ok(())
    })
}

/// Leave a window out on purpose
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log waive --config rules/ --stream acme/process_creation/susp-whoami --from 2026-02-03T00:00:00Z --to 2026-02-03T06:00:00Z --reason 'table is corrupt'"
)]
pub(super) struct WaiveArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Which stream, as `lycaon log status` names it
    #[arg(long, value_name = "STREAM")]
    stream: String,
    /// From this moment, or position of a cursor
    #[arg(long, value_name = "INSTANT")]
    from: String,
    /// To before this moment, or position of a cursor
    #[arg(long, value_name = "INSTANT")]
    to: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn waive(args: &WaiveArgs) -> Outcome {
    let from = bound(Some(&args.from), "--from", Position::MIN)?;
    let to = bound(Some(&args.to), "--to", Position::MAX)?;
    let window =
        Window::new(from, to).ok_or_else(|| Complaint::usage("--to must be later than --from"))?;
    runtime()?.block_on(async {
        let key = stream(&args.state, &args.stream).await?;
        let scheduler = scheduler(&args.state).await?;
        let applied = scheduler.waive(&key, window, &wish(&args.reason)).await.map_err(not_done)?;
        let checkpoint = applied.stream.checkpoint.show(applied.stream.domain);
        note(&format!(
            "what of {} was open is waived; the checkpoint is {checkpoint}",
            window.show(applied.stream.domain)
        ));
        Ok(())
    })
}

/// Read a quarantined or waived window after all
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log reopen --config rules/ W.0123456789abcdef0123456789abcdef --reason 'table is mended'"
)]
pub(super) struct ReopenArgs {
    #[command(flatten)]
    state: StateArgs,
    /// `W.…`, as `lycaon log ledger` shows it
    slice: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub(super) fn reopen(args: &ReopenArgs) -> Outcome {
    let id = slice_id(&args.slice)?;
    runtime()?.block_on(async {
        let scheduler = scheduler(&args.state).await?;
        let applied = scheduler.reopen(id, &wish(&args.reason)).await.map_err(not_done)?;
        note(&format!("{} is read with the next tick of {}", args.slice, applied.stream.key));
        Ok(())
    })
}

async fn scheduler(state: &StateArgs) -> Outcome<Scheduler> {
    let definitions = config::load(&state.config)?;
    let records = state.open_existing().await?;
    let ports = records.ports(OpenEngines::new(&state.folder()), Arc::new(SystemClock));
    Ok(Scheduler::new(ports, settings("operator"), definitions))
}

fn wish(reason: &str) -> Wish {
    Wish { actor: actor(), reason: reason.to_owned(), at: SystemClock.now() }
}

fn not_done(error: NotDone) -> Complaint {
    Complaint::failed(base::Chain(&error).to_string())
}

/// The stream with this name: its last epoch, live, unless the name says more.
async fn stream(state: &StateArgs, name: &str) -> Outcome<StreamKey> {
    let records = state.open_existing().await?;
    let mut parts = name.splitn(3, '/');
    let tenant = parts.next().and_then(|text| TenantName::new(text).ok());
    let query = StreamQuery { tenant, paging: Paging::ALL, ..StreamQuery::default() };
    let all = records.ledger.streams(&query).await.map_err(broken)?.items;
    let exact = all.iter().find(|stream| stream.key.to_string() == name);
    let last = all
        .iter()
        .filter(|stream| stream.key.lane == Lane::Live)
        .filter(|stream| StreamKey { epoch: 0, ..stream.key.clone() }.to_string() == name)
        .max_by_key(|stream| stream.key.epoch);
    last.or(exact).map(|stream| stream.key.clone()).ok_or_else(|| {
        Complaint::failed(format!("there is no stream `{name}`"))
            .hint("`lycaon log status` lists them: tenant/dataset/rule")
    })
}
