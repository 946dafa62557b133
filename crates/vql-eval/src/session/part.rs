//! Parts of a run: a query inside of a query, with limits of its own for its time and its silence.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base::Timestamp;
use vql_plugin::Level;

use super::{Limits, Session};

impl Session {
    /// A part of this run that may take only so long in all, and so long without a row. What it keeps
    /// is charged to this run. With `shares`, plugins remember in both what they were told in either.
    pub(crate) fn part(
        self: &Arc<Self>,
        time_max: Option<Duration>,
        idle_max: Option<Duration>,
        shares: bool,
    ) -> Arc<Self> {
        let limits = self.setup.limits;
        let time_max = time_max.unwrap_or(limits.time_max);
        let setup =
            self.setup.for_another(Limits { time_max, ..limits }, self.setup.cancel.clone());
        let mut part = Self::new(setup);
        part.parent = Some(self.clone());
        part.idle_max = idle_max;
        part.note_progress();
        if shares {
            part.memory = self.memory.clone();
        } else if let Some(view) = self.memory.view() {
            part.memory.see(Some((*view).clone()));
        }
        Arc::new(part)
    }

    /// There is a row.
    pub(crate) fn note_progress(&self) {
        if self.idle_max.is_some() {
            let now = self.setup.host.clock().now();
            self.idle_since.store(now.as_micros(), Ordering::Relaxed);
        }
    }

    /// Whether a part of a run took too long; ends it then.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        let since = Timestamp::from_micros(self.idle_since.load(Ordering::Relaxed));
        let text = if now > self.deadline {
            let time = base::format_duration(self.setup.limits.time_max);
            format!("query: the query was ended after {time}")
        } else if let Some(max) = self.idle_max.filter(|max| now.since(since) > *max) {
            let time = base::format_duration(max);
            format!("query: the query was ended: it gave no row in {time}")
        } else {
            return false;
        };
        if !self.stopped.swap(true, Ordering::Relaxed) {
            self.log(Level::Error, text);
        }
        true
    }

    /// Ends a part of a run, without a word.
    pub(crate) fn finish_part(&self) {
        self.finish();
        if self.parent.as_ref().is_some_and(|parent| !Arc::ptr_eq(&parent.memory, &self.memory)) {
            self.memory.clear();
        }
    }
}
