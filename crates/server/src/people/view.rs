//! Records as answers of the API. Pure.

use api::{
    ArtifactCall, ClientFilter, ClientView, FlowLimits, FlowView, HuntCondition, HuntLimits,
    HuntRequest, HuntSpent, HuntView, LogView, MemberView, QueueCounts, SourceView, TokenView,
    UploadView,
};
use base::{ByteSize, Timestamp, format_duration};
use fleet::ports::TokenRecord;
use hunts::bounds;
use hunts::ports::HuntSummary;
use model::client::Client;
use model::flow::{Flow, FlowOrigin, FlowState, FlowYield};
use model::hunt::{Condition, DEFAULT_CLIENT_QUERY, Filter, HuntEvent, HuntSpec, HuntState};
use model::lineage::Lineage;
use model::member::Member;
use model::results::{LogLine, SourceSummary, Upload};
use serde_json::Value;

use super::ask_bounds;

fn moment(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A client.
pub(crate) fn client(client: &Client, online: bool) -> ClientView {
    ClientView {
        id: client.id.to_string(),
        hostname: client.facts.hostname.clone(),
        fqdn: client.facts.fqdn.clone(),
        os: client.facts.os.clone(),
        platform: client.facts.platform.clone(),
        architecture: client.facts.architecture.clone(),
        agent_version: client.facts.agent_version.clone(),
        labels: client.labels.iter().cloned().collect(),
        online,
        address: client.address.map(|address| address.to_string()),
        first_seen: client.first_seen.to_string(),
        last_seen: client.last_seen.to_string(),
        revoked_at: moment(client.revoked_at),
    }
}

/// A token; `secret` only in the answer to its making.
pub(crate) fn token(record: &TokenRecord, secret: Option<String>) -> TokenView {
    let token = &record.token;
    TokenView {
        id: token.id.clone(),
        token: secret,
        labels: token.labels.iter().cloned().collect(),
        expires: token.expires.to_string(),
        uses_max: token.uses_max,
        uses: token.uses,
        revoked: token.revoked,
    }
}

/// Artifact calls.
pub(crate) fn calls(calls: &[model::flow::ArtifactCall]) -> Vec<ArtifactCall> {
    let call = |call: &model::flow::ArtifactCall| ArtifactCall {
        name: call.name.clone(),
        parameters: call
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), Value::String(value.clone())))
            .collect(),
    };
    calls.iter().map(call).collect()
}

/// What one client's flow may use.
pub(crate) fn flow_limits(limits: &model::flow::FlowLimits) -> FlowLimits {
    let cpu = match limits.cpu_percent {
        0 => "0".to_owned(),
        percent => format!("{percent}%"),
    };
    FlowLimits {
        rows: limits.rows_max,
        upload_bytes: ByteSize(limits.upload_bytes_max).to_string(),
        cpu,
        timeout: format_duration(limits.timeout),
        progress_timeout: format_duration(limits.progress_timeout),
    }
}

/// What a flow has brought so far, or in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brought {
    pub(crate) rows: u64,
    pub(crate) uploads: u64,
    pub(crate) upload_bytes: u64,
}

/// A flow on a client of this name.
pub(crate) fn flow(flow: &Flow, hostname: &str, so_far: Brought) -> FlowView {
    let (brought, cpu_millis) = match &flow.life.state {
        FlowState::Done(end) => {
            let FlowYield { rows, uploads, upload_bytes, cpu_millis } = *end;
            (Brought { rows, uploads, upload_bytes }, cpu_millis)
        }
        FlowState::Queued
        | FlowState::Running
        | FlowState::Failed(_)
        | FlowState::Cancelled
        | FlowState::Expired => (so_far, 0),
    };
    let reason = match &flow.life.state {
        FlowState::Failed(failure) if failure.detail().is_empty() => failure.class().to_owned(),
        FlowState::Failed(failure) => format!("{}: {}", failure.class(), failure.detail()),
        FlowState::Queued
        | FlowState::Running
        | FlowState::Done(_)
        | FlowState::Cancelled
        | FlowState::Expired => String::new(),
    };
    FlowView {
        id: flow.id.to_string(),
        client: flow.client.to_string(),
        hostname: hostname.to_owned(),
        hunt: match flow.origin {
            FlowOrigin::Direct => None,
            FlowOrigin::Hunt { hunt, .. } => Some(hunt.to_string()),
        },
        actor: flow.actor.to_string(),
        artifacts: calls(&flow.artifacts),
        state: flow.life.state.name().to_owned(),
        reason,
        attempt: flow.life.attempt,
        rows: brought.rows,
        uploads: brought.uploads,
        upload_bytes: brought.upload_bytes,
        cpu_millis,
        created: flow.created.to_string(),
        started: moment(flow.started),
        ended: moment(flow.ended),
    }
}

/// What a source has brought.
pub(crate) fn source(summary: &SourceSummary) -> SourceView {
    SourceView {
        source: summary.source.clone(),
        rows: summary.rows,
        columns: summary.columns.clone(),
    }
}

/// A line of a log.
pub(crate) fn log_line(line: &LogLine) -> LogView {
    LogView { time: line.time.to_string(), level: line.level.clone(), text: line.text.clone() }
}

/// A file.
pub(crate) fn upload(upload: &Upload) -> UploadView {
    UploadView {
        id: upload.id.to_string(),
        path: upload.path.clone(),
        accessor: upload.accessor.clone(),
        size: upload.size,
        sha256: upload.sha256.map(hex::encode),
        stored: moment(upload.stored),
    }
}

/// Counts, with those who were asked and have not answered.
pub(crate) fn counts(counts: &model::hunt::QueueCounts, asked: u64) -> QueueCounts {
    QueueCounts {
        asked,
        refused: counts.refused,
        pending: counts.pending,
        running: counts.running,
        completed: counts.completed,
        results: counts.results,
        failed: counts.failed,
        cancelled: counts.cancelled,
        expired: counts.expired,
    }
}

fn filter(filter: &Filter) -> ClientFilter {
    ClientFilter {
        labels: filter.labels.iter().cloned().collect(),
        os: filter.os.clone(),
        clients: filter.clients.iter().map(ToString::to_string).collect(),
        ..ClientFilter::default()
    }
}

fn condition(condition: &Condition) -> HuntCondition {
    let unless = |text: &str, usual: &str| (text != usual).then(|| text.to_owned());
    HuntCondition {
        client: unless(&condition.client, DEFAULT_CLIENT_QUERY),
        server: unless(&condition.server, ""),
        include: filter(&condition.include),
        exclude: filter(&condition.exclude),
    }
}

/// What a hunt asks for, as somebody would write it.
pub(crate) fn hunt_request(spec: &HuntSpec) -> HuntRequest {
    HuntRequest {
        name: spec.name.clone(),
        description: spec.description.clone(),
        artifacts: calls(&spec.artifacts),
        condition: condition(&spec.condition),
        rate: spec.rate.to_string(),
        limits: HuntLimits {
            clients: spec.limits.clients_max,
            running: spec.limits.running_max,
            per_client: flow_limits(&spec.limits.per_client),
            total: ask_bounds::show_budgets(&spec.limits.total),
            stop_when: spec.limits.stop_when.as_ref().map(ask_bounds::show_stop_when),
        },
        expires: format_duration(spec.expires_after),
        canary: spec.canary.as_ref().map(ask_bounds::show_canary),
        retry: ask_bounds::show_retry(&spec.retry),
        schedule: spec.schedule.as_ref().map(ask_bounds::show_schedule),
        tags: spec.tags.iter().cloned().collect(),
        start: false,
    }
}

/// The numbers of a hunt that its record does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HuntNumbers {
    pub(crate) asked: u64,
    pub(crate) rows: u64,
    pub(crate) uploads: u64,
}

fn spent(spent: &model::bounds::Spent) -> HuntSpent {
    HuntSpent {
        rows: spent.rows,
        uploads: spent.uploads,
        upload_bytes: spent.upload_bytes,
        cpu_seconds: spent.cpu_millis / 1_000,
    }
}

fn stage(summary: &HuntSummary) -> Option<String> {
    let active = summary.hunt.state.recruits() || summary.hunt.state.admits();
    let word = bounds::stage(summary).name();
    (active && !word.is_empty()).then(|| word.to_owned())
}

/// A hunt.
pub(crate) fn hunt(summary: &HuntSummary, numbers: HuntNumbers) -> HuntView {
    let hunt = &summary.hunt;
    let has_gate = hunt.canary().is_some();
    let possible = |event: &HuntEvent| {
        hunt.state.on(*event).is_some() && (has_gate || *event != HuntEvent::Widen)
    };
    HuntView {
        id: hunt.id.to_string(),
        spec: hunt_request(&hunt.spec),
        state: hunt.state.name().to_owned(),
        revision: hunt.revision,
        round: hunt.round,
        counts: counts(&summary.counts, numbers.asked),
        rows: numbers.rows,
        uploads: numbers.uploads,
        spent: spent(&summary.progress.spent),
        stage: stage(summary),
        paused: moment(hunt.paused.as_ref().map(|(at, _, _)| *at)),
        paused_reason: hunt.paused.as_ref().map(|(_, reason, _)| reason.name().to_owned()),
        paused_by: hunt.paused.as_ref().map(|(_, _, by)| by.to_string()),
        round_started: moment(hunt.round_started),
        next_round: moment(bounds::next_round(hunt).filter(|_| hunt.state == HuntState::Running)),
        creator: hunt.creator.to_string(),
        created: hunt.created.to_string(),
        started: moment(hunt.started),
        expires: moment(hunt.expires()),
        ended: moment(hunt.ended.as_ref().map(|(at, _, _)| *at)),
        ended_reason: hunt.ended.as_ref().map(|(_, reason, _)| reason.name().to_owned()),
        ended_by: hunt.ended.as_ref().map(|(_, _, by)| by.to_string()),
        closed: moment(hunt.closed),
        copied_from: hunt.copied_from.map(|from| match from {
            Lineage::Hunt { hunt, .. } => hunt.to_string(),
            Lineage::Flow(flow) => flow.to_string(),
        }),
        copied_revision: hunt.copied_from.and_then(|from| match from {
            Lineage::Hunt { revision, .. } => Some(revision),
            Lineage::Flow(_) => None,
        }),
        verbs: super::hunts::VERBS
            .iter()
            .filter(|(_, event)| possible(event))
            .map(|(verb, _)| (*verb).to_owned())
            .collect(),
    }
}

/// A member on a client of this name.
pub(crate) fn member(member: &Member, hostname: &str) -> MemberView {
    MemberView {
        client: member.client.to_string(),
        hostname: hostname.to_owned(),
        state: member.state.queue().name().to_owned(),
        reason: member.reason(),
        revision: member.revision,
        attempt: member.attempt,
        flow: member.flow.map(|flow| flow.to_string()),
        decided: member.decided.to_string(),
        admitted: moment(member.admitted),
        updated: member.updated.to_string(),
    }
}
