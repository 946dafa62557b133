//! Identities that follow from what a thing is, so that doing it twice makes it once.

use std::sync::Arc;

use model::log::{DatasetName, FindingId, RuleName, SliceId, StreamKey, TenantName, Window};
use sha2::{Digest, Sha256};

/// The first 128 bits of a hash over parts; each part's length is hashed before it, so that no two
/// lists of parts read the same.
fn hash(kind: &str, parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut first = [0u8; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(first)
}

/// The identity of a window of a stream.
pub fn slice_id(key: &StreamKey, window: Window) -> SliceId {
    SliceId(hash(
        "slice",
        &[
            key.tenant.as_str().as_bytes(),
            key.dataset.as_str().as_bytes(),
            key.part.as_bytes(),
            key.rule.as_str().as_bytes(),
            &key.epoch.to_be_bytes(),
            key.lane.word().as_bytes(),
            &window.from().0.to_be_bytes(),
            &window.to().0.to_be_bytes(),
        ],
    ))
}

/// The identity of a match: the same in every lane, epoch and revision.
pub fn finding_id(
    tenant: &TenantName,
    dataset: &DatasetName,
    rule: &RuleName,
    match_key: &[u8],
) -> FindingId {
    let names = [tenant.as_str(), dataset.as_str(), rule.as_str()].map(str::as_bytes);
    FindingId(hash("finding", &[names[0], names[1], names[2], match_key]))
}

/// By what a receiver tells deliveries apart: the same each time this one is sent.
pub fn delivery_key(channel: &str, findings: &[FindingId]) -> Arc<str> {
    let ids: Vec<u8> = findings.iter().flat_map(|id| id.0.to_be_bytes()).collect();
    format!("D.{:032x}", hash("delivery", &[channel.as_bytes(), &ids])).into()
}

/// A number that stays the same for a key: spreads streams over a jitter.
pub fn spread(key: &StreamKey) -> u64 {
    let parts = [key.tenant.as_str(), key.dataset.as_str(), key.rule.as_str()].map(str::as_bytes);
    let bits = hash("spread", &[parts[0], parts[1], key.part.as_bytes(), parts[2]]);
    u64::try_from(bits >> 64).expect("the upper half of 128 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{key, slice};

    #[test]
    fn an_identity_depends_on_every_part_of_it() {
        let window = slice(0, 60).window;
        let mut seen = vec![slice_id(&key(), window), slice_id(&key(), slice(0, 61).window)];
        seen.push(slice_id(&StreamKey { epoch: 1, ..key() }, window));
        seen.push(slice_id(&StreamKey { part: "a".into(), ..key() }, window));
        seen.push(slice_id(&StreamKey { lane: model::log::Lane::Repair(1), ..key() }, window));
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
        assert_eq!(slice_id(&key(), window), slice_id(&key(), window));
    }
}
