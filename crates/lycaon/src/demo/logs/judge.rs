//! Judging the demo's log hunts: was everything that was planted found, and each of it once?

use std::collections::BTreeMap;

use api::{LogFindingView, LogFindingsQuery};
use api_client::Client;

use super::Planted;
use crate::complaint::{Complaint, Outcome};

/// What was found, held against what was planted.
#[derive(Debug)]
pub(crate) struct LogVerdict {
    planted: usize,
    findings: u64,
    wrong: Vec<String>,
}

/// So many findings are asked for at a time.
const PAGE: u64 = 500;

/// Reads all findings anew and compares them with what was planted.
pub(crate) async fn judge(client: &Client, planted: &[Planted]) -> Outcome<LogVerdict> {
    let mut findings: Vec<LogFindingView> = Vec::new();
    loop {
        let query = LogFindingsQuery {
            offset: Some(findings.len() as u64),
            limit: Some(PAGE),
            ..LogFindingsQuery::default()
        };
        let page = client.log_findings(&query).await?;
        let done = page.items.is_empty();
        findings.extend(page.items);
        if done || findings.len() as u64 >= page.total {
            return Ok(compare(planted, &findings));
        }
    }
}

fn compare(planted: &[Planted], findings: &[LogFindingView]) -> LogVerdict {
    let mut found: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for finding in findings {
        let key = (finding.tenant.as_str(), finding.rule.as_str(), finding.instant.as_str());
        *found.entry(key).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for one in planted {
        let at = one.at.to_string();
        match found.get(&(one.tenant.as_str(), one.rule.as_str(), at.as_str())) {
            Some(1) => {}
            None => {
                wrong.push(format!("{}: {} did not find its row of {at}", one.tenant, one.rule))
            }
            Some(many) => wrong
                .push(format!("{}: {} found its row of {at} {many} times", one.tenant, one.rule)),
        }
    }
    LogVerdict { planted: planted.len(), findings: findings.len() as u64, wrong }
}

impl LogVerdict {
    /// One line.
    pub(crate) fn told(&self) -> String {
        if self.wrong.is_empty() {
            return format!(
                "checked: {} planted rows were found once each, among {} findings",
                self.planted, self.findings
            );
        }
        format!(
            "checked: {} of {} planted rows are not as they must be",
            self.wrong.len(),
            self.planted
        )
    }

    /// A failure that says what is wrong, when something is.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.wrong.is_empty() {
            return Ok(());
        }
        let shown = self.wrong.iter().take(20).cloned().collect::<Vec<_>>();
        Err(Complaint::failed(format!(
            "the log hunts are not as they must be:\n  {}",
            shown.join("\n  ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &str, instant: &str) -> LogFindingView {
        let json = serde_json::json!({
            "id": "N.1", "tenant": "tenant-01", "dataset": "dns", "rule": rule, "title": "",
            "severity": "low", "attack": [], "revision_first": "", "revision_last": "",
            "window": "", "window_from": "", "window_to": "", "position": "", "instant": instant,
            "found_at": "", "row": {}, "late": false, "suppressed_by": null, "bucket": null,
            "notified": true, "state": "new", "assignee": null, "verdict": null, "comments": [],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_missing_or_found_twice_is_named() {
        let at = "2026-01-01T00:00:00.5Z";
        let planted = |rule: &str| Planted {
            tenant: "tenant-01".into(),
            rule: rule.into(),
            at: at.parse().unwrap(),
        };
        let findings = [finding("a", at), finding("b", at), finding("b", at)];
        let verdict = compare(&[planted("a"), planted("b"), planted("c")], &findings);
        assert_eq!(
            verdict.wrong,
            [
                format!("tenant-01: b found its row of {at} 2 times"),
                format!("tenant-01: c did not find its row of {at}"),
            ]
        );
        assert!(verdict.outcome().is_err());
        assert!(compare(&[planted("a")], &findings).outcome().is_ok());
    }
}
