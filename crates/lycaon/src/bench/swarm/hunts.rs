//! What a hunt costs the server for each client-flow, net of what it would have used anyway.

use std::time::{Duration, Instant};

use api::{ArtifactCall, ClientFilter, HuntCondition, HuntRequest, QueueCounts};
use serde::Serialize;

use super::stage::Stage;
use crate::complaint::{Complaint, Outcome};

/// Figures of one hunt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HuntFigures {
    clients: u64,
    secs: f64,
    /// How long until the last client was told, by the servers' own account.
    told_secs_100: f64,
    /// How long the query of the clients took to be evaluated on half of them, on 99 in 100, on all:
    /// from the moment at which the hunt was asked for, by the agents' own account.
    notified_secs_50: f64,
    notified_secs_99: f64,
    notified_secs_100: f64,
    /// How long until so many clients were through.
    secs_50: f64,
    secs_90: f64,
    secs_99: f64,
    flows_per_sec: f64,
    rows_per_sec: f64,
    server_cpu_millis_per_flow: f64,
    /// Of PostgreSQL, where there are several nodes; not net of what it uses when idle.
    database_cpu_millis_per_flow: f64,
    server_written_bytes_per_flow: u64,
    store_commits: u64,
    store_steps: u64,
    results: u64,
    completed: u64,
    failed: u64,
    refused: u64,
    rows: u64,
    recount_equal: bool,
}

const PATIENCE: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn through(counts: &QueueCounts) -> u64 {
    counts.results + counts.completed + counts.failed + counts.refused
}

/// Runs one hunt that all agents match by a server condition, with `cpu_percent` used while idle.
pub(crate) async fn measure(
    stage: &mut Stage,
    number: u32,
    agents: u64,
    idle_percent: f64,
) -> Outcome<HuntFigures> {
    stage.forget_asked()?;
    let before = (stage.servers.usage()?, stage.servers.commits()?);
    let database_before = stage.servers.database_usage();
    let (began, began_at) = (Instant::now(), stage.now_micros());
    let hunt = stage.client.create_hunt(&question(number)).await?;
    let mut pause = tokio::time::interval(LOOK_EVERY);
    let mut marks = [(0.5, 0.0), (0.9, 0.0), (0.99, 0.0)];
    let ended = loop {
        pause.tick().await;
        stage.servers.check()?;
        let now = stage.client.hunt(&hunt.id).await?;
        let done = through(&now.counts);
        for (share, secs) in &mut marks {
            if *secs == 0.0 && done as f64 >= *share * agents as f64 {
                *secs = began.elapsed().as_secs_f64();
            }
        }
        if done >= agents && now.counts.pending + now.counts.running == 0 {
            break now;
        }
        if began.elapsed() > PATIENCE {
            let counts = now.counts;
            return Err(Complaint::failed(format!("hunt {number} did not end: {counts:?}")));
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let after = (stage.servers.usage()?, stage.servers.commits()?);
    let database = stage.servers.database_usage();
    let database_cpu = database.cpu.saturating_sub(database_before.cpu).as_secs_f64();
    let cpu = after.0.cpu.saturating_sub(before.0.cpu).as_secs_f64();
    let net = (cpu - seconds * idle_percent / 100.0).max(0.0);
    let flows = (ended.counts.results + ended.counts.completed + ended.counts.failed).max(1);
    let told = stage.notice_secs().await?;
    let recount = stage.client.hunt_recount(&hunt.id).await?;
    let [notified_50, notified_99, notified_100] = seconds_until(stage.asked()?, began_at);
    Ok(HuntFigures {
        clients: agents,
        secs: seconds,
        told_secs_100: told,
        notified_secs_50: notified_50,
        notified_secs_99: notified_99,
        notified_secs_100: notified_100,
        secs_50: marks[0].1,
        secs_90: marks[1].1,
        secs_99: marks[2].1,
        flows_per_sec: flows as f64 / seconds,
        rows_per_sec: recount.rows_stored as f64 / seconds,
        server_cpu_millis_per_flow: 1e3 * net / flows as f64,
        database_cpu_millis_per_flow: 1e3 * database_cpu / flows as f64,
        server_written_bytes_per_flow: after.0.written.saturating_sub(before.0.written) / flows,
        store_commits: after.1.0 - before.1.0,
        store_steps: after.1.1 - before.1.1,
        results: ended.counts.results,
        completed: ended.counts.completed,
        failed: ended.counts.failed,
        refused: ended.counts.refused,
        rows: recount.rows_stored,
        recount_equal: recount.equal,
    })
}

/// Seconds from `began` until half, 99 in 100 and all of these moments, in microseconds.
fn seconds_until(mut moments: Vec<i64>, began: i64) -> [f64; 3] {
    moments.sort_unstable();
    [0.5, 0.99, 1.0].map(|share| {
        let count = (moments.len() as f64 * share).ceil() as usize;
        let moment = moments.get(count.max(1) - 1);
        moment.map_or(0.0, |moment| (moment - began) as f64 / 1e6)
    })
}

fn question(number: u32) -> HuntRequest {
    HuntRequest {
        condition: HuntCondition {
            server: Some("SELECT * FROM rows WHERE Fqdn =~ '(?i)swarm-.+'".into()),
            ..HuntCondition::default()
        },
        ..bare(format!("swarm hunt {number}"))
    }
}

/// Starts hunts that stay active and want no agent of the swarm; returns when all are through with them.
pub(crate) async fn start_idle(
    stage: &mut Stage,
    numbers: std::ops::Range<u32>,
    agents: u64,
) -> Outcome {
    let mut last = None;
    for number in numbers {
        let exclude = ClientFilter { labels: vec!["swarm".into()], ..ClientFilter::default() };
        let condition = HuntCondition { exclude, ..HuntCondition::default() };
        let asked = HuntRequest { condition, ..bare(format!("idle hunt {number}")) };
        last = Some(stage.client.create_hunt(&asked).await?.id);
    }
    let began = Instant::now();
    while let Some(last) = &last {
        stage.servers.check()?;
        let counts = stage.client.hunt(last).await?.counts;
        if counts.refused >= agents {
            break;
        }
        if began.elapsed() > PATIENCE {
            return Err(Complaint::failed(format!("idle hunts were not decided: {counts:?}")));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

fn bare(name: String) -> HuntRequest {
    let users = ArtifactCall { name: "Linux.Sys.Users".into(), parameters: serde_json::Map::new() };
    HuntRequest { expires: "1d".into(), start: true, ..HuntRequest::of(name, vec![users]) }
}
