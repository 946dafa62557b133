//! The demo's log hunts: made-up logs of several tenants, forty rules, and one tenant whose database
//! does not answer for a while.
//!
//! All tenants but one keep their logs as files, read by the embedded engine. The logs of the *weak
//! tenant* lie in a database file that this process holds locked until [`LogDemo::recover`]: its
//! streams fail, their checkpoints stay, and afterwards they catch up.

mod events;
mod folder;
pub(crate) mod judge;
mod plants;
mod weak;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{Entropy, SeededEntropy, Timestamp};
use serde_json::Value;

use crate::complaint::Outcome;
use events::{DATASETS, Days};
use folder::Rules;
use plants::{Plant, Plants};
use weak::WeakTenant;

/// How much of the past there is when the demo starts.
pub(crate) const PAST: Duration = Duration::from_secs(3_600);
/// Ordinary events of one dataset of one tenant per minute.
const EVENTS_PER_MINUTE: u64 = 4;
/// A file has the events of so long, so that the past is not read again and again.
const FILE_SPAN: Duration = Duration::from_secs(600);
/// Out of so many pairs of tenant and plant one is planted in the past.
const PLANTED_ONE_IN: u64 = 6;
/// The same days for everybody.
const SEED: u64 = 0x6c79_6361_6f6e;

/// The logs of the demo and what is hidden in them.
pub(crate) struct LogDemo {
    definitions: PathBuf,
    logs: PathBuf,
    /// When the demo began.
    start: Timestamp,
    tenants: u32,
    days: Vec<Days>,
    plants: Plants,
    planted: Vec<Planted>,
    weak: Option<WeakTenant>,
    /// Up to where events are written.
    written_to: Timestamp,
    chance: SeededEntropy,
}

/// A row that a rule must find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Planted {
    pub(crate) tenant: String,
    pub(crate) rule: String,
    /// When it happened. No two rows of a demo share a microsecond, as good as surely.
    pub(crate) at: Timestamp,
}

/// The tenant whose database does not answer at first.
pub(crate) const WEAK: u32 = 2;

/// `tenant-07`.
pub(crate) fn tenant_name(number: u32) -> String {
    format!("tenant-{number:02}")
}

impl LogDemo {
    /// Writes definitions to `folder/log-hunts` and logs to `folder/logs`. The last hour is there at once.
    pub(crate) fn lay_out(folder: &Path, tenants: u32, now: Timestamp) -> Outcome<Self> {
        let logs = folder.join("logs");
        let rules = Rules::read();
        let plants = Plants::of_rules(&rules.definitions)?;
        let weak = match tenants >= WEAK {
            true => Some(WeakTenant::make(&logs.join("weak.db"))?),
            false => None,
        };
        let definitions = folder.join("log-hunts");
        folder::write(&rules, &definitions, tenants, &logs)?;
        let mut demo = Self {
            definitions,
            start: now,
            logs,
            tenants,
            days: (1..=tenants).map(|tenant| Days::of(tenant, SEED)).collect(),
            plants,
            planted: Vec::new(),
            weak,
            written_to: now.minus(PAST),
            chance: SeededEntropy::new(SEED),
        };
        demo.write_until(now, true)?;
        Ok(demo)
    }

    /// Adds what happened since the last call, and now and then something to be found.
    pub(crate) fn go_on(&mut self, now: Timestamp) -> Outcome {
        self.write_until(now, false)
    }

    /// The weak tenant's database answers again.
    pub(crate) fn recover(&mut self) -> Outcome {
        match &mut self.weak {
            Some(weak) => weak.unlock(),
            None => Ok(()),
        }
    }

    /// When the demo began.
    pub(crate) fn start(&self) -> Timestamp {
        self.start
    }

    /// Where the definitions are.
    pub(crate) fn definitions(&self) -> &Path {
        &self.definitions
    }

    /// The tenant whose database does not answer, if there is one.
    pub(crate) fn weak_tenant(&self) -> Option<String> {
        self.weak.as_ref().map(|_| tenant_name(WEAK))
    }

    /// What must have been found once everything up to the demo's start was read.
    pub(crate) fn planted_in_the_past(&self) -> Vec<Planted> {
        self.planted.iter().filter(|one| one.at < self.start).cloned().collect()
    }

    fn write_until(&mut self, now: Timestamp, past: bool) -> Outcome {
        let from = self.written_to;
        self.written_to = now;
        let span = now.since(from);
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1);
        let whole = EVENTS_PER_MINUTE * span.as_secs();
        for tenant in 1..=self.tenants {
            for dataset in DATASETS {
                // What does not fill a whole event is left to chance, so that short calls add up.
                let rest = self.chance.next_u64() % 60 < whole % 60;
                let count = whole / 60 + u64::from(rest);
                let mut rows = Vec::new();
                for _ in 0..count {
                    let at = from.plus(Duration::from_micros(self.chance.next_u64() % micros));
                    rows.push(self.day(tenant).event(dataset, at));
                }
                self.plant(tenant, dataset, (from, micros), past, &mut rows);
                self.append(tenant, dataset, rows)?;
            }
        }
        Ok(())
    }

    fn day(&mut self, tenant: u32) -> &mut Days {
        &mut self.days[tenant as usize - 1]
    }

    /// Hides what rules must find among ordinary rows.
    fn plant(
        &mut self,
        tenant: u32,
        dataset: &str,
        (from, micros): (Timestamp, u64),
        past: bool,
        rows: &mut Vec<Value>,
    ) {
        let one_in = if past { PLANTED_ONE_IN } else { 4_000 };
        let plants: Vec<Plant> = self.plants.of(dataset).cloned().collect();
        for plant in plants {
            if !self.chance.next_u64().is_multiple_of(one_in) {
                continue;
            }
            let at = from.plus(Duration::from_micros(self.chance.next_u64() % micros));
            rows.push(plant.row(at));
            let (tenant, rule) = (tenant_name(tenant), plant.rule.clone());
            self.planted.push(Planted { tenant, rule, at });
        }
    }

    fn append(&mut self, tenant: u32, dataset: &str, mut rows: Vec<Value>) -> Outcome {
        if let (WEAK, Some(weak)) = (tenant, &mut self.weak) {
            return weak.append(dataset, &rows);
        }
        rows.sort_by_cached_key(|row| row["ingested_at"].to_string());
        let table = self.logs.join(tenant_name(tenant)).join(dataset);
        folder::append_lines(&table, FILE_SPAN, &rows)
    }
}
