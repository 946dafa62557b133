//! What is monitored, compiled: from the table to what each agent is asked to run.
//!
//! Compiled once for each change; an agent that is up to date costs a comparison of two numbers. What
//! does not compile any more is left out and told, never a reason to stop everything else.

use std::collections::BTreeSet;

use artifacts::CompileError;
use model::artifact::ArtifactKind;
use model::monitoring::{MonitoringEntry, MonitoringLimits, MonitoringTable, chosen};
use model::store::StoreError;
use prost::Message;
use sha2::{Digest, Sha256};
use wire::{Monitored, Monitoring};

use crate::collect::Collector;
use crate::core::Core;

/// Bytes of all that one agent is asked to run, besides the frame around it.
const WANTED_BYTES_MAX: usize = wire::FRAME_BYTES_MAX - 4_096;

/// One entry as agents are sent it.
struct Item {
    label: Option<String>,
    artifact: String,
    digest: [u8; 32],
    monitored: Monitored,
}

impl Item {
    fn key(&self) -> (Option<&str>, &str) {
        (self.label.as_deref(), self.artifact.as_str())
    }
}

/// The table, compiled.
#[derive(Default)]
pub(crate) struct WhatIsMonitored {
    /// Another number after each change.
    pub(crate) generation: u64,
    items: Vec<Item>,
}

impl WhatIsMonitored {
    /// Compiles a table. What cannot be compiled is left out and logged.
    pub(crate) fn new(table: &MonitoringTable, collector: &Collector, generation: u64) -> Self {
        let mut items = Vec::with_capacity(table.entries.len());
        for entry in &table.entries {
            match compile(entry, collector) {
                Ok(monitored) => items.push(Item {
                    label: entry.label.clone(),
                    artifact: entry.call.name.clone(),
                    digest: Sha256::digest(monitored.encode_to_vec()).into(),
                    monitored,
                }),
                Err(why) => {
                    let artifact = entry.call.name.as_str();
                    tracing::warn!(name: "not_monitored", artifact, why, "cannot be monitored");
                }
            }
        }
        Self { generation, items }
    }

    fn items(&self, labels: &BTreeSet<String>) -> Vec<&Item> {
        chosen(&self.items, labels, Item::key)
    }

    /// Names what a client with these labels is to monitor; 0 for nothing.
    pub(crate) fn id(&self, labels: &BTreeSet<String>) -> u64 {
        id_of(&self.items(labels))
    }

    /// What a client with these labels is to monitor.
    pub(crate) fn wanted(&self, labels: &BTreeSet<String>) -> Monitoring {
        let items = self.items(labels);
        let wanted = items.iter().map(|item| item.monitored.clone()).collect();
        Monitoring { id: id_of(&items), wanted }
    }
}

fn id_of(items: &[&Item]) -> u64 {
    if items.is_empty() {
        return 0;
    }
    let mut hash = Sha256::new();
    for item in items {
        hash.update(item.digest);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let first = bytes.first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first).max(1)
}

/// What an agent is asked to run for an entry, or why it cannot be.
fn compile(entry: &MonitoringEntry, collector: &Collector) -> Result<Monitored, String> {
    let compiled = collector.compile_one(&entry.call).map_err(|errors| {
        errors.iter().map(CompileError::to_string).collect::<Vec<_>>().join("; ")
    })?;
    let tools = collector.tools_of(&entry.call.name)?;
    let mut monitored = wire::monitored(compiled, &entry.limits);
    if let Some(collection) = &mut monitored.collection {
        collection.tools = tools;
    }
    Ok(monitored)
}

/// What keeps an entry out of the table: the field below the entry, and what is wrong.
pub(crate) fn problems(entry: &MonitoringEntry, collector: &Collector) -> Vec<(String, String)> {
    let artifact = collector.artifacts().get(&entry.call.name);
    let kind = artifact.map(|artifact| artifact.kind);
    if let Some(kind) = kind.filter(|kind| *kind != ArtifactKind::ClientEvent) {
        let message = format!(
            "`{}` is an artifact of the kind {}; only those of the kind CLIENT_EVENT can be monitored",
            entry.call.name,
            kind.word()
        );
        return vec![("artifact".to_owned(), message)];
    }
    let mut found = Vec::new();
    if let Some(label) = entry.label.as_ref().filter(|label| !model::client::is_label(label)) {
        let message = format!("`{label}` is not a label: 1 to 100 printable characters");
        found.push(("label".to_owned(), message));
    }
    match collector.compile_one(&entry.call) {
        Ok(_) => {
            let missing = collector.tools_of(&entry.call.name).err();
            found.extend(missing.map(|why| ("artifact".to_owned(), why)));
        }
        Err(errors) => found.extend(errors.iter().map(|error| {
            let field = match error {
                CompileError::UnknownParameter { parameter, .. }
                | CompileError::ParameterTwice { parameter }
                | CompileError::BadValue { parameter, .. } => format!("parameters.{parameter}"),
                _ => "artifact".to_owned(),
            };
            (field, error.to_string())
        })),
    }
    found
}

/// Why a table cannot be sent to agents as a whole.
pub(crate) fn too_large(table: &MonitoringTable, collector: &Collector) -> Option<String> {
    let compiled = table.entries.iter().filter_map(|entry| compile(entry, collector).ok());
    let bytes: usize = compiled.map(|monitored| monitored.encoded_len()).sum();
    (bytes > WANTED_BYTES_MAX).then(|| {
        format!(
            "compiled all entries have {bytes} bytes; at most {WANTED_BYTES_MAX} can be sent to an \
             agent: take some away"
        )
    })
}

/// The limits that an artifact's author wishes, for whoever gives none.
pub(crate) fn usual_limits(collector: &Collector, artifact: &str) -> MonitoringLimits {
    let usual = MonitoringLimits::default();
    let Some(artifact) = collector.artifacts().get(artifact) else { return usual };
    let wish = |wish: Option<u64>| wish.and_then(|n| u32::try_from(n).ok());
    let resources = &artifact.resources;
    MonitoringLimits {
        cpu_percent: wish(resources.cpu_percent).filter(|n| *n <= 100).unwrap_or(0),
        rows_per_second: wish(resources.ops_per_second).unwrap_or(0),
        batch_rows: wish(resources.batch_rows_max).unwrap_or(usual.batch_rows),
        batch_bytes: wish(resources.batch_buffer_bytes_max).unwrap_or(usual.batch_bytes),
        batch_wait: match resources.batch_wait_secs {
            Some(secs) => std::time::Duration::from_secs(secs.min(3_600)),
            None => usual.batch_wait,
        },
    }
}

impl Core {
    /// Reads again which tools are kept, and tells the other nodes; what needs them is compiled anew.
    pub(crate) async fn refresh_tools(&self) -> Result<(), StoreError> {
        self.nodes.outbox.tools();
        self.reload_tools().await
    }

    /// Reads again which tools are kept; what needs them is compiled anew.
    pub(crate) async fn reload_tools(&self) -> Result<(), StoreError> {
        self.collector.set_tools(self.ports.tools.tools().await?);
        self.reload_monitoring().await
    }

    /// Reads the monitoring table again, and tells agents that are connected.
    pub(crate) async fn reload_monitoring(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.monitoring_change.lock().await;
        let table = self.ports.monitoring.monitoring_table().await?;
        self.hall.set_monitoring(&table, &self.collector);
        Ok(())
    }

    /// Lets a change move the table; gives the table as it is now and whether it moved. `refused` says
    /// why a table cannot be kept.
    pub(crate) async fn change_monitoring(
        &self,
        change: model::monitoring::MonitoringChange,
        refused: impl Fn(&MonitoringTable) -> Option<String>,
    ) -> Result<(MonitoringTable, bool), StoreError> {
        let _one_at_a_time = self.monitoring_change.lock().await;
        let before = self.ports.monitoring.monitoring_table().await?;
        let Some(after) = before.after(change) else { return Ok((before, false)) };
        if let Some(why) = refused(&after) {
            return Err(StoreError::refused(why));
        }
        self.ports.monitoring.keep_monitoring_table(&after).await?;
        self.nodes.outbox.monitoring();
        self.hall.set_monitoring(&after, &self.collector);
        Ok((after, true))
    }

    /// Takes a batch of a monitored source. The inner error says why it will never be accepted.
    pub(crate) async fn take_events(
        &self,
        client: base::ClientId,
        batch: &model::monitoring::EventBatch,
    ) -> Result<Result<(), String>, StoreError> {
        use flows::monitoring::EventsAppended;
        let artifact = batch.source.split('/').next().unwrap_or("");
        if self.collector.artifacts().get(artifact).is_none() {
            return Ok(Err(format!("no artifact is called `{artifact}`")));
        }
        let now = self.clock.now();
        Ok(match self.ports.monitoring.append_events(client, batch, now).await? {
            EventsAppended::Stored | EventsAppended::Duplicate => Ok(()),
            EventsAppended::Refused(why) => Err(why),
        })
    }
}
