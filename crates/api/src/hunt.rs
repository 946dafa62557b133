//! Hunts and their members.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hunt_bounds::{HuntBudgets, HuntCanary, HuntSchedule, HuntSpent, RetryRules, StopWhen};
use crate::{ArtifactCall, FlowLimits};

/// Selects clients by the server's own record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientFilter {
    /// Any of these labels.
    pub labels: Vec<String>,
    /// `any`, or one operating system.
    pub os: Option<String>,
    /// Any of these clients: ids, or host names, which the server turns into ids.
    pub clients: Vec<String>,
    /// More of them, pasted: one a line or separated by commas, or a table with a heading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub clients_text: String,
    /// The column that is meant, when `clients_text` is a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients_column: Option<String>,
    /// Leave names out that nobody or several clients have, instead of refusing the list.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_unknown: bool,
}

/// Which clients a hunt wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HuntCondition {
    /// VQL on the client; the usual facts when left out.
    pub client: Option<String>,
    /// VQL on the server over `rows` and `client`; every client when left out.
    pub server: Option<String>,
    /// Only these.
    pub include: ClientFilter,
    /// None of these.
    pub exclude: ClientFilter,
}

/// Limits of a hunt. Zero: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HuntLimits {
    /// Clients recruited in all.
    pub clients: u64,
    /// Flows under way at once.
    pub running: u64,
    /// What each client's flow may use.
    pub per_client: FlowLimits,
    /// What all flows together may use.
    pub total: HuntBudgets,
    /// Ends a hunt whose clients fail too often.
    pub stop_when: Option<StopWhen>,
}

/// Make a hunt. This is also the form of `hunt.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HuntRequest {
    /// A short name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What is collected.
    pub artifacts: Vec<ArtifactCall>,
    /// From whom.
    #[serde(default)]
    pub condition: HuntCondition,
    /// `20/min`, or `unlimited`.
    #[serde(default = "unlimited")]
    pub rate: String,
    /// Within which limits.
    #[serde(default)]
    pub limits: HuntLimits,
    /// How long it recruits: `7d`.
    #[serde(default = "one_week")]
    pub expires: String,
    /// Try it on a few clients first.
    #[serde(default)]
    pub canary: Option<HuntCanary>,
    /// Which failures are repeated.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, crate::RetryRule>)]
    pub retry: RetryRules,
    /// When it asks again; once when left out.
    #[serde(default)]
    pub schedule: Option<HuntSchedule>,
    /// Words to find it by, and by which it may be kept longer or shorter.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Start it at once.
    #[serde(default)]
    pub start: bool,
}

impl HuntRequest {
    /// A draft that asks everybody for these artifacts; all else as when it is left out.
    pub fn of(name: impl Into<String>, artifacts: Vec<ArtifactCall>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            artifacts,
            condition: HuntCondition::default(),
            rate: unlimited(),
            limits: HuntLimits::default(),
            expires: one_week(),
            canary: None,
            retry: RetryRules::new(),
            schedule: None,
            tags: Vec::new(),
            start: false,
        }
    }
}

fn unlimited() -> String {
    "unlimited".into()
}

fn one_week() -> String {
    "7d".into()
}

/// Change a hunt that has begun. What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HuntEdit {
    /// The revision that this edit was made from; refused when another came first.
    pub revision: u32,
    /// New rate.
    pub rate: Option<String>,
    /// New limits.
    pub limits: Option<HuntLimits>,
    /// New expiry, from the start.
    pub expires: Option<String>,
    /// New condition.
    pub condition: Option<HuntCondition>,
    /// New description.
    pub description: Option<String>,
    /// New canaries.
    pub canary: Option<HuntCanary>,
    /// New rules of repetition, for clients not yet admitted.
    #[schema(value_type = Option<std::collections::BTreeMap<String, crate::RetryRule>>)]
    pub retry: Option<RetryRules>,
    /// New schedule.
    pub schedule: Option<HuntSchedule>,
}

/// How many clients stand in each queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueCounts {
    /// Were sent the question and have not answered yet; counted in memory.
    pub asked: u64,
    /// Do not match.
    pub refused: u64,
    /// Match and wait.
    pub pending: u64,
    /// Their flow is under way.
    pub running: u64,
    /// Finished without rows or files.
    pub completed: u64,
    /// Finished with rows or files.
    pub results: u64,
    /// Their last attempt failed.
    pub failed: u64,
    /// Were cancelled.
    pub cancelled: u64,
    /// Ran out of time.
    pub expired: u64,
}

/// A hunt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HuntView {
    /// `H.…`
    pub id: String,
    /// What was asked for, in the present revision.
    pub spec: HuntRequest,
    /// `draft`, `running`, `paused`, `draining`, `stopped`, `completed`, `archived`.
    pub state: String,
    /// Counts edits, from 1.
    pub revision: u32,
    /// The current round.
    pub round: u32,
    /// The queues.
    pub counts: QueueCounts,
    /// Rows of finished clients.
    pub rows: u64,
    /// Files of finished clients.
    pub uploads: u64,
    /// What finished attempts have used, over all rounds.
    pub spent: HuntSpent,
    /// How far it is with its canaries: `canary`, `holding`, `unhealthy`; nothing when all are let in.
    pub stage: Option<String>,
    /// Since when it is paused.
    pub paused: Option<String>,
    /// Why: `asked`, `canary_failed`.
    pub paused_reason: Option<String>,
    /// By whom.
    pub paused_by: Option<String>,
    /// When the current round began.
    pub round_started: Option<String>,
    /// When the next round begins.
    pub next_round: Option<String>,
    /// Who made it.
    pub creator: String,
    /// When.
    pub created: String,
    /// When it was started.
    pub started: Option<String>,
    /// When it ends by itself.
    pub expires: Option<String>,
    /// When recruitment ended.
    pub ended: Option<String>,
    /// Why: `asked`, `expired`, `client_limit`, `row_budget`, `upload_budget`, `cpu_budget`,
    /// `failed_share`.
    pub ended_reason: Option<String>,
    /// By whom.
    pub ended_by: Option<String>,
    /// When it was over: nobody pending or running any more.
    pub closed: Option<String>,
    /// The hunt or flow it was made of: `H.…`, `F.…`.
    pub copied_from: Option<String>,
    /// The revision of that hunt.
    pub copied_revision: Option<u32>,
    /// What may be done with it now: `start`, `pause`, `drain`, `resume`, `stop`, `widen`, `archive`.
    pub verbs: Vec<String>,
}

/// A page of hunts, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HuntPage {
    /// The hunts.
    pub items: Vec<HuntView>,
    /// In all.
    pub total: u64,
}

/// What is asked of `GET /hunts/{hunt}/members`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MembersQuery {
    /// Of this round; the current one when left out.
    pub round: Option<u32>,
    /// Only this queue.
    pub queue: Option<String>,
    /// Part of an id, a name or a reason.
    pub search: Option<String>,
    /// `hostname`, `state`, `updated`, `decided`.
    pub sort: Option<String>,
    /// Descending.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// A member.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// `C.…`
    pub client: String,
    /// That client's name.
    pub hostname: String,
    /// The queue.
    pub state: String,
    /// Why it is there.
    pub reason: String,
    /// The revision under which it was decided.
    pub revision: u32,
    /// From 1.
    pub attempt: u32,
    /// `F.…`
    pub flow: Option<String>,
    /// When it was decided.
    pub decided: String,
    /// When it was admitted.
    pub admitted: Option<String>,
    /// When it last changed.
    pub updated: String,
}

/// A page of members.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberPage {
    /// The members.
    pub items: Vec<MemberView>,
    /// In all.
    pub total: u64,
}

/// Counters against a count of the records.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Recount {
    /// As kept.
    pub counters: QueueCounts,
    /// As counted now.
    pub recount: QueueCounts,
    /// They are the same.
    pub equal: bool,
    /// Rows that finished flows declared.
    pub rows_declared: u64,
    /// Rows that are stored for them.
    pub rows_stored: u64,
}
