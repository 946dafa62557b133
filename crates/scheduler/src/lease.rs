//! Keeping slices while their queries run, and stopping in time when they cannot be kept.
//!
//! The store judges leases by its clock. An owner that cannot renew stops a margin before its lease
//! would end by its own count; whether it was in time does not matter for safety, since the token
//! decides at the commit.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use loghunt::command::Command;
use loghunt::ports::Step;

use crate::prepare::Job;
use crate::shared::Shared;

impl Shared {
    /// Does something while slices are kept. `None` when none of them could be kept.
    pub(crate) async fn while_held<T>(
        &self,
        jobs: &[&Job],
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let work = pin!(work);
        let keep = pin!(self.keep(jobs));
        match select(work, keep).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// Renews until nothing is left to renew.
    async fn keep(&self, jobs: &[&Job]) {
        let time = &self.ports.time;
        let ttl = self.settings.lease;
        let mut held: Vec<(&Job, Duration)> =
            jobs.iter().map(|job| (*job, job.leased_at)).collect();
        while !held.is_empty() {
            time.sleep(ttl / 3).await;
            let asked_at = time.elapsed();
            let over = |since: Duration| {
                asked_at.saturating_sub(since) + self.settings.lease_margin >= ttl
            };
            held.retain(|(_, since)| !over(*since));
            let renewals = join_all(held.iter().map(|(job, _)| self.renew(job)));
            // A store that does not answer keeps nothing.
            let left = ttl.saturating_sub(ttl / 3 + self.settings.lease_margin).max(ttl / 6);
            let deadline = time.sleep(left);
            let Either::Left((renewed, _)) = select(pin!(renewals), pin!(deadline)).await else {
                continue;
            };
            let mut next = Vec::with_capacity(held.len());
            for ((job, since), renewal) in held.into_iter().zip(renewed) {
                match renewal {
                    Renewal::Kept => next.push((job, asked_at)),
                    Renewal::Unknown => next.push((job, since)),
                    Renewal::Lost => tracing::warn!(stream = %job.key, "a lease was lost"),
                }
            }
            held = next;
        }
    }

    async fn renew(&self, job: &Job) -> Renewal {
        let (slice, token, ttl) = (job.slice.id, job.token, self.settings.lease);
        let renew = vec![Command::Renew { slice, token, ttl }];
        match self.ports.ledger.step(&Step::of(job.key.clone(), renew)).await {
            Ok(Ok(_)) => Renewal::Kept,
            Ok(Err(_)) => Renewal::Lost,
            Err(_) => Renewal::Unknown,
        }
    }
}

enum Renewal {
    Kept,
    Unknown,
    Lost,
}
