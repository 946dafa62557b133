//! Messages that Slack and its imitators understand.

use async_trait::async_trait;
use loghunt::channel::{Channel, Message, NotSent};
use model::log::Finding;
use serde_json::{Value, json};

use crate::http::heard;

/// Findings shown in one message; the rest is counted.
const SHOWN_MAX: usize = 10;
/// Characters of a row shown.
const ROW_MAX: usize = 600;

/// A channel of Slack.
pub(crate) struct Slack {
    pub(crate) client: reqwest::Client,
    /// Secret.
    pub(crate) url: url::Url,
}

#[async_trait]
impl Channel for Slack {
    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let body = text(&message.findings).to_string();
        let request = self
            .client
            .post(self.url.clone())
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", &*message.key)
            .body(body);
        heard("the Slack channel", request.send().await).await
    }
}

fn text(findings: &[Finding]) -> Value {
    let mut blocks: Vec<Value> = findings.iter().take(SHOWN_MAX).map(block).collect();
    if findings.len() > SHOWN_MAX {
        let more = format!("… and {} more", findings.len() - SHOWN_MAX);
        blocks.push(section(&more));
    }
    let first = findings.first().map_or(String::new(), headline);
    let headline = match findings.len() {
        0 | 1 => first,
        many => format!("{many} findings; first: {first}"),
    };
    json!({ "text": headline, "blocks": blocks })
}

fn headline(finding: &Finding) -> String {
    format!(
        "[{}] {} at {} ({})",
        finding.severity.word(),
        escape(&finding.title),
        finding.tenant,
        finding.rule
    )
}

fn block(finding: &Finding) -> Value {
    let row = rows_json::row_to_json(&finding.row);
    let short: String = row.chars().take(ROW_MAX).collect();
    let more = if short.len() < row.len() { "…" } else { "" };
    section(&format!(
        "*{}*\n{} · {}\n```{}{more}```",
        headline(finding),
        finding.instant,
        finding.id,
        escape(&short).replace("```", "'''")
    ))
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

/// What Slack reads as markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
