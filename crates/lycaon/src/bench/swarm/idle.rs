//! What a server costs while its agents are connected and nothing happens.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::servers::Servers;
use crate::complaint::Outcome;
use crate::os::Usage;

/// Figures of an idle server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IdleFigures {
    /// Hunts that run meanwhile; all agents are through with them.
    pub(crate) active_hunts: u32,
    pub(crate) idle_secs: f64,
    /// Agents by the time between two polls of each.
    pub(crate) polls_per_sec: f64,
    pub(crate) server_memory_bytes: u64,
    /// Of one processor.
    pub(crate) server_cpu_percent: f64,
    pub(crate) server_cpu_micros_per_poll: f64,
}

/// After connecting, so much passes before anything is measured: sessions settle, buffers are given back.
const SETTLE: Duration = Duration::from_secs(5);

/// What the server uses when nothing has happened for a while.
pub(crate) async fn settled(servers: &Servers) -> Outcome<Usage> {
    tokio::time::sleep(SETTLE).await;
    servers.usage()
}

/// What is measured, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Idling {
    pub(crate) secs: u64,
    pub(crate) agents: u64,
    pub(crate) poll_secs: u32,
    pub(crate) active_hunts: u32,
}

/// Measures.
pub(crate) async fn measure(servers: &Servers, idling: Idling) -> Outcome<IdleFigures> {
    let (before, began) = (settled(servers).await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(idling.secs)).await;
    let after = servers.usage()?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let polls_per_sec = idling.agents as f64 / f64::from(idling.poll_secs);
    Ok(IdleFigures {
        active_hunts: idling.active_hunts,
        idle_secs: seconds,
        polls_per_sec,
        server_memory_bytes: after.resident,
        server_cpu_percent: 100.0 * cpu / seconds,
        server_cpu_micros_per_poll: 1e6 * cpu / (polls_per_sec * seconds),
    })
}
