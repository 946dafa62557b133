//! Tools from a folder: what an administrator puts there is kept when the server starts.

use base::UploadId;
use bytes::Bytes;
use flows::uploads::{AppendError, SealError};
use model::store::StoreError;
use model::tool::ToolFile;
use sha2::{Digest, Sha256};

use crate::core::Core;

/// Bytes of a file that are kept at once.
const PIECE: usize = 256 << 10;

/// A file as the program has read it.
pub struct FoundTool {
    /// Its name without folders.
    pub filename: String,
    /// Its content.
    pub content: Bytes,
}

impl Core {
    /// Keeps files for the tools that artifacts declare; gives the names of files that nobody wants or
    /// that have another hash than is expected. Files that are kept already are left alone.
    pub async fn keep_found_tools(&self, found: Vec<FoundTool>) -> Result<Vec<String>, StoreError> {
        let kept = self.ports.tools.tools().await?;
        let mut unwanted = Vec::new();
        for FoundTool { filename, content } in found {
            let sha256: [u8; 32] = Sha256::digest(&content).into();
            let meant = self.collector.tools_named(&filename);
            let mut used = false;
            for (name, version) in meant {
                let stored = self.clock.now();
                let size = content.len() as u64;
                let filename = filename.clone();
                let tool = ToolFile { name, version, filename, sha256, size, stored };
                if self.collector.unfit(&tool).is_some() {
                    continue;
                }
                used = true;
                let known = |old: &ToolFile| ToolFile { stored, ..old.clone() } == tool;
                if !kept.iter().any(known) {
                    self.keep_content(&content, sha256).await?;
                    self.ports.tools.keep_tool(&tool).await?;
                }
            }
            if !used {
                unwanted.push(filename);
            }
        }
        Ok(unwanted)
    }

    async fn keep_content(&self, content: &[u8], sha256: [u8; 32]) -> Result<(), StoreError> {
        let id = UploadId::mint(self.clock.now(), &mut **self.entropy.lock());
        let broken = |why: String| StoreError::broken("keep a tool", why);
        self.ports.blobs.open(id).await?;
        let mut offset = 0;
        for piece in content.chunks(PIECE) {
            match self.ports.blobs.append(id, offset, piece, content.len() as u64).await {
                Ok(_) => offset += piece.len() as u64,
                Err(AppendError::Store(error)) => return Err(error),
                Err(refused) => return Err(broken(refused.to_string())),
            }
        }
        match self.ports.blobs.seal(id, sha256).await {
            Ok(_) => self.ports.blobs.discard(id).await,
            Err(SealError::Store(error)) => Err(error),
            Err(wrong @ SealError::WrongHash) => Err(broken(wrong.to_string())),
        }
    }
}
