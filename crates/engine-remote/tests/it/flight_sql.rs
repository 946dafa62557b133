//! On a Flight SQL server of our own over SQLite. It shows that both sides of the protocol as the
//! library has it agree, and that values are bound; no other server was at hand that binds values.

mod peer;

use std::sync::Arc;

use async_trait::async_trait;
use engine_remote::connect;
use log_rules::{Address, EngineKind};
use loghunt::engine::SqlEngine;
use model::log::{Completeness, FailureClass};
use rows::{Row, Value};
use testkit::engine_suite::{Habits, Stand, Table, WRONG_SECRET, engine_suite};

use crate::fake::Silent;
use crate::scans::{address, columns, everything, run, source, tenant};
use peer::Peer;

struct FlightStand {
    peer: Peer,
    silent: Silent,
}

fn at(url: &str, secret: &str) -> Arc<dyn SqlEngine> {
    let address = Address { user: Some("suite".into()), ..address(url) };
    connect(&EngineKind::FlightSql(address), &tenant(), Some(secret.into())).unwrap()
}

fn stored(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Bool(truth) => i64::from(*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Time(time) => i64::try_from(time.unix_nanos().div_euclid(1_000)).unwrap().into(),
        other => other.to_string().into(),
    }
}

#[async_trait]
impl Stand for FlightStand {
    fn habits(&self) -> Habits {
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) AS n FROM {table}, n";
        Habits {
            sql: true,
            nanos: false,
            offsets: false,
            slow: Some(endless.into()),
            regex: None,
            identity: false,
            fingerprint: true,
            clock: true,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        let types = ["TEXT", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP"];
        let columns = columns(table, types, |name, kind| format!("\"{name}\" {kind}"));
        let text = format!("CREATE TABLE \"{}\" ({columns})", table.name);
        self.peer.write().execute(&text, []).unwrap();
        self.add(table, &table.name, &table.rows).await;
        table.name.as_str().into()
    }

    async fn add(&self, _: &Table, spelled: &str, rows: &[Row]) {
        let connection = self.peer.write();
        for row in rows {
            let names: Vec<String> = row.keys().map(|name| format!("\"{name}\"")).collect();
            let marks = vec!["?"; names.len()].join(", ");
            let text = format!("INSERT INTO \"{spelled}\" ({}) VALUES ({marks})", names.join(", "));
            let values = row.values().map(stored);
            connection.execute(&text, rusqlite::params_from_iter(values)).unwrap();
        }
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        at(&self.peer.url(), "right")
    }

    async fn refused(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at(&self.peer.url(), WRONG_SECRET))
    }

    async fn dead(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at("grpc://127.0.0.1:1", "right"))
    }

    async fn silent(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(at(&format!("grpc://127.0.0.1:{}", self.silent.port()), "right"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flight_sql_keeps_the_promises_of_engines() {
    let stand = FlightStand { peer: Peer::start(0).await, silent: Silent::new().await };
    engine_suite(&stand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_rows_than_promised_are_a_part() {
    let peer = Peer::start(5).await;
    let text = "CREATE TABLE logs (id BIGINT, at TIMESTAMP); INSERT INTO logs VALUES (1, 5)";
    peer.write().execute_batch(text).unwrap();
    let engine = at(&peer.url(), "right");
    let (report, rows) = run(&*engine, &everything(&source("logs"))).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(matches!(report.completeness, Completeness::Partial(_)), "{report:?}");
}

#[test]
fn a_secret_never_travels_in_clear() {
    let kind = EngineKind::FlightSql(address("grpc://lake.example:32010"));
    let error = connect(&kind, &tenant(), Some("top-secret".into())).err().unwrap();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.message.contains("grpc+tls") && !error.message.contains("top-secret"));
}
