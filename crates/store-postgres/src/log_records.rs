//! Records as JSON lists, of which the server makes rows: one statement writes any number of them.

use loghunt::flat::{OutcomeColumns, StateColumns, int};
use loghunt::stream::Run;
use loghunt::tell::{Bucket, Message};
use model::log::{Comment, Finding, FindingId, Slice};
use model::org::Actor;
use serde_json::{Value, json};

use base::Timestamp;

use crate::columns::clean;

/// Bytes as the server reads them.
fn bytes(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn some(text: Option<&str>) -> Option<String> {
    text.map(clean)
}

fn list(records: Vec<Value>) -> String {
    Value::Array(records).to_string()
}

/// Slices of a stream.
pub(crate) fn slices(stream: i64, slices: &[Slice]) -> String {
    let record = |slice: &Slice| {
        let state = StateColumns::of(&slice.state);
        json!({
            "stream": stream,
            "to_pos": slice.window.to().0,
            "id": bytes(&slice.id.0.to_be_bytes()),
            "from_pos": slice.window.from().0,
            "tick": slice.tick.as_micros(),
            "state": slice.state.word(),
            "open": slice.state.is_open(),
            "attempts": slice.attempts,
            "losses": slice.losses,
            "planned_at": slice.planned_at.as_micros(),
            "moved_at": slice.moved_at.as_micros(),
            "owner": some(state.owner.as_deref()),
            "token": state.token,
            "until": state.until,
            "query_tag": some(state.query_tag.as_deref()),
            "not_before": state.not_before,
            "class": state.failure.class,
            "wait": state.failure.wait,
            "message": some(state.failure.message.as_deref()),
            "actor": some(state.actor.as_deref()),
            "reason": some(state.reason.as_deref()),
            "revision": some(state.revision.as_deref()),
            "rows": state.rows,
            "findings_new": state.findings_new,
            "bytes": state.bytes,
            "fingerprint": some(state.fingerprint.as_deref()),
            "source_clock": state.source_clock,
            "took": state.took,
            "committed_at": state.committed_at,
            "audit_at": state.audit_at,
            "audits": state.audits,
        })
    };
    list(slices.iter().map(record).collect())
}

/// Attempts of a stream.
pub(crate) fn runs(stream: i64, runs: &[Run]) -> String {
    let record = |run: &Run| {
        let (outcome, columns) = OutcomeColumns::of(&run.outcome);
        json!({
            "stream": stream,
            "from_pos": run.window.from().0,
            "to_pos": run.window.to().0,
            "owner": clean(&run.owner),
            "token": int(run.token),
            "ended_at": run.ended_at.as_micros(),
            "outcome": outcome,
            "rows": columns.rows,
            "findings_new": columns.findings_new,
            "bytes": columns.bytes,
            "took_millis": columns.took_millis,
            "class": columns.failure.class,
            "wait": columns.failure.wait,
            "message": some(columns.failure.message.as_deref()),
        })
    };
    list(runs.iter().map(record).collect())
}

/// Findings that are not told yet.
pub(crate) fn findings(findings: &[Finding]) -> String {
    let record = |found: &Finding| {
        let attack: Vec<String> = found.attack.iter().map(|technique| clean(technique)).collect();
        json!({
            "id": bytes(&found.id.0.to_be_bytes()),
            "tenant": found.tenant.as_str(),
            "dataset": found.dataset.as_str(),
            "rule": found.rule.as_str(),
            "severity": found.severity.word(),
            "state": found.triage.state.word(),
            "instant": found.instant.as_micros(),
            "found_at": found.found_at.as_micros(),
            "late": found.late,
            "notified": false,
            "suppressed": found.suppressed_by.is_some(),
            "suppressed_by": some(found.suppressed_by.as_deref()),
            "bucket": some(found.bucket.as_deref()),
            "title": clean(&found.title),
            "attack": attack,
            "revision_first": clean(&found.revision_first),
            "revision_last": clean(&found.revision_last),
            "slice": bytes(&found.slice.0.to_be_bytes()),
            "from_pos": found.window.from().0,
            "to_pos": found.window.to().0,
            "domain": found.domain.word(),
            "position": found.position.0,
            "assignee": some(found.triage.assignee.as_deref()),
            "verdict": some(found.triage.verdict.as_deref()),
            "comments": comments(&found.triage.comments),
            "row": rows_json::row_to_json(&found.row),
        })
    };
    list(findings.iter().map(record).collect())
}

/// Claims of buckets.
pub(crate) fn claims<'c>(claims: impl Iterator<Item = (&'c Bucket, &'c FindingId)>) -> String {
    let record = |(bucket, finding): (&Bucket, &FindingId)| {
        json!({
            "tenant": bucket.tenant.as_str(),
            "rule": bucket.rule.as_str(),
            "bucket": clean(&bucket.name),
            "finding": bytes(&finding.0.to_be_bytes()),
        })
    };
    list(claims.map(record).collect())
}

/// Messages for the outbox.
pub(crate) fn messages(messages: &[Message]) -> String {
    let record = |message: &Message| {
        let ids: Vec<u8> = message.findings.iter().flat_map(|id| id.0.to_be_bytes()).collect();
        json!({
            "key": &*message.key,
            "channel": clean(&message.channel),
            "findings": bytes(&ids),
        })
    };
    list(messages.iter().map(record).collect())
}

/// What people said of a finding.
pub(crate) fn comments(comments: &[Comment]) -> String {
    let record = |comment: &Comment| {
        json!([comment.at.as_micros(), clean(&comment.actor.to_string()), clean(&comment.text)])
    };
    list(comments.iter().map(record).collect())
}

/// Reads what [`comments`] writes.
pub(crate) fn read_comments(json: &str) -> Option<Vec<Comment>> {
    let records: Vec<(i64, String, String)> = serde_json::from_str(json).ok()?;
    let comment = |(at, actor, text): (i64, String, String)| Comment {
        at: Timestamp::from_micros(at),
        actor: Actor::parse(&actor),
        text,
    };
    Some(records.into_iter().map(comment).collect())
}
