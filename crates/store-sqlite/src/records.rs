//! What is kept as JSON: a hunt's spec and what a flow collects. Private to this crate.
//!
//! Fields are added with a default, never changed: old files must stay readable.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{ClientId, Rate};
use model::flow::{ArtifactCall, FlowLimits};
use model::hunt::{Condition, Filter, HuntLimits, HuntSpec};
use model::monitoring::{MonitoringEntry, MonitoringLimits};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct CallRecord {
    name: String,
    parameters: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct LimitsRecord {
    rows_max: u64,
    upload_bytes_max: u64,
    cpu_percent: u32,
    timeout_micros: u64,
    progress_timeout_micros: u64,
}

/// What a flow collects and within which limits.
#[derive(Serialize, Deserialize)]
struct AskRecord {
    artifacts: Vec<CallRecord>,
    limits: LimitsRecord,
}

#[derive(Serialize, Deserialize)]
struct FilterRecord {
    labels: BTreeSet<String>,
    os: Option<String>,
    clients: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SpecRecord {
    name: String,
    description: String,
    artifacts: Vec<CallRecord>,
    client_query: String,
    server_query: String,
    include: FilterRecord,
    exclude: FilterRecord,
    /// Per minute; nothing means unlimited.
    rate: Option<u32>,
    clients_max: u64,
    running_max: u64,
    per_client: LimitsRecord,
    expires_after_micros: u64,
}

fn to_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn from_calls(calls: &[ArtifactCall]) -> Vec<CallRecord> {
    calls
        .iter()
        .map(|call| CallRecord { name: call.name.clone(), parameters: call.parameters.clone() })
        .collect()
}

fn to_calls(calls: Vec<CallRecord>) -> Vec<ArtifactCall> {
    calls
        .into_iter()
        .map(|call| ArtifactCall { name: call.name, parameters: call.parameters })
        .collect()
}

fn from_limits(limits: &FlowLimits) -> LimitsRecord {
    LimitsRecord {
        rows_max: limits.rows_max,
        upload_bytes_max: limits.upload_bytes_max,
        cpu_percent: limits.cpu_percent,
        timeout_micros: to_micros(limits.timeout),
        progress_timeout_micros: to_micros(limits.progress_timeout),
    }
}

fn to_limits(record: &LimitsRecord) -> FlowLimits {
    FlowLimits {
        rows_max: record.rows_max,
        upload_bytes_max: record.upload_bytes_max,
        cpu_percent: record.cpu_percent,
        timeout: Duration::from_micros(record.timeout_micros),
        progress_timeout: Duration::from_micros(record.progress_timeout_micros),
    }
}

fn from_filter(filter: &Filter) -> FilterRecord {
    FilterRecord {
        labels: filter.labels.clone(),
        os: filter.os.clone(),
        clients: filter.clients.iter().map(ClientId::to_string).collect(),
    }
}

fn to_filter(record: FilterRecord) -> Result<Filter, String> {
    let clients = record.clients.iter().map(|id| id.parse().map_err(|_| format!("bad id {id}")));
    Ok(Filter { labels: record.labels, os: record.os, clients: clients.collect::<Result<_, _>>()? })
}

/// Writes what a flow collects and within which limits.
pub(crate) fn write_ask(artifacts: &[ArtifactCall], limits: &FlowLimits) -> String {
    let record = AskRecord { artifacts: from_calls(artifacts), limits: from_limits(limits) };
    serde_json::to_string(&record).expect("numbers, texts and lists have a JSON form")
}

/// Reads what [`write_ask`] writes.
pub(crate) fn read_ask(json: &str) -> Result<(Vec<ArtifactCall>, FlowLimits), String> {
    let record: AskRecord = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok((to_calls(record.artifacts), to_limits(&record.limits)))
}

/// Writes what a hunt asks for.
pub(crate) fn write_spec(spec: &HuntSpec) -> String {
    let record = SpecRecord {
        name: spec.name.clone(),
        description: spec.description.clone(),
        artifacts: from_calls(&spec.artifacts),
        client_query: spec.condition.client.clone(),
        server_query: spec.condition.server.clone(),
        include: from_filter(&spec.condition.include),
        exclude: from_filter(&spec.condition.exclude),
        rate: match spec.rate {
            Rate::Unlimited => None,
            Rate::PerMinute(rate) => Some(rate),
        },
        clients_max: spec.limits.clients_max,
        running_max: spec.limits.running_max,
        per_client: from_limits(&spec.limits.per_client),
        expires_after_micros: to_micros(spec.expires_after),
    };
    serde_json::to_string(&record).expect("numbers, texts and lists have a JSON form")
}

#[derive(Serialize, Deserialize)]
struct MonitoringRecord {
    label: Option<String>,
    call: CallRecord,
    cpu_percent: u32,
    rows_per_second: u32,
    batch_rows: u32,
    batch_bytes: u32,
    batch_wait_micros: u64,
}

/// Writes what is monitored.
pub(crate) fn write_monitoring(entries: &[MonitoringEntry]) -> String {
    let record = |entry: &MonitoringEntry| MonitoringRecord {
        label: entry.label.clone(),
        call: CallRecord {
            name: entry.call.name.clone(),
            parameters: entry.call.parameters.clone(),
        },
        cpu_percent: entry.limits.cpu_percent,
        rows_per_second: entry.limits.rows_per_second,
        batch_rows: entry.limits.batch_rows,
        batch_bytes: entry.limits.batch_bytes,
        batch_wait_micros: to_micros(entry.limits.batch_wait),
    };
    let records: Vec<MonitoringRecord> = entries.iter().map(record).collect();
    serde_json::to_string(&records).expect("numbers, texts and lists have a JSON form")
}

/// Reads what [`write_monitoring`] writes.
pub(crate) fn read_monitoring(json: &str) -> Result<Vec<MonitoringEntry>, String> {
    let records: Vec<MonitoringRecord> =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    let entry = |record: MonitoringRecord| MonitoringEntry {
        label: record.label,
        call: ArtifactCall { name: record.call.name, parameters: record.call.parameters },
        limits: MonitoringLimits {
            cpu_percent: record.cpu_percent,
            rows_per_second: record.rows_per_second,
            batch_rows: record.batch_rows,
            batch_bytes: record.batch_bytes,
            batch_wait: Duration::from_micros(record.batch_wait_micros),
        },
    };
    Ok(records.into_iter().map(entry).collect())
}

/// Reads what [`write_spec`] writes.
pub(crate) fn read_spec(json: &str) -> Result<HuntSpec, String> {
    let record: SpecRecord = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(HuntSpec {
        name: record.name,
        description: record.description,
        artifacts: to_calls(record.artifacts),
        condition: Condition {
            client: record.client_query,
            server: record.server_query,
            include: to_filter(record.include)?,
            exclude: to_filter(record.exclude)?,
        },
        rate: record.rate.map_or(Rate::Unlimited, Rate::PerMinute),
        limits: HuntLimits {
            clients_max: record.clients_max,
            running_max: record.running_max,
            per_client: to_limits(&record.per_client),
        },
        expires_after: Duration::from_micros(record.expires_after_micros),
    })
}
