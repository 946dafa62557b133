//! What policies of windows find of two million events, of which some come late, when some runs fail
//! and the scheduler is down for two hours.
//!
//! The policies of others are a few lines each and know no checkpoint. Ours are the real scheduler on
//! virtual time, over records in memory.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use loghunt::memory::MemoryLog;
use model::log::{Domain, Position, Window};
use scheduler::{Scheduler, Settings, TokioTime};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::load::START;
use super::probe::ports;
use super::source::{Events, SimulatedSource};
use crate::complaint::{Complaint, Outcome};

const EVERY: Duration = Duration::from_secs(300);
const BUFFER: Duration = Duration::from_secs(60);
/// How long things happen.
const DAY: Duration = Duration::from_secs(86_400);
/// When the scheduler is down, counted from the start.
const DOWN: (Duration, Duration) = (Duration::from_secs(10 * 3600), Duration::from_secs(12 * 3600));

#[derive(Serialize)]
struct Figures {
    part: &'static str,
    policy: &'static str,
    by: &'static str,
    events: usize,
    recall_percent: f64,
    read_per_ingested: f64,
}

/// Virtual time, as tokio counts it.
struct Virtual(tokio::time::Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        START.plus(self.0.elapsed())
    }
}

#[derive(clap::Args, Debug)]
pub(super) struct PolicyArgs {
    /// How many events there are
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    events: u64,
}

pub(super) fn run(args: &PolicyArgs) -> Outcome {
    let range = (START, START.plus(DAY));
    let events = Arc::new(Events::generate(args.events, range, 1));
    for policy in OTHERS {
        let (recall_percent, read_per_ingested) = others(policy, &events);
        super::super::print_line(&Figures {
            part: "policy",
            policy: policy.name,
            by: "reference",
            events: events.count(),
            recall_percent,
            read_per_ingested,
        })?;
    }
    for ours in OURS {
        let (recall_percent, read_per_ingested) = on_the_scheduler(ours, &events)?;
        super::super::print_line(&Figures {
            part: "policy",
            policy: ours.name,
            by: "scheduler",
            events: events.count(),
            recall_percent,
            read_per_ingested,
        })?;
    }
    Ok(())
}

/// A policy without checkpoints: each tick reads back from now.
struct Other {
    name: &'static str,
    look_back: Duration,
    domain: Domain,
    /// So many missed ticks are made up for.
    catch_up: u32,
}

const OTHERS: [&Other; 4] = [
    &Other {
        name: "window = interval, event time",
        look_back: EVERY,
        domain: Domain::EventTime,
        catch_up: 0,
    },
    &Other {
        name: "look-back 9 min, 4 catch-up slices, event time",
        look_back: Duration::from_secs(540),
        domain: Domain::EventTime,
        catch_up: 4,
    },
    &Other {
        name: "look-back 9 min, gaps filled, event time",
        look_back: Duration::from_secs(540),
        domain: Domain::EventTime,
        catch_up: u32::MAX,
    },
    &Other {
        name: "look-back 9 min, gaps filled, ingest time",
        look_back: Duration::from_secs(540),
        domain: Domain::IngestTime,
        catch_up: u32::MAX,
    },
];

fn others(policy: &Other, events: &Arc<Events>) -> (f64, f64) {
    let clock = Arc::new(base::FixedClock::at(START));
    let source = SimulatedSource::new(events.clone(), clock, false);
    let mut missed = Vec::new();
    let ticks = (DAY.as_secs() + 3600) / EVERY.as_secs();
    for tick in 1..=ticks {
        let since = EVERY * u32::try_from(tick).unwrap_or(u32::MAX);
        let now = START.plus(since);
        if DOWN.0 <= since && since < DOWN.1 {
            missed.push(now);
            continue;
        }
        let caught_up: Vec<Timestamp> =
            missed.drain(..).rev().take(policy.catch_up as usize).collect();
        for end in caught_up.into_iter().rev().chain([now]) {
            if source.fails() {
                // Who fills gaps runs what failed again.
                if policy.catch_up > 0 {
                    missed.push(end);
                }
                continue;
            }
            let from = Position::at(end.minus(policy.look_back));
            if let Some(window) = Window::new(from, Position::at(end)) {
                source.tally.read(events, policy.domain, window, now);
            }
        }
    }
    source.tally.figures()
}

/// A policy of ours.
struct Ours {
    name: &'static str,
    /// The clock that positions count.
    time: &'static str,
    /// Windows that grew are read again at these ages.
    audits: &'static str,
}

const OURS: [&Ours; 3] = [
    &Ours {
        name: "checkpoint, event time, buffer 60 s (the seed)",
        time: "{ event: at }",
        audits: "",
    },
    &Ours {
        name: "checkpoint, ingest time, buffer 60 s",
        time: "{ event: at, ingest: taken }",
        audits: "",
    },
    &Ours {
        name: "checkpoint, event time, grown windows run again at 10 min, 1, 6, 23 h",
        time: "{ event: at }",
        audits: "audit_ages: [10m, 1h, 6h, 23h]",
    },
];

fn on_the_scheduler(policy: &Ours, events: &Arc<Events>) -> Outcome<(f64, f64)> {
    let audits =
        if policy.audits.is_empty() { String::new() } else { format!(", {}", policy.audits) };
    let text = format!(
        "engine: nothing\nkind: none\n---\ntenant: t\ndatasets: {{ logs: {{ engine: nothing, table: logs, time: {}{audits} }} }}\n\
         ---\nrule: r\ntitle: r\nseverity: low\ndatasets: [logs]\nschedule: {{ every: {}s, log_buffer: {}s, first_from: {}s }}\n\
         kind: per_event\nquery: SELECT * FROM {{table}}\n",
        policy.time,
        EVERY.as_secs(),
        BUFFER.as_secs(),
        EVERY.as_secs() * 2,
    );
    let definitions = super::definitions(text)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.map_err(|error| Complaint::failed(format!("cannot start: {error}")))?;
    Ok(runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(Virtual(tokio::time::Instant::now()));
        let records = Arc::new(MemoryLog::new(clock.clone()));
        let counts = !policy.audits.is_empty();
        let source = SimulatedSource::new(events.clone(), clock.clone(), counts);
        let until = async |moment: Duration| {
            let scheduler = Scheduler::new(
                ports(
                    records.clone(),
                    Arc::new(source.clone()),
                    Arc::new(TokioTime::new(clock.clone())),
                ),
                Settings::default(),
                definitions.clone(),
            );
            let left = START.plus(moment).since(clock.now());
            // Its future is dropped when the time is over: it was killed.
            let _ = tokio::time::timeout(left, scheduler.run(CancellationToken::new())).await;
        };
        until(DOWN.0).await;
        tokio::time::sleep(DOWN.1 - DOWN.0).await;
        // Long enough for the last look at the last window.
        until(DAY * 2 + Duration::from_secs(3600)).await;
        source.tally.figures()
    }))
}
