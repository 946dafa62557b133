//! Each way to tell, each form, and what a receiver's refusal becomes.

use std::sync::Arc;
use std::time::Duration;

use base::{FixedClock, Timestamp};
use expect_test::expect;
use log_rules::{ChannelKind, FindingFormat, Secret};
use loghunt::channel::{Channel, Message, NotSent};
use model::log::{
    DatasetName, Domain, Finding, FindingId, Position, RuleName, Severity, SliceId, TenantName,
    Triage, Window,
};

use crate::receivers::{tcp, udp, web};

fn finding(number: u128) -> Finding {
    let at = Timestamp::from_secs(1_767_225_600);
    Finding {
        id: FindingId(number),
        tenant: TenantName::new("acme").unwrap(),
        dataset: DatasetName::new("process_creation").unwrap(),
        rule: RuleName::new("susp-whoami").unwrap(),
        title: "whoami run by <a service account>".into(),
        severity: Severity::High,
        attack: Arc::new(["T1033".to_owned()]),
        revision_first: "r1".into(),
        revision_last: "r2".into(),
        slice: SliceId(1),
        window: Window::new(Position::at(at), Position::at(at.plus(Duration::from_secs(600))))
            .unwrap(),
        domain: Domain::IngestTime,
        position: Position::at(at),
        instant: at,
        found_at: at.plus(Duration::from_secs(660)),
        row: rows_json::row_from_json(br#"{"Host":"h1","Note":"``` & <b>"}"#).unwrap(),
        late: false,
        suppressed_by: None,
        bucket: None,
        notified: true,
        triage: Triage::default(),
    }
}

fn message(findings: u128) -> Message {
    Message {
        key: "d.17".into(),
        at: Timestamp::EPOCH,
        findings: (1..=findings).map(finding).collect(),
    }
}

fn opened(kind: ChannelKind, format: FindingFormat) -> Result<Arc<dyn Channel>, String> {
    let channel = log_rules::Channel { name: "soc".into(), kind, format };
    let clock = Arc::new(FixedClock::at(Timestamp::from_secs(1_000)));
    let secret = |secret: &Secret| match secret {
        Secret::Env(name) => Ok(name.clone()),
        _ => Err("no such secret".to_owned()),
    };
    notify::open(&channel, clock, &secret).map_err(|error| error.to_string())
}

fn webhook(url: String) -> Arc<dyn Channel> {
    let secret = Some(Secret::Env("s3cret".into()));
    opened(ChannelKind::Webhook { url, secret }, FindingFormat::Lycaon).unwrap()
}

#[tokio::test]
async fn a_webhook_is_signed_and_carries_its_key() {
    let (url, log) = web(204, None).await;
    webhook(url).send(&message(2)).await.unwrap();
    let heard = log.lock().unwrap()[0].clone();
    assert_eq!(heard.headers["Idempotency-Key"], "d.17");
    let expected = notify::signature(b"s3cret", 1_000, "d.17", &heard.body);
    assert_eq!(heard.headers[notify::SIGNATURE_HEADER], expected.as_str());
    let body: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
    assert_eq!(body["findings"].as_array().unwrap().len(), 2);
    assert_eq!(body["findings"][0]["row"]["Host"], "h1");
}

#[tokio::test]
async fn a_refusal_says_whether_it_may_pass() {
    let refusal = |status, retry_after| async move {
        let (url, _) = web(status, retry_after).await;
        webhook(url).send(&message(1)).await.unwrap_err()
    };
    let later = |wait, message: &str| NotSent::Later { message: message.into(), wait };
    assert_eq!(
        refusal(503, Some("7")).await,
        later(
            Some(Duration::from_secs(7)),
            "the webhook at 127.0.0.1 answered 503 Service Unavailable: because"
        )
    );
    assert!(matches!(refusal(429, None).await, NotSent::Later { wait: None, .. }));
    assert!(
        matches!(refusal(302, None).await, NotSent::Later { .. }),
        "redirects are not followed"
    );
    assert_eq!(
        refusal(401, None).await,
        NotSent::Never {
            message: "the webhook at 127.0.0.1 answered 401 Unauthorized: because".into()
        }
    );
    let nobody = webhook("http://127.0.0.1:1/hook?token=s3cret".into());
    let error = nobody.send(&message(1)).await.unwrap_err().to_string();
    assert!(error.starts_with("the webhook at 127.0.0.1 cannot be reached"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn slack_gets_text_and_blocks_without_markup_from_rows() {
    let (url, log) = web(200, None).await;
    let slack =
        opened(ChannelKind::Slack { url: Secret::Env(url) }, FindingFormat::Lycaon).unwrap();
    slack.send(&message(12)).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&log.lock().unwrap()[0].body).unwrap();
    expect![[r#""12 findings; first: [high] whoami run by &lt;a service account&gt; at acme (susp-whoami)""#]]
        .assert_eq(&body["text"].to_string());
    let blocks = body["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 11);
    let first = blocks[0]["text"]["text"].as_str().unwrap();
    assert!(first.contains(r#"{"Host":"h1","Note":"''' &amp; &lt;b&gt;"}"#), "{first}");
}

#[tokio::test]
async fn syslog_over_tcp_counts_octets() {
    let (port, reading) = tcp().await;
    let url = format!("tcp://127.0.0.1:{port}");
    let syslog = opened(ChannelKind::Syslog { url }, FindingFormat::Lycaon).unwrap();
    syslog.send(&message(2)).await.unwrap();
    let text = reading.await.unwrap();
    let (length, rest) = text.split_once(' ').unwrap();
    let length: usize = length.parse().unwrap();
    let (first, second) = rest.split_at(length);
    assert!(
        first.starts_with("<107>1 2026-01-01T00:00:00Z acme lycaon - finding - \u{feff}{\"id\":"),
        "{first}"
    );
    assert!(first.ends_with('}') && second.contains("<107>1 "));
}

#[tokio::test]
async fn syslog_over_udp_is_one_datagram_each() {
    let (port, reading) = udp().await;
    let url = format!("udp://127.0.0.1:{port}");
    let syslog = opened(ChannelKind::Syslog { url }, FindingFormat::Ecs).unwrap();
    syslog.send(&message(1)).await.unwrap();
    assert!(reading.await.unwrap().contains("\"event\":{\"kind\":\"alert\""));
}

#[tokio::test]
async fn a_file_gets_a_line_for_each_finding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.jsonl");
    let file = opened(ChannelKind::File { path: path.clone() }, FindingFormat::Ocsf).unwrap();
    file.send(&message(2)).await.unwrap();
    file.send(&message(1)).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    let nowhere = folder.path().join("no/such/folder");
    let file = opened(ChannelKind::File { path: nowhere }, FindingFormat::Ocsf).unwrap();
    assert!(matches!(file.send(&message(1)).await, Err(NotSent::Later { .. })));
}

#[test]
fn forms_carry_what_their_schemas_want() {
    let ocsf = notify::render(&finding(1), FindingFormat::Ocsf);
    let want = ["class_uid", "category_uid", "type_uid", "time", "severity_id", "metadata"];
    want.iter().for_each(|field| assert!(!ocsf[field].is_null(), "{field}"));
    assert_eq!(ocsf["type_uid"], 200_401);
    assert_eq!(ocsf["time"], 1_767_225_600_000i64);
    assert_eq!(ocsf["finding_info"]["attacks"][0]["technique"]["uid"], "T1033");
    let ecs = notify::render(&finding(1), FindingFormat::Ecs);
    assert_eq!(ecs["@timestamp"], "2026-01-01T00:00:00Z");
    assert_eq!(ecs["event"]["severity"], 73);
    assert_eq!(ecs["threat"]["technique"]["id"][0], "T1033");
}

#[test]
fn a_channel_that_cannot_be_used_says_how_to_mend_it() {
    let said = |kind| opened(kind, FindingFormat::Lycaon).err().unwrap();
    let webhook = |url: &str| ChannelKind::Webhook { url: url.into(), secret: None };
    assert_eq!(
        said(webhook("ftp://x")),
        "channel soc: its URL begins with `ftp:`; write it as https://host/path"
    );
    assert_eq!(
        said(ChannelKind::Syslog { url: "host:514".into() }),
        "channel soc: its URL begins with `host:`; write it as tcp://host:601, tls://host:6514 or udp://host:514"
    );
    let gone = ChannelKind::Slack { url: Secret::File("x".into()) };
    assert_eq!(said(gone), "channel soc: no such secret");
}
