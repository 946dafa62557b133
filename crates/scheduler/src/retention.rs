//! Forgetting what is older than it is kept: windows and attempts, and findings.

use loghunt::ports::Old;
use metrics::counter;
use model::store::StoreError;

use crate::shared::{Scheduler, Shared};

/// So many records of each kind go in one step: others must not wait for long.
const STEP: u64 = 500;
/// So many steps at a time; the next round goes on.
const STEPS: u32 = 100;

impl Scheduler {
    /// Forgets some of what is too old; how many records went. [`Scheduler::run`] does this by itself,
    /// every minute.
    pub async fn forget(&self) -> u64 {
        match self.shared.forget().await {
            Ok(count) => count,
            Err(error) => {
                self.shared.store_failed(&error, self.shared.now());
                0
            }
        }
    }
}

impl Shared {
    async fn forget(&self) -> Result<u64, StoreError> {
        let (runs, findings) = (self.settings.keep_runs, self.settings.keep_findings);
        if runs.is_none() && findings.is_none() {
            return Ok(0);
        }
        let now = self.ports.ledger.now().await?;
        let old = Old {
            runs_before: runs.map(|age| now.minus(age)),
            findings_before: findings.map(|age| now.minus(age)),
            limit: STEP,
        };
        let mut gone = 0;
        for _ in 0..STEPS {
            let count = self.ports.ledger.forget(&old).await?;
            gone += count;
            if count == 0 {
                break;
            }
        }
        if gone > 0 {
            counter!("lycaon_log_forgotten_total").increment(gone);
            tracing::info!(records = gone, "what is older than it is kept was forgotten");
        }
        Ok(gone)
    }
}
