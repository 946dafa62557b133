//! On Sail (PyPI `pysail`), which speaks Spark Connect without a JVM, where `make test-engines`
//! started it. Spark itself was not at hand.

#[path = "../../src/spark/proto.rs"]
#[allow(dead_code, unreachable_pub)]
mod proto;

use std::sync::Arc;

use async_trait::async_trait;
use engine_remote::connect;
use log_rules::EngineKind;
use loghunt::engine::SqlEngine;
use model::log::FailureClass;
use rows::{Row, Value};
use testkit::engine_suite::{Habits, Kind, Stand, Table, engine_suite};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use crate::fake::Silent;
use crate::scans::{address, columns, everything, real, run, source, tenant};

/// The session in which the tables are.
const SESSION: &str = "6b3c8f8e-2d2c-4c55-9a54-0a4f2a1f7c11";

struct SparkStand {
    /// `127.0.0.1:PORT`.
    host: String,
    folder: tempfile::TempDir,
    silent: Silent,
}

fn at(url: &str) -> Arc<dyn SqlEngine> {
    connect(&EngineKind::SparkConnect(address(url)), &tenant(), None).unwrap()
}

impl SparkStand {
    async fn statement(&self, text: String) {
        let channel = Endpoint::from_shared(format!("http://{}", self.host)).unwrap();
        let mut client = tonic::client::Grpc::new(channel.connect().await.unwrap());
        let user = proto::UserContext { user_id: "suite".into(), user_name: "suite".into() };
        let command = proto::Command { sql_command: Some(proto::SqlCommand { sql: text.clone() }) };
        let request = proto::ExecutePlanRequest {
            session_id: SESSION.into(),
            user_context: Some(user),
            plan: Some(proto::Plan { root: None, command: Some(command) }),
            client_type: None,
            tags: Vec::new(),
        };
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/spark.connect.SparkConnectService/ExecutePlan");
        let codec = ProstCodec::<proto::ExecutePlanRequest, proto::ExecutePlanResponse>::default();
        let answer = client.server_streaming(tonic::Request::new(request), path, codec).await;
        let mut parts = answer.unwrap_or_else(|status| panic!("{text}: {status}")).into_inner();
        while parts.message().await.unwrap_or_else(|status| panic!("{text}: {status}")).is_some() {}
    }
}

fn literal(kind: Kind, value: Option<&Value>) -> String {
    let text = |text: String| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    match (kind, value) {
        (_, None | Some(Value::Null)) => "NULL".into(),
        (Kind::Time, Some(Value::Text(moment))) => {
            format!("TIMESTAMP {}", text(moment.to_string()))
        }
        (_, Some(Value::Time(time))) => {
            format!("timestamp_micros({})", time.unix_nanos().div_euclid(1_000))
        }
        (_, Some(Value::Float(number))) => format!("CAST('{number:e}' AS DOUBLE)"),
        (_, Some(Value::Int(number))) => format!("CAST('{number}' AS BIGINT)"),
        (_, Some(Value::Bool(truth))) => truth.to_string(),
        (_, Some(other)) => text(other.to_string()),
    }
}

#[async_trait]
impl Stand for SparkStand {
    fn habits(&self) -> Habits {
        let slow = "SELECT count(*) AS n FROM {table} CROSS JOIN range(10000000) AS a \
                    CROSS JOIN range(10000000) AS b WHERE (a.id * b.id) % 7 = 3";
        Habits {
            sql: true,
            nanos: false,
            offsets: true,
            slow: Some(slow.into()),
            regex: Some(|column, pattern| format!("{column} RLIKE '{pattern}'")),
            identity: false,
            fingerprint: true,
            clock: true,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        let types = ["STRING", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP"];
        let columns = columns(table, types, |name, kind| format!("`{name}` {kind}"));
        let place = self.folder.path().join(&table.name);
        self.statement(format!(
            "CREATE TABLE {} ({}) USING parquet LOCATION '{}'",
            table.name,
            columns,
            place.display()
        ))
        .await;
        self.add(table, &table.name, &table.rows).await;
        table.name.as_str().into()
    }

    async fn add(&self, table: &Table, spelled: &str, rows: &[Row]) {
        let rows: Vec<String> = rows
            .iter()
            .map(|row| {
                let columns = table.columns.iter();
                let cells: Vec<String> =
                    columns.map(|(name, kind)| literal(*kind, row.get(name))).collect();
                format!("({})", cells.join(", "))
            })
            .collect();
        self.statement(format!("INSERT INTO {spelled} VALUES {}", rows.join(", "))).await;
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        at(&format!("sc://{}/;session_id={SESSION};user_id=suite", self.host))
    }

    async fn dead(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at("sc://127.0.0.1:1"))
    }

    async fn silent(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at(&format!("sc://127.0.0.1:{}", self.silent.port())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spark_connect_keeps_the_promises_of_engines() {
    let Some(host) = real("LYCAON_TEST_SPARK") else { return };
    let folder = tempfile::tempdir().unwrap();
    engine_suite(&SparkStand { host, folder, silent: Silent::new().await }).await;
}

#[tokio::test]
async fn a_dead_server_is_asked_again_and_a_token_never_travels_in_clear() {
    let error = run(&*at("sc://127.0.0.1:1"), &everything(&source("logs"))).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Transient, "{error}");
    let silent = Silent::new().await;
    let url = format!("sc://127.0.0.1:{}/;token=top-secret", silent.port());
    let mut asked = everything(&source("logs"));
    asked.limits.timeout = std::time::Duration::from_millis(200);
    let error = run(&*at(&url), &asked).await.unwrap_err();
    assert!(!error.message.contains("top-secret"), "{error}");
    let bad = at("sc://127.0.0.1:1/;token=top-secret");
    let error = run(&*bad, &asked).await.unwrap_err();
    assert!(!error.message.contains("top-secret"), "{error}");
}
