//! What a hunt costs the server for each client-flow, net of what it would have used anyway.

use std::time::{Duration, Instant};

use api::{ArtifactCall, HuntCondition, HuntLimits, HuntRequest};
use api_client::Client;
use serde::Serialize;

use super::idle::{self, IdleFigures};
use crate::complaint::{Complaint, Outcome};
use crate::demo::Actor;

/// Figures of one hunt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HuntFigures {
    clients: u64,
    secs: f64,
    flows_per_sec: f64,
    server_cpu_millis_per_flow: f64,
    rows: u64,
    recount_equal: bool,
}

const PATIENCE: Duration = Duration::from_secs(600);

/// Runs one hunt that all agents match by a server condition.
pub(crate) async fn measure(
    client: &Client,
    server: &mut Actor,
    number: u32,
    agents: u64,
    idle: &IdleFigures,
) -> Outcome<HuntFigures> {
    let before = idle::usage(server)?;
    let began = Instant::now();
    let hunt = client.create_hunt(&question(number)).await?;
    let mut pause = tokio::time::interval(Duration::from_millis(200));
    let ended = loop {
        pause.tick().await;
        server.check()?;
        let now = client.hunt(&hunt.id).await?;
        let counts = now.counts;
        if counts.results + counts.completed + counts.failed + counts.refused >= agents
            && counts.pending + counts.running == 0
        {
            break now;
        }
        if began.elapsed() > PATIENCE {
            return Err(Complaint::failed(format!("hunt {number} did not end: {counts:?}")));
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let cpu = idle::usage(server)?.cpu.saturating_sub(before.cpu).as_secs_f64();
    let net = (cpu - seconds * idle.server_idle_cpu_percent / 100.0).max(0.0);
    if ended.counts.results != agents {
        let counts = ended.counts;
        return Err(Complaint::failed(format!(
            "not all {agents} agents brought results: {counts:?}"
        )));
    }
    let recount = client.hunt_recount(&hunt.id).await?;
    Ok(HuntFigures {
        clients: ended.counts.results,
        secs: seconds,
        flows_per_sec: agents as f64 / seconds,
        server_cpu_millis_per_flow: 1e3 * net / agents as f64,
        rows: recount.rows_stored,
        recount_equal: recount.equal,
    })
}

fn question(number: u32) -> HuntRequest {
    HuntRequest {
        name: format!("swarm hunt {number}"),
        description: String::new(),
        artifacts: vec![ArtifactCall {
            name: "Linux.Sys.Users".into(),
            parameters: serde_json::Map::new(),
        }],
        condition: HuntCondition {
            server: Some("SELECT * FROM rows WHERE Fqdn =~ '(?i)swarm-.+'".into()),
            ..HuntCondition::default()
        },
        rate: "unlimited".into(),
        limits: HuntLimits::default(),
        canary: None,
        retry: api::RetryRules::new(),
        schedule: None,
        expires: "1d".into(),
        start: true,
    }
}
