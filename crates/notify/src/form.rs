//! What a finding looks like to others.
//!
//! Sources: OCSF 1.5, class Detection Finding (2004), category Findings (2); ECS 8.17, `event.kind`
//! `alert`; both from their public schema pages.

use log_rules::FindingFormat;
use model::log::{Finding, FindingState, Severity};
use serde_json::{Value, json};

/// A finding in one of the forms.
pub fn render(finding: &Finding, format: FindingFormat) -> Value {
    match format {
        FindingFormat::Lycaon => lycaon(finding),
        FindingFormat::Ocsf => ocsf(finding),
        FindingFormat::Ecs => ecs(finding),
    }
}

fn row(finding: &Finding) -> Value {
    let json = rows_json::row_to_json(&finding.row);
    serde_json::from_str(&json).unwrap_or(Value::Null)
}

fn lycaon(finding: &Finding) -> Value {
    json!({
        "id": finding.id.to_string(),
        "tenant": finding.tenant.as_str(),
        "dataset": finding.dataset.as_str(),
        "rule": finding.rule.as_str(),
        "title": &*finding.title,
        "severity": finding.severity.word(),
        "attack": &*finding.attack,
        "instant": finding.instant.to_string(),
        "found_at": finding.found_at.to_string(),
        "revision": &*finding.revision_last,
        "window": finding.window.show(finding.domain),
        "late": finding.late,
        "row": row(finding),
    })
}

fn ocsf(finding: &Finding) -> Value {
    let millis = |at: base::Timestamp| at.as_micros().div_euclid(1_000);
    let (severity_id, severity) = match finding.severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let (status_id, status) = match finding.triage.state {
        FindingState::New => (1, "New"),
        FindingState::Triaged => (2, "In Progress"),
        FindingState::Closed => (4, "Resolved"),
    };
    let attacks: Vec<Value> =
        finding.attack.iter().map(|id| json!({ "technique": { "uid": id } })).collect();
    json!({
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200_401,
        "type_name": "Detection Finding: Create",
        "time": millis(finding.instant),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": &*finding.title,
        "metadata": {
            "version": "1.5.0",
            "product": { "name": "Lycaon", "vendor_name": "Lycaon" },
            "tenant_uid": finding.tenant.as_str(),
            "uid": finding.id.to_string(),
            "logged_time": millis(finding.found_at),
        },
        "finding_info": {
            "uid": finding.id.to_string(),
            "title": &*finding.title,
            "created_time": millis(finding.found_at),
            "first_seen_time": millis(finding.instant),
            "types": ["log hunt"],
            "analytic": {
                "type_id": 1,
                "type": "Rule",
                "name": finding.rule.as_str(),
                "uid": finding.rule.as_str(),
                "version": &*finding.revision_last,
            },
            "attacks": attacks,
        },
        "unmapped": {
            "dataset": finding.dataset.as_str(),
            "window": finding.window.show(finding.domain),
            "late": finding.late,
            "row": row(finding),
        },
    })
}

fn ecs(finding: &Finding) -> Value {
    let severity: i64 = match finding.severity {
        Severity::Informational => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    };
    let attack: Vec<&str> = finding.attack.iter().map(String::as_str).collect();
    json!({
        "@timestamp": finding.instant.to_string(),
        "message": &*finding.title,
        "ecs": { "version": "8.17.0" },
        "event": {
            "kind": "alert",
            "category": ["intrusion_detection"],
            "type": ["info"],
            "id": finding.id.to_string(),
            "created": finding.found_at.to_string(),
            "dataset": finding.dataset.as_str(),
            "module": "lycaon",
            "provider": "lycaon",
            "severity": severity,
        },
        "organization": { "id": finding.tenant.as_str() },
        "rule": {
            "name": &*finding.title,
            "id": finding.rule.as_str(),
            "version": &*finding.revision_last,
        },
        "threat": { "framework": "MITRE ATT&CK", "technique": { "id": attack } },
        "labels": { "late": finding.late.to_string() },
        "lycaon": { "window": finding.window.show(finding.domain), "row": row(finding) },
    })
}
