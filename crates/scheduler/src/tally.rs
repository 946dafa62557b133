//! How many streams wait for each tenant and engine, and which are held: counted as it changes, since
//! there may be a hundred thousand of them and people look every few seconds.
//!
//! # Invariant
//!
//! - `queued` and `held` of a target change here only.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::log::{EngineName, TenantName};

use crate::shared::{Held, Target};

/// Whose queue.
pub(crate) type Place = (TenantName, EngineName);

/// The counts.
#[derive(Default)]
pub(crate) struct Tally {
    waiting: HashMap<Place, u64>,
    held: HashSet<Arc<str>>,
}

pub(crate) fn place(target: &Target) -> Place {
    (target.assignment.tenant.name.clone(), target.assignment.dataset.engine.clone())
}

impl Tally {
    /// Counted anew: targets came, went, or changed their places.
    pub(crate) fn of(targets: &HashMap<Arc<str>, Target>) -> Self {
        let mut tally = Self::default();
        for (name, target) in targets {
            if target.queued() {
                *tally.waiting.entry(place(target)).or_default() += 1;
            }
            if target.held().is_some() {
                tally.held.insert(name.clone());
            }
        }
        tally
    }

    /// A stream waits or runs from now on, or no longer does.
    pub(crate) fn queue(&mut self, target: &mut Target, queued: bool) {
        if target.queued() == queued {
            return;
        }
        target.set_queued(queued);
        let place = place(target);
        let waiting = self.waiting.entry(place.clone()).or_default();
        *waiting = if queued { *waiting + 1 } else { waiting.saturating_sub(1) };
        if *waiting == 0 {
            self.waiting.remove(&place);
        }
    }

    /// A stream is not run for this reason, or may run again.
    pub(crate) fn hold(&mut self, name: &Arc<str>, target: &mut Target, held: Option<Held>) {
        match held {
            Some(_) => drop(self.held.insert(name.clone())),
            None => drop(self.held.remove(name)),
        }
        target.set_held(held);
    }

    pub(crate) fn waiting(&self, place: &Place) -> u64 {
        self.waiting.get(place).copied().unwrap_or(0)
    }

    pub(crate) fn held(&self) -> &HashSet<Arc<str>> {
        &self.held
    }
}
