//! What a server costs while its agents are connected and nothing happens.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::complaint::{Complaint, Outcome};
use crate::demo::Actor;
use crate::os::{self, Usage};

/// Figures of an idle server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IdleFigures {
    pub(crate) idle_secs: f64,
    /// Agents by the time between two polls of each.
    pub(crate) polls_per_sec: f64,
    pub(crate) server_memory_idle_bytes: u64,
    /// What the second half of the agents added, for each of them.
    pub(crate) server_memory_per_idle_agent_bytes: u64,
    /// Of one processor.
    pub(crate) server_idle_cpu_percent: f64,
    pub(crate) server_idle_cpu_micros_per_poll: f64,
}

/// After connecting, so much passes before anything is measured: sessions settle, buffers are given back.
const SETTLE: Duration = Duration::from_secs(5);

/// What the server has used so far.
pub(crate) fn usage(server: &Actor) -> Outcome<Usage> {
    os::usage(server.pid()).ok_or_else(|| Complaint::failed("the server has ended"))
}

/// Memory with half of the agents: what the other half adds is what agents cost. What an empty server has is no
/// measure, because signing in needs much memory for a moment.
pub(crate) struct Memory {
    pub(crate) half: u64,
    pub(crate) with_half: u64,
}

/// What the server uses when nothing has happened for a while.
pub(crate) async fn settled(server: &Actor) -> Outcome<Usage> {
    tokio::time::sleep(SETTLE).await;
    usage(server)
}

/// Measures for `secs` seconds.
pub(crate) async fn measure(
    server: &Actor,
    memory: &Memory,
    secs: u64,
    agents: u64,
    poll_secs: u32,
) -> Outcome<IdleFigures> {
    let (before, began) = (settled(server).await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(secs)).await;
    let after = usage(server)?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let polls_per_sec = agents as f64 / f64::from(poll_secs);
    Ok(IdleFigures {
        idle_secs: seconds,
        polls_per_sec,
        server_memory_idle_bytes: after.resident,
        server_memory_per_idle_agent_bytes: after.resident.saturating_sub(memory.with_half)
            / agents.saturating_sub(memory.half).max(1),
        server_idle_cpu_percent: 100.0 * cpu / seconds,
        server_idle_cpu_micros_per_poll: 1e6 * cpu / (polls_per_sec * seconds),
    })
}
