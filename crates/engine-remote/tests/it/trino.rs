//! FAKE: a server that speaks Trino's protocol of pages. Not tested against the real server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use engine_remote::connect;
use log_rules::EngineKind;
use loghunt::engine::SqlEngine;
use model::log::{Completeness, FailureClass, Position};
use serde_json::{Value as Json, json};

use crate::fake::answering;
use crate::scans::{address, everything, run, source, tenant};

fn at(url: &str) -> Arc<dyn SqlEngine> {
    connect(&EngineKind::Trino(address(url)), &tenant(), None).unwrap()
}

/// What the second page of an answer is.
#[derive(Clone, Default)]
struct Fake {
    second: Json,
    /// So many times the second page is refused with `503`.
    busy: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(&self) -> Arc<dyn SqlEngine> {
        let fake = self.clone();
        at(&answering(move |asked| {
            fake.answer(&asked.method, &asked.uri, &asked.headers, &asked.body)
        })
        .await)
    }

    fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (StatusCode, String) {
        let text = String::from_utf8_lossy(body);
        let tag = headers["x-trino-source"].to_str().unwrap();
        self.asked.lock().unwrap().push(format!("{method} {} {tag} {text}", uri.path()));
        let here = format!("http://{}", headers["host"].to_str().unwrap());
        let columns = json!([{ "name": "id", "type": "bigint" },
                             { "name": "at", "type": "timestamp(6) with time zone" }]);
        let hidden = json!([{ "name": "id", "type": "bigint" },
                            { "name": "_lycaon_position", "type": "timestamp(6) with time zone" }]);
        let page = match (method.as_str(), uri.path()) {
            ("POST", "/v1/statement") if text.ends_with("LIMIT 0") => json!({ "columns": columns }),
            ("POST", "/v1/statement") if text.contains("system.runtime.queries") => json!({
                "columns": [{ "name": "query_id", "type": "varchar" }], "data": [["q'1"]] }),
            ("POST", "/v1/statement") if text.starts_with("CALL") => json!({}),
            ("POST", "/v1/statement") => json!({ "nextUri": format!("{here}/v1/page/1") }),
            ("GET", "/v1/page/1") => json!({
                "nextUri": format!("{here}/v1/page/2"),
                "columns": hidden,
                "data": [[1, "1970-01-01 00:00:00.000005 UTC"]] }),
            ("GET", "/v1/page/2") if self.busy.load(Ordering::Relaxed) > 0 => {
                self.busy.fetch_sub(1, Ordering::Relaxed);
                return (StatusCode::SERVICE_UNAVAILABLE, String::new());
            }
            ("GET", "/v1/page/2") => self.second.clone(),
            ("DELETE", _) => json!({}),
            _ => return (StatusCode::NOT_FOUND, String::new()),
        };
        (StatusCode::OK, page.to_string())
    }
}

#[tokio::test]
async fn an_answer_is_whole_when_no_page_follows() {
    let second = json!({ "data": [[2, "1970-01-01 01:00:00.000007 +01:00"]],
                         "stats": { "processedRows": 9, "physicalInputBytes": 90 } });
    let fake = Fake { second, ..Fake::default() };
    fake.busy.store(2, Ordering::Relaxed);
    let engine = fake.start().await;
    let (report, rows) = run(&*engine, &everything(&source("hive.logs.events"))).await.unwrap();
    assert_eq!(report.completeness, Completeness::Complete);
    assert_eq!((report.rows_read, report.bytes), (9, 90));
    let places: Vec<Position> = rows.iter().map(|one| one.position).collect();
    assert_eq!(places, [Position(5), Position(7)]);
    let asked = fake.asked.lock().unwrap().join("\n");
    assert!(asked.contains("POST /v1/statement lycaon-test-tag SELECT"), "{asked}");
    assert!(asked.contains("\"hive\".\"logs\".\"events\""), "{asked}");
    assert!(!asked.contains("DELETE"), "it was read to its end: {asked}");
}

#[tokio::test]
async fn errors_on_any_page_have_a_class() {
    let check = async |second: Json, wanted: FailureClass| {
        let fake = Fake { second, ..Fake::default() };
        let engine = fake.start().await;
        let error = run(&*engine, &everything(&source("logs"))).await.unwrap_err();
        assert_eq!(error.class, wanted, "{error}");
    };
    let error = |kind: &str, name: &str| json!({ "error": { "message": "m", "errorName": name, "errorType": kind } });
    check(error("USER_ERROR", "TABLE_NOT_FOUND"), FailureClass::Permanent).await;
    check(error("INSUFFICIENT_RESOURCES", "EXCEEDED_TIME_LIMIT"), FailureClass::TooLarge).await;
    check(error("INTERNAL_ERROR", "REMOTE_TASK_ERROR"), FailureClass::Transient).await;
    check(error("USER_ERROR", "USER_CANCELED"), FailureClass::Transient).await;
    check(json!({ "nextUri": "http://elsewhere.example/v1/page/3" }), FailureClass::Permanent)
        .await;
    check(json!({ "data": { "encoding": "json+zstd" } }), FailureClass::Permanent).await;
}

#[tokio::test]
async fn who_has_enough_deletes_the_rest() {
    let fake = Fake { second: json!({ "data": [] }), ..Fake::default() };
    let engine = fake.start().await;
    let mut asked = everything(&source("logs"));
    asked.limits.rows_max = 0;
    let (report, _) = run(&*engine, &asked).await.unwrap();
    assert_eq!(report.completeness, Completeness::Truncated(0));
    let deleted =
        || fake.asked.lock().unwrap().iter().any(|one| one.starts_with("DELETE /v1/page/2"));
    while !deleted() {
        tokio::task::yield_now().await;
    }
    engine.cancel("test-tag").await.unwrap();
    let asked = fake.asked.lock().unwrap().join("\n");
    assert!(asked.contains("source = 'lycaon-test-tag'"), "{asked}");
    assert!(asked.contains("CALL system.runtime.kill_query(query_id => 'q''1'"), "{asked}");
}

#[test]
fn a_secret_never_travels_in_clear() {
    let kind = EngineKind::Trino(address("http://trino.example:8080"));
    let error = connect(&kind, &tenant(), Some("top-secret".into())).err().unwrap();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.message.contains("https") && !error.message.contains("top-secret"));
}
