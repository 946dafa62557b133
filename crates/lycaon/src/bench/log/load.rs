//! What the scheduler itself costs: all streams are due at the same instant, their engine answers
//! nothing, and every run is committed to the ledger.
//!
//! The clock jumps to the next tick as soon as the last one is done. Runs per minute are those of the
//! time on the clock in which anything was done; the share of a core is processor time per tick over
//! the schedule's interval.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::Timestamp;
use loghunt::ports::StreamQuery;
use model::log::TenantName;
use model::store::Paging;
use scheduler::{Scheduler, Settings};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::probe::{Probes, Seen, ports};
use super::stepped::Stepped;
use super::{Records, StoreArgs};
use crate::complaint::{Complaint, Outcome};
use crate::os;

#[derive(clap::Args, Debug)]
pub(super) struct LoadArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// How many ticks each load has
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    ticks: u32,
    /// Only loads whose name contains this
    #[arg(long, value_name = "NAME")]
    load: Option<String>,
}

/// A schedule and who is on it.
struct Load {
    name: &'static str,
    tenants: u32,
    rules: u32,
    every: Duration,
    takes: Duration,
    /// The first tenant's engine takes so much longer.
    slow: u32,
}

const LOADS: [Load; 5] = [
    Load {
        name: "40x40",
        tenants: 40,
        rules: 40,
        every: Duration::from_secs(600),
        takes: Duration::ZERO,
        slow: 1,
    },
    Load {
        name: "1000x100",
        tenants: 100,
        rules: 1_000,
        every: Duration::from_secs(300),
        takes: Duration::ZERO,
        slow: 1,
    },
    Load {
        name: "3141x40",
        tenants: 40,
        rules: 3_141,
        every: Duration::from_secs(300),
        takes: Duration::ZERO,
        slow: 1,
    },
    Load {
        name: "40x40, engines take 20 ms",
        tenants: 40,
        rules: 40,
        every: Duration::from_secs(600),
        takes: Duration::from_millis(20),
        slow: 1,
    },
    Load {
        name: "40x40, engines take 20 ms, one tenant's 2 s",
        tenants: 40,
        rules: 40,
        every: Duration::from_secs(600),
        takes: Duration::from_millis(20),
        slow: 100,
    },
];

#[derive(Serialize)]
struct Figures {
    part: &'static str,
    load: &'static str,
    store: &'static str,
    streams: usize,
    ticks: u32,
    runs: u64,
    runs_per_minute: f64,
    /// From the tick to the query; of all tenants but the slow one.
    start_lag_p50_millis: f64,
    start_lag_p99_millis: f64,
    /// From the tick to the last commit, the mean of all ticks.
    tick_done_millis: f64,
    cpu_millis_per_run: f64,
    /// Of one core, on the schedule's own interval.
    cpu_percent_of_a_core: f64,
}

pub(super) fn run(args: &LoadArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Complaint::failed(format!("cannot start: {error}")))?;
    let folder = super::folder()?;
    for (number, load) in LOADS.iter().enumerate() {
        if args.load.as_ref().is_some_and(|wanted| !load.name.contains(wanted.as_str())) {
            continue;
        }
        let file = folder.path().join(format!("load-{number}.sqlite"));
        super::super::print_line(&runtime.block_on(measure(args, load, number, &file))?)?;
    }
    Ok(())
}

/// A scheduler that runs, and the clock that it goes by.
pub(super) struct Bench {
    pub(super) records: Arc<dyn Records>,
    pub(super) seen: Arc<Seen>,
    pub(super) time: Arc<Stepped>,
    pub(super) streams: usize,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// Who is on it, and where the records are.
pub(super) struct Wanted<'a> {
    pub(super) store: &'a StoreArgs,
    pub(super) file: &'a Path,
    pub(super) definitions: String,
    pub(super) takes: Duration,
    pub(super) slow: Option<(TenantName, u32)>,
}

pub(super) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

impl Bench {
    pub(super) async fn start(wanted: Wanted<'_>) -> Outcome<Self> {
        let Wanted { store, file, definitions, takes, slow } = wanted;
        let time = Stepped::at(START.plus(Duration::from_secs(1)));
        let records = store.records(file, time.clone()).await?;
        let seen = Arc::<Seen>::default();
        let probes = Probes { seen: seen.clone(), clock: time.clone(), takes, slow };
        let ports = ports(records.clone(), Arc::new(probes), time.clone());
        let settings = Settings { lease: Duration::from_secs(600), ..Settings::default() };
        let scheduler = Scheduler::new(ports, settings, super::definitions(definitions)?);
        let streams = scheduler.roster().by_name.len();
        let stop = CancellationToken::new();
        let until = stop.clone();
        let task = tokio::spawn(async move { scheduler.run(until).await });
        let bench = Self { records, seen, time, streams, stop, task };
        // The first tick opens the streams: it is not measured.
        bench.until_checkpoint(START.minus(BUFFER)).await?;
        bench.seen.take();
        Ok(bench)
    }

    /// Waits until every stream is settled up to this moment.
    pub(super) async fn until_checkpoint(&self, moment: Timestamp) -> Outcome {
        loop {
            let begun = Instant::now();
            if self.is_settled(moment).await? {
                return Ok(());
            }
            // Looking must not become the load.
            tokio::time::sleep(Duration::from_millis(10) + begun.elapsed() * 3).await;
        }
    }

    async fn is_settled(&self, moment: Timestamp) -> Outcome<bool> {
        let query = StreamQuery { paging: Paging::ALL, ..StreamQuery::default() };
        let streams = self.records.streams(&query).await;
        let streams =
            streams.map_err(|error| Complaint::failed(base::Chain(&error).to_string()))?.items;
        let settled = streams.iter().filter(|stream| stream.checkpoint.moment() >= moment);
        Ok(settled.count() >= self.streams)
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        // A task that panicked has said so.
        let _ = self.task.await;
    }
}

pub(super) const BUFFER: Duration = Duration::from_secs(60);

async fn measure(args: &LoadArgs, load: &Load, number: usize, file: &Path) -> Outcome<Figures> {
    let part = |whole: u32| args.store.part(whole);
    let every = format!("{}s", load.every.as_secs());
    let run = format!("load{number}");
    let definitions = super::fleet(&run, part(load.tenants), part(load.rules), &every);
    let slow = TenantName::new(&format!("{run}-t0")).expect("it is a name");
    let wanted = Wanted {
        store: &args.store,
        file,
        definitions,
        takes: load.takes,
        slow: (load.slow > 1).then(|| (slow.clone(), load.slow)),
    };
    let bench = Bench::start(wanted).await?;
    let mut lags: Vec<Duration> = Vec::new();
    let (mut busy, mut cpu, mut runs) = (Duration::ZERO, Duration::ZERO, 0);
    for tick in 1..=args.ticks {
        let at = START.plus(load.every * tick);
        let (before, begun) = (used(), Instant::now());
        bench.time.jump_to(at);
        // Asking how far the streams are costs, too: only when all queries have begun.
        while bench.seen.count() < bench.streams {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.until_checkpoint(at.minus(BUFFER)).await?;
        busy += begun.elapsed();
        cpu += used().saturating_sub(before);
        for (tenant, times) in bench.seen.take() {
            runs += times.len() as u64;
            if load.slow == 1 || tenant != slow {
                lags.extend(times.iter().map(|time| time.saturating_duration_since(begun)));
            }
        }
    }
    let streams = bench.streams;
    bench.end().await;
    lags.sort_unstable();
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let rank = |share: f64| lags[((lags.len() - 1) as f64 * share) as usize];
    Ok(Figures {
        part: "scheduler",
        load: load.name,
        store: args.store.store(),
        streams,
        ticks: args.ticks,
        runs,
        runs_per_minute: runs as f64 / busy.as_secs_f64() * 60.0,
        start_lag_p50_millis: millis(rank(0.5)),
        start_lag_p99_millis: millis(rank(0.99)),
        tick_done_millis: millis(busy) / f64::from(args.ticks),
        cpu_millis_per_run: millis(cpu) / runs as f64,
        cpu_percent_of_a_core: 100.0 * cpu.as_secs_f64()
            / (load.every.as_secs_f64() * f64::from(args.ticks)),
    })
}

/// Processor time of this process so far.
fn used() -> Duration {
    os::usage(std::process::id()).map_or(Duration::ZERO, |usage| usage.cpu)
}
