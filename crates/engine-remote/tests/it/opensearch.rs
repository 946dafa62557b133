//! On `osmem-server` (PyPI), a stand-in that answers OpenSearch's queries, where `make test-engines`
//! started it, and on fakes for what it does not do: numbers of sequence, failed shards. Neither
//! OpenSearch nor Elasticsearch itself was at hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use engine_remote::connect;
use log_rules::{Address, EngineKind};
use loghunt::engine::{Query, QueryClass, Scan, SqlEngine};
use model::log::{Completeness, Domain, FailureClass, Position, Window};
use rows::{Row, Value};
use serde_json::{Value as Json, json};
use testkit::engine_suite::{Habits, Kind, Stand, Table, engine_suite};

use crate::fake::{Silent, answering};
use crate::scans::{address, everything, http, real, run, source, tenant};

fn at(url: &str) -> Arc<dyn SqlEngine> {
    let address = Address { user: Some("suite".into()), ..address(url) };
    connect(&EngineKind::OpenSearch(address), &tenant(), Some("top-secret".into())).unwrap()
}

struct OpenSearchStand {
    url: String,
    silent: Silent,
    documents: AtomicU64,
}

impl OpenSearchStand {
    async fn put(&self, path: &str, body: Json) {
        let answer = http().put(format!("{}/{path}", self.url)).json(&body).send().await.unwrap();
        let good = answer.status().is_success();
        assert!(good, "{path}: {}", answer.text().await.unwrap());
    }
}

fn document(row: &Row) -> Json {
    let cells = row.iter().map(|(name, value)| {
        let value = match value {
            Value::Time(time) => json!(time.to_string()),
            other => serde_json::from_str(&rows_json::to_json(other)).unwrap(),
        };
        (name.to_string(), value)
    });
    Json::Object(cells.filter(|(_, value)| !value.is_null()).collect())
}

#[async_trait]
impl Stand for OpenSearchStand {
    fn habits(&self) -> Habits {
        Habits {
            sql: false,
            nanos: true,
            offsets: true,
            slow: None,
            regex: None,
            identity: true,
            fingerprint: true,
            clock: false,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        let fields = table.columns.iter().map(|(name, kind)| {
            let kind = match kind {
                Kind::Text => "keyword",
                Kind::Int => "long",
                Kind::Float => "double",
                Kind::Bool => "boolean",
                Kind::Time => "date",
            };
            ((*name).to_owned(), json!({ "type": kind }))
        });
        let fields = Json::Object(fields.collect());
        self.put(&table.name, json!({ "mappings": { "properties": fields } })).await;
        self.add(table, &table.name, &table.rows).await;
        table.name.as_str().into()
    }

    async fn add(&self, _: &Table, spelled: &str, rows: &[Row]) {
        for row in rows {
            let id = self.documents.fetch_add(1, Ordering::Relaxed);
            self.put(&format!("{spelled}/_doc/{id}?refresh=true"), document(row)).await;
        }
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        at(&self.url)
    }

    async fn dead(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at("http://127.0.0.1:1"))
    }

    async fn silent(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at(&format!("http://127.0.0.1:{}", self.silent.port())))
    }

    fn seen(&self, _: Kind, value: &Value) -> Value {
        match value {
            Value::Time(time) => Value::text(time.to_string()),
            other => other.clone(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_keeps_the_promises_of_engines() {
    let Some(url) = real("LYCAON_TEST_OPENSEARCH") else { return };
    let documents = AtomicU64::new(1);
    engine_suite(&OpenSearchStand { url, silent: Silent::new().await, documents }).await;
}

/// FAKE. One index `logs` with two documents in shard 0, and what goes wrong with it.
#[derive(Clone, Default)]
struct Fake {
    /// Laid over the first page.
    page: Json,
    /// The status of searches.
    refuses: Option<u16>,
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
        let tag = headers["x-opaque-id"].to_str().unwrap();
        self.asked.lock().unwrap().push(format!("{method} {uri} {tag} {text}"));
        let answer = match uri.path() {
            "/logs/_mapping" => json!({ "logs": { "mappings": { "properties": {
                "at": { "type": "date" }, "host": { "type": "keyword", "ignore_above": 256 } } } } }),
            "/logs/_settings" => json!({ "logs": { "settings": {
                "index.uuid": "an-uuid", "index.number_of_shards": "2" } } }),
            "/logs/_stats" => json!({ "indices": { "logs": { "shards": { "0": [
                { "routing": { "primary": false }, "seq_no": { "global_checkpoint": 3 } },
                { "routing": { "primary": true }, "seq_no": { "global_checkpoint": 7 } },
            ] } } } }),
            "/logs/_refresh" => json!({ "_shards": { "total": 2, "successful": 2, "failed": 0 } }),
            "/_nodes/_local/stats/jvm" => {
                json!({ "nodes": { "n": { "timestamp": 1_767_225_600_000i64 } } })
            }
            "/_tasks" => json!({ "nodes": { "n": { "tasks": {
                "n:5": { "headers": { "X-Opaque-Id": "test-tag" } },
                "n:6": { "headers": { "X-Opaque-Id": "another" } } } } } }),
            "/logs/_search" if self.refuses.is_some() => {
                let status = StatusCode::from_u16(self.refuses.unwrap()).unwrap();
                return (
                    status,
                    json!({ "error": { "type": "t", "reason": "top-secret" } }).to_string(),
                );
            }
            "/logs/_search" => self.first_page(),
            "/_search/scroll" => json!({ "_scroll_id": "s", "timed_out": false,
                "_shards": { "total": 2, "successful": 2, "failed": 0 },
                "hits": { "total": { "value": 2 }, "hits": [] } }),
            "/_tasks/n:5/_cancel" => json!({}),
            _ => {
                let error =
                    json!({ "type": "index_not_found_exception", "reason": "no such index" });
                return (StatusCode::NOT_FOUND, json!({ "error": error }).to_string());
            }
        };
        (StatusCode::OK, answer.to_string())
    }

    fn first_page(&self) -> Json {
        let hit = |id: &str, number: i64, at: &str| {
            json!({ "_index": "logs", "_id": id, "_seq_no": number,
                    "_source": { "at": at, "host": id } })
        };
        let mut page = json!({ "_scroll_id": "s", "timed_out": false,
            "_shards": { "total": 2, "successful": 2, "failed": 0 },
            "hits": { "total": { "value": 2 }, "hits": [
                hit("a", 4, "1970-01-01T00:00:00.000005Z"),
                hit("b", 6, "1970-01-01T00:00:00.9999999Z"),
            ] } });
        for (name, value) in self.page.as_object().into_iter().flatten() {
            page[name] = value.clone();
        }
        page
    }
}

#[tokio::test]
async fn an_answer_is_whole_only_when_every_shard_was_heard() {
    let check = async |page: Json, wanted: &str| {
        let engine = Fake { page, ..Fake::default() }.start().await;
        let (report, rows) = run(&*engine, &everything(&source("logs"))).await.unwrap();
        let found = match report.completeness {
            Completeness::Complete => format!("complete, {} rows", rows.len()),
            Completeness::Partial(why) => format!("partial: {why}"),
            Completeness::Truncated(at) => format!("truncated at {at}"),
        };
        let same = found.starts_with("partial: OpenSearch at") == wanted.starts_with("partial");
        assert!(same && found.contains(wanted.trim_start_matches("partial ")), "{wanted}: {found}");
    };
    check(json!({}), "complete, 2 rows").await;
    check(json!({ "timed_out": true }), "partial timed out").await;
    check(json!({ "terminated_early": true }), "partial ended early").await;
    let failures = json!([{ "reason": { "reason": "disk gone" } }]);
    let shards = json!({ "total": 2, "successful": 1, "failed": 1, "failures": failures });
    check(json!({ "_shards": shards }), "partial 1 shards failed: disk gone").await;
    let shards = json!({ "total": 2, "successful": 1, "failed": 0 });
    check(json!({ "_shards": shards }), "partial 1 of 2 shards").await;
    check(json!({ "_clusters": { "skipped": 1 } }), "partial 1 clusters").await;
    let none = json!({ "total": { "value": 2 }, "hits": [] });
    check(json!({ "hits": none }), "partial 0 hits came of 2").await;
}

#[tokio::test]
async fn positions_by_number_of_sequence_are_those_of_one_shard() {
    let fake = Fake::default();
    let engine = fake.start().await;
    let mut logs = source("logs");
    logs.domain = Domain::Cursor;
    let described = engine.describe(&logs).await.unwrap();
    assert_eq!(described.parts, ["logs/0".into(), "logs/1".into()]);
    assert_eq!(&*described.identity, "opensearch:an-uuid");
    let error = engine.horizon(&logs).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent, "a position needs its shard: {error}");
    logs.part = "logs/0".into();
    let horizon = engine.horizon(&logs).await.unwrap();
    assert_eq!(horizon.stable, Some(Position(8)), "the primary's checkpoint, and one");
    assert!(horizon.clock.is_some());
    let window = Window::new(Position(5), Position(8)).unwrap();
    let scan = Scan { read: window, emit: window, ..everything(&logs) };
    let (report, rows) = run(&*engine, &scan).await.unwrap();
    assert_eq!(report.completeness, Completeness::Complete);
    assert_eq!(rows.len(), 1, "what the server gives too much is left out");
    assert_eq!(rows[0].position, Position(6));
    assert_eq!(rows[0].identity.as_deref(), Some("logs/b"));
    let asked = fake.asked.lock().unwrap().join("\n");
    let order = ["/logs/_stats", "/logs/_refresh", "/logs/_search?"].map(|path| asked.find(path));
    assert!(order.is_sorted() && order[0].is_some(), "{order:?}");
    assert!(asked.contains("preference=_shards%3A0"), "{asked}");
    assert!(asked.contains(r#"{"range":{"_seq_no":{"gte":5,"lt":8}}}"#), "{asked}");
    assert!(
        asked.contains(r#"{"exists":{"field":"_ignored"}}"#),
        "long values are not lost: {asked}"
    );
}

#[tokio::test]
async fn refusals_say_what_to_mend() {
    let check = async |refuses: u16, wanted: &str| {
        let engine = Fake { refuses: Some(refuses), ..Fake::default() }.start().await;
        let error = run(&*engine, &everything(&source("logs"))).await.unwrap_err();
        assert_eq!(error.class.word(), wanted, "{refuses}: {error}");
        assert!(!error.message.contains("top-secret"), "{error}");
    };
    check(401, "permanent").await;
    check(429, "throttled").await;
    check(503, "transient").await;
    check(400, "permanent").await;
    let engine = Fake::default().start().await;
    let error = run(&*engine, &everything(&source("others"))).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent, "{error}");
    let class = QueryClass::PerEvent;
    let query = Query::Sql { text: "SELECT * FROM {table}".into(), values: Arc::new([]), class };
    let error = run(&*engine, &Scan { query, ..everything(&source("logs")) }).await.unwrap_err();
    assert!(error.message.contains("Sigma"), "{error}");
}

#[tokio::test]
async fn tasks_are_cancelled_by_tag() {
    let fake = Fake::default();
    fake.start().await.cancel("test-tag").await.unwrap();
    let asked = fake.asked.lock().unwrap().join("\n");
    assert!(asked.contains("POST /_tasks/n:5/_cancel"), "{asked}");
    assert!(!asked.contains("n:6"), "{asked}");
}
