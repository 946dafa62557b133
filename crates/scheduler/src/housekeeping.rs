//! What is looked at now and then, whatever is due: pauses and jobs, old windows, the outbox.

use model::log::TenantName;
use model::store::Paging;

use crate::shared::Scheduler;

impl Scheduler {
    /// Reads what operators decided.
    pub(crate) async fn look_at_control(&self) {
        let control = &self.shared.ports.control;
        match control.pauses().await {
            Ok(pauses) => {
                let by_tenant = |pause: loghunt::ports::Pause| -> (TenantName, _) {
                    (pause.tenant.clone(), pause)
                };
                self.shared.state.lock().pauses = pauses.into_iter().map(by_tenant).collect();
            }
            Err(error) => self.shared.store_failed(&error, self.shared.now()),
        }
        match control.jobs(Paging::first(1000)).await {
            Ok(jobs) => {
                let mut state = self.shared.state.lock();
                state.jobs = jobs.items.into_iter().map(|job| (job.name.clone(), job)).collect();
            }
            Err(error) => self.shared.store_failed(&error, self.shared.now()),
        }
    }

    pub(crate) async fn take_up_repairs(&self) {}

    pub(crate) async fn housekeeping(&self) {
        loop {
            self.shared.ports.time.sleep(self.shared.settings.look_around).await;
            self.look_at_control().await;
        }
    }
}
