//! Everything that an agent tells its log, in one place.

use std::time::Duration;

use base::{Chain, FlowId};
use model::results::AttemptId;

pub(crate) fn connected(server: &str, transport: &str) {
    tracing::info!(name: "connected", server, transport, "connected");
}

pub(crate) fn connection_lost(server: &str, reason: &str, wait: Duration) {
    let wait_secs = wait.as_secs_f64();
    tracing::warn!(name: "connection_lost", server, reason, wait_secs, "no connection; trying again");
}

pub(crate) fn turned_away(reason: &str) {
    tracing::error!(
        name: "turned_away", reason,
        "the server does not want this client any more; the agent stops for good"
    );
}

pub(crate) fn fell_back(failures: u32) {
    tracing::warn!(
        name: "fell_back", failures,
        "no WebSocket can be had; asking over plain HTTP for a while"
    );
}

pub(crate) fn enrolled(client: base::ClientId) {
    tracing::info!(name: "enrolled", %client, "enrolled");
}

pub(crate) fn enrolment_waits(error: &dyn std::error::Error, wait: Duration) {
    let wait_secs = wait.as_secs_f64();
    tracing::warn!(name: "enrolment_waits", error = %Chain(error), wait_secs, "cannot enrol yet");
}

pub(crate) fn odd_word(text: &str) {
    tracing::warn!(name: "odd_word", "{text}");
}

pub(crate) fn disk_failed(action: &str, error: &dyn std::error::Error) {
    tracing::error!(name: "disk_failed", action, error = %Chain(error), "the agent's disk failed");
}

pub(crate) fn flow_began(attempt: AttemptId) {
    tracing::info!(name: "flow_began", flow = %attempt.flow, attempt = attempt.attempt, "flow began");
}

pub(crate) fn flow_ended(attempt: AttemptId, class: &str, detail: &str, rows: u64) {
    let outcome = if class.is_empty() { "finished" } else { class };
    tracing::info!(
        name: "flow_ended", flow = %attempt.flow, attempt = attempt.attempt, outcome, detail, rows,
        "flow ended"
    );
}

pub(crate) fn flow_abandoned(attempt: AttemptId) {
    tracing::error!(
        name: "flow_abandoned", flow = %attempt.flow, attempt = attempt.attempt,
        "an evaluation does not react to being stopped; its thread is left to itself"
    );
}

pub(crate) fn flow_cancelled(flow: FlowId, reason: &str) {
    tracing::info!(name: "flow_cancelled", %flow, reason, "flow is being stopped");
}

pub(crate) fn monitoring_began(source: &str) {
    tracing::info!(name: "monitoring_began", source, "monitoring begins");
}

pub(crate) fn monitoring_abandoned(source: &str) {
    tracing::error!(
        name: "monitoring_abandoned", source,
        "a monitored source does not react to being stopped; its thread is left to itself"
    );
}

pub(crate) fn monitoring_lost(source: &str) {
    tracing::warn!(
        name: "monitoring_lost", source,
        "monitored rows were dropped: the spool has no room, and monitoring ends"
    );
}

pub(crate) fn check_answered(queries: usize, failed: usize) {
    tracing::info!(name: "check_answered", queries, failed, "hunt conditions checked");
}
