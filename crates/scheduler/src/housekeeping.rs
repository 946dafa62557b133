//! What is looked at now and then, whatever is due: pauses and jobs, old windows, what is
//! too old to be kept, the outbox.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::{Either, join3, select};
use loghunt::ports::StreamQuery;
use metrics::gauge;
use model::log::{Lane, TenantName};
use model::store::{Paging, StoreError};

use crate::shared::{Scheduler, Shared};

/// How often old windows are looked at.
const AUDIT_EVERY: Duration = Duration::from_secs(60);

impl Scheduler {
    /// Never ends.
    pub(crate) async fn housekeeping(&self) {
        let control = async {
            loop {
                self.pause_between(self.shared.settings.look_around).await;
                self.look_at_control().await;
            }
        };
        let audits = async {
            loop {
                self.pause_between(AUDIT_EVERY).await;
                while self.audit().await > 0 {}
                self.take_up_repairs().await;
                self.forget().await;
                if let Err(error) = self.shared.measure_lag().await {
                    self.shared.store_failed(&error, self.shared.now());
                }
            }
        };
        let outbox = async {
            loop {
                self.dispatch().await;
                self.pause_between(self.shared.settings.look_around).await;
            }
        };
        join3(control, audits, outbox).await;
    }

    async fn pause_between(&self, duration: Duration) {
        self.shared.ports.time.sleep(duration).await;
    }

    /// Reads what operators decided, and follows it.
    pub(crate) async fn look_at_control(&self) {
        let control = &self.shared.ports.control;
        match control.pauses().await {
            Ok(pauses) => {
                let pauses = pauses.into_iter().map(|pause| (pause.tenant.clone(), pause));
                self.shared.state.lock().pauses = pauses.collect();
            }
            Err(error) => return self.shared.store_failed(&error, self.shared.now()),
        }
        match control.jobs(Paging::first(1000)).await {
            Ok(jobs) => {
                let jobs = jobs.items.into_iter().map(|job| (job.name.clone(), job));
                self.shared.state.lock().jobs = jobs.collect();
            }
            Err(error) => return self.shared.store_failed(&error, self.shared.now()),
        }
        self.shared.look_at_jobs().await;
    }
}

impl Shared {
    /// The lag of each tenant's last stream.
    async fn measure_lag(&self) -> Result<(), StoreError> {
        let query = StreamQuery {
            lane: Some(Lane::Live),
            statuses: vec!["active", "stopped"],
            paging: Paging::ALL,
            ..StreamQuery::default()
        };
        let now = self.now();
        let mut worst: HashMap<TenantName, f64> = HashMap::new();
        for stream in self.ports.ledger.streams(&query).await?.items {
            if stream.domain.is_time() {
                let lag = now.since(stream.checkpoint.moment()).as_secs_f64();
                let kept = worst.entry(stream.key.tenant).or_default();
                *kept = kept.max(lag);
            }
        }
        for (tenant, lag) in worst {
            gauge!("lycaon_log_lag_seconds_max", "tenant" => tenant.to_string()).set(lag);
        }
        Ok(())
    }

    /// What a piece of work answers, if it does so within this time.
    pub(crate) async fn within_time<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let (work, over) = (std::pin::pin!(work), std::pin::pin!(self.ports.time.sleep(limit)));
        match select(work, over).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}
