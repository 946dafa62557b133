//! Findings: lists, facets, what people say of them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base::Timestamp;
use model::log::{Finding, FindingId};
use model::store::{Page, StoreError};

use super::streams::page_of;
use super::{Kept, MemoryLog};
use crate::ports::{Facet, FindingQuery, FindingStore, TriageChange, day_text};

impl Kept {
    /// Newest first.
    fn matching<'a>(&'a self, query: &'a FindingQuery) -> impl Iterator<Item = &'a Finding> {
        let search = query.search.as_ref().map(|text| text.to_ascii_lowercase());
        let newest = self.by_instant.iter().rev().filter_map(|(_, id)| self.findings.get(id));
        newest.filter(move |found| wanted(query, found, search.as_deref()))
    }

    pub(super) fn forget_findings(&mut self, before: Timestamp, limit: u64) -> u64 {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let old = self.findings.values().filter(|found| found.found_at < before).take(limit);
        let old: Vec<(Timestamp, FindingId)> = old.map(|found| (found.instant, found.id)).collect();
        for place in &old {
            self.by_instant.remove(place);
            self.findings.remove(&place.1);
        }
        self.buckets.retain(|_, holder| self.findings.contains_key(holder));
        old.len() as u64
    }
}

fn any_of<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

/// Whether a finding is one that a query wants; `search` is in lower case.
fn wanted(query: &FindingQuery, found: &Finding, search: Option<&str>) -> bool {
    any_of(&query.tenants, &found.tenant)
        && any_of(&query.datasets, &found.dataset)
        && any_of(&query.rules, &found.rule)
        && any_of(&query.severities, &found.severity)
        && any_of(&query.states, &found.triage.state)
        && query.attack.as_ref().is_none_or(|attack| found.attack.contains(attack))
        && query.from.is_none_or(|from| from <= found.instant)
        && query.to.is_none_or(|to| found.instant < to)
        && query.late.is_none_or(|late| late == found.late)
        && query.suppressed.is_none_or(|suppressed| suppressed == found.suppressed_by.is_some())
        && search.is_none_or(|text| {
            let mut json = Vec::new();
            rows::write_json_row(&found.row, &mut json);
            json.make_ascii_lowercase();
            String::from_utf8_lossy(&json).contains(text)
        })
}

/// The values of a facet that a finding has.
fn values(facet: Facet, found: &Finding) -> Vec<String> {
    match facet {
        Facet::Tenant => vec![found.tenant.to_string()],
        Facet::Dataset => vec![found.dataset.to_string()],
        Facet::Rule => vec![found.rule.to_string()],
        Facet::Severity => vec![found.severity.word().to_owned()],
        Facet::State => vec![found.triage.state.word().to_owned()],
        Facet::Attack => {
            let mut techniques = found.attack.to_vec();
            techniques.sort();
            techniques.dedup();
            techniques
        }
        Facet::Day => vec![day_text(found.instant)],
    }
}

#[async_trait]
impl FindingStore for MemoryLog {
    async fn finding(&self, id: FindingId) -> Result<Option<Finding>, StoreError> {
        Ok(self.kept.lock().findings.get(&id).cloned())
    }

    async fn findings(&self, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        Ok(page_of(self.kept.lock().matching(query), query.paging))
    }

    async fn facet(
        &self,
        query: &FindingQuery,
        facet: Facet,
        limit: u64,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for found in self.kept.lock().matching(query) {
            for value in values(facet, found) {
                *counts.entry(value).or_default() += 1;
            }
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        // Stable: equal counts stay in the order of their texts.
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(counts)
    }

    async fn triage(&self, id: FindingId, change: &TriageChange) -> Result<Finding, StoreError> {
        let mut kept = self.kept.lock();
        let found = kept
            .findings
            .get_mut(&id)
            .ok_or_else(|| StoreError::not_found(format!("finding {id}")))?;
        change.apply(&mut found.triage);
        Ok(found.clone())
    }
}
