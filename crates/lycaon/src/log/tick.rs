//! `lycaon log tick`: plays one moment, so that anybody can see what a schedule does.

use std::sync::Arc;
use std::time::Duration;

use base::{FixedClock, Timestamp};
use scheduler::{Ran, Scheduler, Settings};
use serde_json::{Value, json};

use super::config;
use super::engines::OpenEngines;
use super::state::StateArgs;
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::output::{OutputArgs, Record, record_of};

/// Run what is due at one moment, and say what became of each window
///
/// The moment is the scheduler's and the source's clock. Start delay, jitter and limits of clock skew do
/// not count, and nothing else runs in between.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log tick --config rules/ --at 2026-01-01T12:00:00Z\n  lycaon log tick --config rules/ --at 2026-01-01T12:10:00Z --fail lake"
)]
pub(super) struct TickArgs {
    #[command(flatten)]
    state: StateArgs,
    /// The moment
    #[arg(long, value_name = "INSTANT")]
    at: String,
    /// Let this engine refuse its queries; may be given several times
    #[arg(long, value_name = "ENGINE")]
    fail: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &TickArgs) -> Outcome {
    let at: Timestamp = args.at.parse().map_err(|bad| Complaint::usage(format!("--at: {bad}")))?;
    let definitions = config::load(&args.state.config)?;
    for name in &args.fail {
        if !definitions.engines.iter().any(|engine| engine.name.as_str() == name) {
            return Err(Complaint::usage(format!("--fail: there is no engine `{name}`")));
        }
    }
    let ran = runtime()?.block_on(async {
        let clock = Arc::new(FixedClock::at(at));
        let records = args.state.open(Some(clock.clone())).await?;
        let engines =
            OpenEngines::new(&args.state.folder()).for_replay(args.fail.clone(), clock.clone());
        let ports = records.ports(engines, clock);
        let scheduler = Scheduler::new(ports, settings("tick"), definitions);
        for problem in &scheduler.roster().problems {
            note(problem);
        }
        Ok::<_, Complaint>(scheduler.tick_at(at).await)
    })?;
    let mut records =
        args.output.records(&["stream", "window", "outcome", "checkpoint", "rows", "findings_new"]);
    for one in &ran {
        records.push(record(one))?;
    }
    records.finish()?;
    if ran.is_empty() {
        note("nothing is due at this moment");
    }
    Ok(())
}

fn record(ran: &Ran) -> Record {
    let (rows, findings_new) = match &ran.outcome {
        scheduler::Outcome::Committed { rows, findings_new } => (json!(rows), json!(findings_new)),
        _ => (Value::Null, Value::Null),
    };
    let window = ran.slice.as_ref().map(|slice| slice.window.show(ran.domain));
    record_of(&json!({
        "stream": ran.key.to_string(),
        "window": window,
        "outcome": ran.outcome.word(),
        "checkpoint": ran.checkpoint.map(|checkpoint| checkpoint.show(ran.domain)),
        "rows": rows,
        "findings_new": findings_new,
        "slice": ran.slice.as_ref().map(|slice| slice.id.to_string()),
        "detail": ran.outcome.detail(),
    }))
}

pub(super) fn settings(what: &str) -> Settings {
    let mut bits = [0; 4];
    // Two schedulers on one machine must not take each other's leases for their own.
    let unique = getrandom::fill(&mut bits).map_or(0, |()| u32::from_le_bytes(bits));
    let owner = format!("{what}-{}-{unique:08x}", std::process::id());
    Settings { owner: owner.into(), ..Settings::default() }
}

/// What so many days mean: 0 is for ever.
pub(super) fn kept_for(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400))
}

pub(super) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))
}
