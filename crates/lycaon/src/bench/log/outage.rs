//! A day on which no scheduler ran, at 40 tenants with 40 rules each: how long it takes to catch up,
//! and how late the live windows are meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::StoreArgs;
use super::load::{BUFFER, Bench, START, Wanted};
use crate::complaint::{Complaint, Outcome};

const OUTAGE: Duration = Duration::from_secs(86_400);
const EVERY: Duration = Duration::from_secs(600);
/// How long an engine takes for a window, whatever its width.
const TAKES: Duration = Duration::from_millis(20);

#[derive(Serialize)]
struct Figures {
    part: &'static str,
    store: &'static str,
    streams: usize,
    outage_hours: u64,
    /// Windows that were read to catch up.
    windows: u64,
    catch_up_seconds: f64,
    /// From a tick that comes while the day is caught up on, to its last commit.
    live_lag_seconds: f64,
}

pub(super) fn run(args: &StoreArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Complaint::failed(format!("cannot start: {error}")))?;
    let folder = super::folder()?;
    super::super::print_line(
        &runtime.block_on(measure(args, &folder.path().join("outage.sqlite")))?,
    )
}

async fn measure(store: &StoreArgs, file: &Path) -> Outcome<Figures> {
    let part = store.part(40);
    let definitions = super::fleet("outage", part, part, "10m");
    let bench = Bench::start(Wanted { store, file, definitions, takes: TAKES, slow: None }).await?;
    let back = START.plus(OUTAGE);
    let begun = Instant::now();
    bench.time.jump_to(back);
    // Half a second later the next tick is due, in the middle of it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let live = Instant::now();
    let next = back.plus(EVERY);
    bench.time.jump_to(next);
    bench.until_checkpoint(back.minus(BUFFER)).await?;
    let catch_up = begun.elapsed();
    bench.until_checkpoint(next.minus(BUFFER)).await?;
    let live_lag = live.elapsed();
    let windows = bench.seen.take().values().map(|times| times.len() as u64).sum();
    let streams = bench.streams;
    bench.end().await;
    Ok(Figures {
        part: "outage",
        store: store.store(),
        streams,
        outage_hours: OUTAGE.as_secs() / 3600,
        windows,
        catch_up_seconds: catch_up.as_secs_f64(),
        live_lag_seconds: live_lag.as_secs_f64(),
    })
}
