//! What stores keep of nouns that have no columns of their own: JSON for a hunt's spec, for what a
//! flow collects and for what is monitored; numbers for states; batches of rows as compressed lines.
//!
//! # Invariants
//!
//! - Fields are added with a default, never changed, and numbers are never given to another word: what
//!   an older program wrote must stay readable.
//! - Every store keeps the same forms, so that records can be moved from one to another as they are.
//!
//! # Not here
//!
//! Tables, columns, statements: the stores.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod numbers;
mod window_records;

pub use batch::{pack, unpack};
pub use numbers::{FLOW_STATES, flow_state_number, hand_number, hand_of, queue_number, queue_of};
pub use window_records::{read_window, write_window};

use std::collections::BTreeSet;
use std::time::Duration;

use base::{ClientId, Rate};
use model::bounds::{Budgets, Canary, StopWhen, Widen};
use model::flow::{ArtifactCall, FlowFailure, FlowLimits};
use model::hunt::{Condition, Filter, HuntLimits, HuntSpec};
use model::monitoring::{MonitoringEntry, MonitoringLimits};
use model::retry::{RetryPlan, RetryRule};
use serde::{Deserialize, Serialize};

use crate::window_records::{ScheduleRecord, from_schedule, to_schedule};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Vec<RetryRecord>>,
}

/// How one class of failure is repeated.
#[derive(Serialize, Deserialize)]
struct RetryRecord {
    class: String,
    times: u32,
    limit_percent: u32,
}

#[derive(Default, Serialize, Deserialize)]
struct BudgetsRecord {
    rows: u64,
    upload_bytes: u64,
    cpu_secs: u64,
}

#[derive(Serialize, Deserialize)]
struct StopWhenRecord {
    failed_percent: u32,
    after_clients: u64,
}

#[derive(Serialize, Deserialize)]
struct CanaryRecord {
    clients: u64,
    then: String,
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
    #[serde(default)]
    total: BudgetsRecord,
    #[serde(default)]
    stop_when: Option<StopWhenRecord>,
    #[serde(default)]
    canary: Option<CanaryRecord>,
    #[serde(default)]
    retry: Option<Vec<RetryRecord>>,
    #[serde(default)]
    schedule: Option<ScheduleRecord>,
    tags: BTreeSet<String>,
}

fn from_retry(plan: &RetryPlan) -> Option<Vec<RetryRecord>> {
    let record = |(class, rule): (&'static str, RetryRule)| RetryRecord {
        class: class.to_owned(),
        times: rule.times,
        limit_percent: rule.limit_percent,
    };
    (*plan != RetryPlan::default()).then(|| plan.rules().map(record).collect())
}

fn to_retry(records: Option<Vec<RetryRecord>>) -> Result<RetryPlan, String> {
    let Some(records) = records else { return Ok(RetryPlan::default()) };
    records.into_iter().try_fold(RetryPlan::never(), |plan, record| {
        let class = FlowFailure::class_named(&record.class)
            .ok_or_else(|| format!("no class of failure `{}`", record.class))?;
        let RetryRecord { times, limit_percent, .. } = record;
        Ok(plan.with(class, RetryRule { times, limit_percent }))
    })
}

pub(crate) fn to_micros(duration: Duration) -> u64 {
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

/// Writes what a flow collects, within which limits, and what of it is repeated.
pub fn write_ask(artifacts: &[ArtifactCall], limits: &FlowLimits, retry: &RetryPlan) -> String {
    let record = AskRecord {
        artifacts: from_calls(artifacts),
        limits: from_limits(limits),
        retry: from_retry(retry),
    };
    serde_json::to_string(&record).expect("numbers, texts and lists have a JSON form")
}

/// Reads what [`write_ask`] writes.
///
/// # Errors
///
/// When it is damaged, or was written by a newer program.
pub fn read_ask(json: &str) -> Result<Ask, String> {
    let record: AskRecord = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(Ask {
        artifacts: to_calls(record.artifacts),
        limits: to_limits(&record.limits),
        retry: to_retry(record.retry)?,
    })
}

/// What a flow collects, within which limits, and what of it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is collected.
    pub artifacts: Vec<ArtifactCall>,
    /// Within which limits.
    pub limits: FlowLimits,
    /// Which failures are repeated.
    pub retry: RetryPlan,
}

fn to_canary(record: CanaryRecord) -> Result<Canary, String> {
    let then =
        Widen::from_name(&record.then).ok_or_else(|| format!("no gate `{}`", record.then))?;
    Ok(Canary { clients: record.clients, then })
}

/// Writes what a hunt asks for.
pub fn write_spec(spec: &HuntSpec) -> String {
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
        total: BudgetsRecord {
            rows: spec.limits.total.rows_max,
            upload_bytes: spec.limits.total.upload_bytes_max,
            cpu_secs: spec.limits.total.cpu_secs_max,
        },
        stop_when: spec.limits.stop_when.map(|stop| StopWhenRecord {
            failed_percent: stop.failed_percent,
            after_clients: stop.after_clients,
        }),
        canary: spec.canary.map(|canary| CanaryRecord {
            clients: canary.clients,
            then: canary.then.name().to_owned(),
        }),
        retry: from_retry(&spec.retry),
        schedule: spec.schedule.as_ref().map(from_schedule),
        tags: spec.tags.clone(),
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
pub fn write_monitoring(entries: &[MonitoringEntry]) -> String {
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
///
/// # Errors
///
/// When it is damaged, or was written by a newer program.
pub fn read_monitoring(json: &str) -> Result<Vec<MonitoringEntry>, String> {
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
///
/// # Errors
///
/// When it is damaged, or was written by a newer program.
pub fn read_spec(json: &str) -> Result<HuntSpec, String> {
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
            total: Budgets {
                rows_max: record.total.rows,
                upload_bytes_max: record.total.upload_bytes,
                cpu_secs_max: record.total.cpu_secs,
            },
            stop_when: record.stop_when.map(|stop| StopWhen {
                failed_percent: stop.failed_percent,
                after_clients: stop.after_clients,
            }),
        },
        expires_after: Duration::from_micros(record.expires_after_micros),
        canary: record.canary.map(to_canary).transpose()?,
        retry: to_retry(record.retry)?,
        schedule: record.schedule.map(to_schedule).transpose()?,
        tags: record.tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::window::{Schedule, Ticks};

    #[test]
    fn what_is_written_is_read_again() {
        let mut spec = HuntSpec {
            name: "cron \"jobs\"".into(),
            description: "ä\n".into(),
            artifacts: vec![ArtifactCall {
                name: "Linux.Sys.Crontab".into(),
                parameters: vec![("glob".into(), "/etc/cron*".into())],
            }],
            condition: Condition::default(),
            rate: Rate::PerMinute(20),
            limits: HuntLimits { clients_max: 7, ..HuntLimits::default() },
            expires_after: Duration::from_secs(7 * 86_400),
            canary: Some(Canary { clients: 3, then: Widen::Auto }),
            retry: RetryPlan::of_hunts(),
            schedule: Some(Schedule {
                ticks: Ticks::Cron("0 6 * * *".into()),
                buffer: Duration::from_secs(60),
                first: Some(Duration::from_secs(86_400)),
            }),
            tags: ["sweep".to_owned()].into(),
        };
        spec.limits.total.rows_max = 5;
        spec.limits.stop_when = Some(StopWhen { failed_percent: 20, after_clients: 50 });
        spec.condition.exclude.clients.insert(ClientId::from_bits(u128::MAX));
        assert_eq!(read_spec(&write_spec(&spec)), Ok(spec.clone()));
        let limits = FlowLimits { rows_max: u64::MAX, ..FlowLimits::default() };
        let (artifacts, retry) = (spec.artifacts, RetryPlan::never());
        let ask = read_ask(&write_ask(&artifacts, &limits, &retry));
        assert_eq!(ask, Ok(Ask { artifacts, limits, retry }));
    }

    #[test]
    fn damage_is_said_and_not_guessed_at() {
        for text in ["", "{}", "[]", r#"{"artifacts":[]}"#] {
            assert!(read_spec(text).is_err() && read_ask(text).is_err(), "{text}");
        }
        let spec = r#"{"name":"","description":"","tags":[],"artifacts":[],"client_query":"","server_query":"",
            "include":{"labels":[],"os":null,"clients":["C.x"]},
            "exclude":{"labels":[],"os":null,"clients":[]},"rate":null,"clients_max":0,
            "running_max":0,"per_client":{"rows_max":0,"upload_bytes_max":0,"cpu_percent":0,
            "timeout_micros":0,"progress_timeout_micros":0},"expires_after_micros":0}"#;
        assert_eq!(read_spec(spec), Err("bad id C.x".into()));
    }
}
