//! What an agent reports at once: here one step after the other, each in a transaction of its own.

use async_trait::async_trait;
use flows::reports::{Burst, ReportStore, Taken};
use flows::steer::take_burst;
use model::store::StoreError;

use crate::RecordStore;

#[async_trait]
impl ReportStore for RecordStore {
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError> {
        take_burst(self, self, burst).await
    }
}
