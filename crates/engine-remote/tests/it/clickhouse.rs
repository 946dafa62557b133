//! On ClickHouse's engine where `make test-engines` started it, and on fakes for errors that come
//! behind rows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine_remote::connect;
use log_rules::{Address, EngineKind};
use loghunt::engine::SqlEngine;
use model::log::{Completeness, FailureClass};
use rows::{Row, Value};
use testkit::engine_suite::{Habits, Kind, Stand, Table, WRONG_SECRET, engine_suite};

use crate::fake::{Silent, raw};
use crate::scans::{address, columns, everything, http, real, run, source, tenant};

struct ClickHouseStand {
    url: String,
    silent: Silent,
}

impl ClickHouseStand {
    fn at(&self, url: &str, secret: &str) -> Arc<dyn SqlEngine> {
        let address =
            Address { user: Some("suite".into()), database: Some("suite".into()), ..address(url) };
        connect(&EngineKind::ClickHouse(address), &tenant(), Some(secret.into())).unwrap()
    }

    async fn statement(&self, text: String) {
        let answer = http()
            .post(&self.url)
            .header("X-ClickHouse-User", "suite")
            .header("X-ClickHouse-Key", "right")
            .body(text.clone())
            .send()
            .await
            .unwrap();
        let good = answer.status().is_success();
        assert!(good, "{text}: {}", answer.text().await.unwrap());
    }
}

fn literal(kind: Kind, value: &Value) -> String {
    let text = |text: String| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    match (kind, value) {
        (_, Value::Null) => "NULL".into(),
        (Kind::Time, Value::Text(moment)) => {
            format!("parseDateTime64BestEffort({}, 9, 'UTC')", text(moment.to_string()))
        }
        (_, Value::Time(time)) => {
            format!("fromUnixTimestamp64Nano({}, 'UTC')", time.unix_nanos())
        }
        (_, Value::Float(number)) => format!("{number:e}"),
        (_, Value::Bool(truth)) => truth.to_string(),
        (_, Value::Int(number)) => format!("toInt64('{number}')"),
        (_, other) => text(other.to_string()),
    }
}

#[async_trait]
impl Stand for ClickHouseStand {
    fn habits(&self) -> Habits {
        Habits {
            sql: true,
            nanos: true,
            offsets: true,
            // The engine in a process of Python cannot be cancelled.
            slow: None,
            regex: Some(|column, pattern| format!("match({column}, '{pattern}')")),
            identity: false,
            fingerprint: true,
            clock: true,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        self.statement("CREATE DATABASE IF NOT EXISTS suite".into()).await;
        let types = ["String", "Int64", "Float64", "Bool", "DateTime64(9, 'UTC')"];
        let columns = columns(table, types, |name, kind| format!("`{name}` Nullable({kind})"));
        let name = &table.name;
        let text =
            format!("CREATE TABLE suite.{name} ({columns}) ENGINE = MergeTree ORDER BY tuple()");
        self.statement(text).await;
        let spelled = format!("suite.{name}");
        self.add(table, &spelled, &table.rows).await;
        spelled.into()
    }

    async fn add(&self, table: &Table, spelled: &str, rows: &[Row]) {
        for row in rows {
            let names: Vec<String> = row.keys().map(|name| format!("`{name}`")).collect();
            let values: Vec<String> = row
                .iter()
                .map(|(name, value)| {
                    let kind = table.columns.iter().find(|(known, _)| name.is(known)).unwrap().1;
                    literal(kind, value)
                })
                .collect();
            let (names, values) = (names.join(", "), values.join(", "));
            self.statement(format!("INSERT INTO {spelled} ({names}) VALUES ({values})")).await;
        }
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        self.at(&self.url, "right")
    }

    async fn refused(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(self.at(&self.url, WRONG_SECRET))
    }

    async fn dead(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(self.at("http://127.0.0.1:1", "right"))
    }

    async fn silent(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(self.at(&format!("http://127.0.0.1:{}", self.silent.port()), "right"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_keeps_the_promises_of_engines() {
    let Some(url) = real("LYCAON_TEST_CLICKHOUSE") else { return };
    engine_suite(&ClickHouseStand { url, silent: Silent::new().await }).await;
}

const FACTS: &str = "[\"name\",\"type\",\"uuid\",\"database\"]\n\
    [\"String\",\"String\",\"String\",\"String\"]\n\
    [\"id\",\"Int64\",\"u\",\"d\"]\n[\"at\",\"DateTime64(6)\",\"u\",\"d\"]\n";

const ROWS: &str = "[\"id\",\"_lycaon_position\",\"_lycaon_event\"]\n\
    [\"Int64\",\"DateTime64(6)\",\"DateTime64(6)\"]\n\
    [1,\"1970-01-01T00:00:00.000005Z\",\"1970-01-01T00:00:00.000005Z\"]\n";

/// FAKE. Answers the catalogue as it should, and a question with `answer`, head and all.
async fn fake(answer: String) -> Arc<dyn SqlEngine> {
    let address = raw(move |request| {
        if request.contains("system.columns") {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", FACTS.len());
            return (head + FACTS).into_bytes();
        }
        answer.clone().into_bytes()
    })
    .await;
    at(&format!("http://{address}"))
}

fn at(url: &str) -> Arc<dyn SqlEngine> {
    let kind = EngineKind::ClickHouse(address(url));
    connect(&kind, &tenant(), Some("top-secret".into())).unwrap()
}

fn chunked(parts: &[&str], whole: bool) -> String {
    let mut answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for part in parts {
        answer.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
    }
    if whole { answer + "0\r\n\r\n" } else { answer }
}

#[tokio::test]
async fn an_answer_is_whole_only_when_it_ends_as_one() {
    let check = async |answer: String, wanted: &str| {
        let engine = fake(answer).await;
        let found = match run(&*engine, &everything(&source("logs"))).await {
            Ok((report, rows)) => match report.completeness {
                Completeness::Complete => format!("complete, {} rows", rows.len()),
                Completeness::Partial(why) => format!("partial: {why}"),
                Completeness::Truncated(rows) => format!("truncated at {rows}"),
            },
            Err(error) => format!("{}: {error}", error.class.word()),
        };
        assert!(found.starts_with(wanted), "wanted {wanted}, found {found}");
        assert!(!found.contains("top-secret"), "{found}");
    };
    check(chunked(&[ROWS], true), "complete, 1 rows").await;
    let (first, rest) = ROWS.split_at(ROWS.len() - 20);
    check(chunked(&[first, rest], true), "complete, 1 rows").await;
    check(chunked(&[ROWS], false), "transient: ClickHouse at 127.0.0.1").await;
    let closed = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{ROWS}");
    check(closed, "partial: ClickHouse at 127.0.0.1").await;
    let text = "Code: 395. DB::Exception: top-secret thrown: while executing. (FUNCTION_THROW)\n";
    check(chunked(&[ROWS, text], true), "partial: ").await;
    check(chunked(&[ROWS, "[2,\"1970-01", text], true), "partial: ").await;
    let marked = "\r\n__exception__\r\nabcdefgh\r\nCode: 395. DB::Exception: x\n27 abcdefgh\r\n__exception__\r\n";
    check(chunked(&[ROWS, marked], true), "partial: ").await;
    let memory = "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)";
    check(chunked(&[ROWS, memory], true), "too_large: ").await;
    let refused = |status: &str, code: &str, text: &str| {
        let code = if code.is_empty() {
            String::new()
        } else {
            format!("X-ClickHouse-Exception-Code: {code}\r\n")
        };
        format!("HTTP/1.1 {status}\r\n{code}Content-Length: {}\r\n\r\n{text}", text.len())
    };
    check(refused("500 Error", "159", "Code: 159. Timeout"), "too_large: ").await;
    check(refused("500 Error", "202", "Code: 202. Too many"), "throttled: ").await;
    check(refused("500 Error", "60", "Code: 60. Unknown table"), "permanent: ").await;
    check(refused("403 Forbidden", "516", "Code: 516. top-secret"), "permanent: ").await;
    check(refused("503 Unavailable", "", "later"), "transient: ").await;
    check(refused("404 Not Found", "", "no such page"), "permanent: ").await;
}

#[tokio::test]
async fn a_server_that_is_dead_or_silent_is_asked_again() {
    let engine = at("http://127.0.0.1:1");
    let error = run(&*engine, &everything(&source("logs"))).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Transient, "{error}");
    let silent = Silent::new().await;
    let engine = at(&format!("http://127.0.0.1:{}", silent.port()));
    let mut asked = everything(&source("logs"));
    asked.limits.timeout = Duration::from_millis(100);
    let error = run(&*engine, &asked).await.unwrap_err();
    assert_eq!(error.class, FailureClass::TooLarge, "{error}");
}
