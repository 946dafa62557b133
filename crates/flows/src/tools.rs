//! The records of tools. Their bytes lie in the [`crate::BlobStore`], by content.

use async_trait::async_trait;
use model::store::StoreError;
use model::tool::ToolFile;

/// Remembers which files are kept for artifacts.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - A name and a version have one file; another one replaces it.
/// - A file whose content is condemned ([`crate::UploadStore::condemned`]) is not kept but
///   [`StoreError::Conflict`].
///
/// Every implementation runs `testkit::tool_suite`.
#[async_trait]
pub trait ToolStore: Send + Sync {
    /// All tools, by name and version.
    async fn tools(&self) -> Result<Vec<ToolFile>, StoreError>;

    /// Keeps the record of a file whose bytes are kept already.
    async fn keep_tool(&self, tool: &ToolFile) -> Result<(), StoreError>;
}
