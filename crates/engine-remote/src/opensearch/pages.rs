//! What answers say beside their hits: shards that were not heard, tasks that run.

use serde_json::Value as Json;

/// What all pages of a search say.
pub(super) struct Pages {
    pub(super) partial: Option<String>,
    pub(super) seen: u64,
    /// How many hits were counted, when all pages were read.
    pub(super) total: Option<u64>,
}

/// What a page lacks, by its own words.
pub(super) fn missing(page: &Json, wants_hits: bool) -> Option<String> {
    if page["timed_out"] == Json::Bool(true) {
        return Some("the search timed out".to_owned());
    }
    if wants_hits && page["terminated_early"] == Json::Bool(true) {
        return Some("the search ended early".to_owned());
    }
    let shards = &page["_shards"];
    let number = |name: &str| shards[name].as_u64();
    let failed = number("failed").unwrap_or(0);
    let why = shards["failures"][0]["reason"]["reason"].as_str().unwrap_or("no reason given");
    if failed > 0 {
        return Some(format!("{failed} shards failed: {why}"));
    }
    if let (Some(total), Some(successful)) = (number("total"), number("successful"))
        && successful < total
    {
        return Some(format!("{successful} of {total} shards answered"));
    }
    let skipped = page["_clusters"]["skipped"].as_u64().unwrap_or(0);
    (skipped > 0).then(|| format!("{skipped} clusters were skipped"))
}

/// The tasks that carry a tag.
pub(super) fn tasks_of(answer: &Json, tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, node) in answer["nodes"].as_object().into_iter().flatten() {
        for (id, task) in node["tasks"].as_object().into_iter().flatten() {
            if task["headers"]["X-Opaque-Id"].as_str() == Some(tag) {
                found.push(id.clone());
            }
        }
    }
    found
}
