//! Tools in memory.

use async_trait::async_trait;
use model::store::StoreError;
use model::tool::ToolFile;

use super::MemFlows;
use crate::tools::ToolStore;

#[async_trait]
impl ToolStore for MemFlows {
    async fn tools(&self) -> Result<Vec<ToolFile>, StoreError> {
        Ok(self.records.lock().tools.values().cloned().collect())
    }

    async fn keep_tool(&self, tool: &ToolFile) -> Result<(), StoreError> {
        let key = (tool.name.clone(), tool.version.clone());
        let mut records = self.records.lock();
        records.refuse_condemned(&tool.sha256)?;
        records.tools.insert(key, tool.clone());
        Ok(())
    }
}
