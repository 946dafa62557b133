//! Takes flows away with all they brought, and knows which content is left without anybody.

use std::collections::BTreeSet;

use base::{FlowId, UploadId};
use model::results::{AttemptId, Upload};
use model::store::StoreError;

use super::{MemFlows, Records};
use crate::uploads::content_is_condemned;

impl MemFlows {
    /// Takes these flows away, with their rows, logs and files; those with a half-sent file stay. How
    /// many went. Content that nobody refers to any more is condemned.
    pub fn erase(&self, flows: &[FlowId]) -> u64 {
        let mut records = self.records.lock();
        let mut gone: BTreeSet<FlowId> = flows.iter().copied().collect();
        for (upload, _) in records.evidence.uploads.iter().filter(|(u, _)| u.sha256.is_none()) {
            gone.remove(&upload.attempt.flow);
        }
        records.flows.retain(|id, _| !gone.contains(id));
        let evidence = &mut records.evidence;
        let is_gone = |attempt: &AttemptId| gone.contains(&attempt.flow);
        evidence.batches.retain(|_, held| !is_gone(&held.batch.attempt));
        evidence.sources.retain(|(attempt, _), _| !is_gone(attempt));
        evidence.logs.retain(|attempt, _| !is_gone(attempt));
        let (lost, kept) = std::mem::take(&mut evidence.uploads)
            .into_iter()
            .partition(|(upload, _)| is_gone(&upload.attempt));
        evidence.uploads = kept;
        let lost: Vec<(Upload, u64)> = lost;
        for (upload, _) in lost {
            if let Some(sha256) = upload.sha256 {
                records.condemn(sha256);
            }
        }
        gone.len() as u64
    }
}

impl Records {
    /// Content is left by one record; condemned when that was the last.
    pub(super) fn condemn(&mut self, sha256: [u8; 32]) {
        let evidence = &self.evidence;
        let wanted = evidence.uploads.iter().any(|(upload, _)| upload.sha256 == Some(sha256))
            || evidence.announced.values().any(|announced| *announced == sha256)
            || self.tools.values().any(|tool| tool.sha256 == sha256);
        if !wanted {
            self.evidence.condemned.insert(sha256);
        }
    }

    pub(super) fn refuse_condemned(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        match self.evidence.condemned.contains(sha256) {
            true => Err(content_is_condemned()),
            false => Ok(()),
        }
    }

    /// An incoming file will have this content.
    pub(super) fn announce(
        &mut self,
        id: UploadId,
        sha256: Option<[u8; 32]>,
    ) -> Result<(), StoreError> {
        if let Some(sha256) = sha256 {
            self.refuse_condemned(&sha256)?;
            self.evidence.announced.insert(id, sha256);
        }
        Ok(())
    }
}
