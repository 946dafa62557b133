//! On a real PostgreSQL, which the test starts.

use std::sync::Arc;

use async_trait::async_trait;
use engine_remote::connect;
use log_rules::EngineKind;
use loghunt::engine::{Scan, Source, SqlEngine};
use model::log::{Domain, FailureClass, Position, Window};
use rows::{Row, Value};
use testkit::engine_suite::{Habits, Kind, Stand, Table, WRONG_SECRET, engine_suite};
use testkit::postgres::Cluster;

use crate::fake::Silent;
use crate::scans::{address, everything, run, source, tenant};

struct PostgresStand {
    cluster: &'static Cluster,
    database: String,
    url: String,
    silent: Silent,
}

impl PostgresStand {
    async fn new(cluster: &'static Cluster) -> Self {
        let url = cluster.fresh_database();
        Self {
            cluster,
            database: url.rsplit('/').next().unwrap().to_owned(),
            url,
            silent: Silent::new().await,
        }
    }

    fn at(&self, url: &str) -> Arc<dyn SqlEngine> {
        connect(&EngineKind::Postgres(address(url)), &tenant(), None).unwrap()
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => format!("({number})::bigint"),
        Value::Float(number) => format!("'{number:e}'::float8"),
        other => format!("E'{}'", other.to_string().replace('\\', "\\\\").replace('\'', "\\'")),
    }
}

#[async_trait]
impl Stand for PostgresStand {
    fn habits(&self) -> Habits {
        Habits {
            sql: true,
            nanos: false,
            offsets: true,
            slow: Some("SELECT count(*) AS n, pg_sleep(600) AS s FROM {table}".into()),
            regex: Some(|column, pattern| format!("{column} ~ '{pattern}'")),
            identity: true,
            fingerprint: true,
            clock: true,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        let columns: String = table
            .columns
            .iter()
            .map(|(name, kind)| {
                let kind = match kind {
                    Kind::Text => "text",
                    Kind::Int => "bigint",
                    Kind::Float => "double precision",
                    Kind::Bool => "boolean",
                    Kind::Time => "timestamptz",
                };
                format!(", \"{name}\" {kind}")
            })
            .collect();
        let text = format!(
            "CREATE TABLE \"{}\" (number bigserial PRIMARY KEY, \
             tx bigint DEFAULT pg_current_xact_id()::text::bigint{columns})",
            table.name
        );
        self.cluster.sql(&self.database, &text);
        self.add(table, &table.name, &table.rows).await;
        table.name.as_str().into()
    }

    async fn add(&self, _: &Table, spelled: &str, rows: &[Row]) {
        let inserts: String = rows
            .iter()
            .map(|row| {
                let names: Vec<String> = row.keys().map(|name| format!("\"{name}\"")).collect();
                let values: Vec<String> = row.values().map(literal).collect();
                let (names, values) = (names.join(", "), values.join(", "));
                format!("INSERT INTO \"{spelled}\" ({names}) VALUES ({values});\n")
            })
            .collect();
        self.cluster.sql(&self.database, &inserts);
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        self.at(&self.url)
    }

    async fn refused(&self) -> Option<Arc<dyn SqlEngine>> {
        let name = format!("stranger_{}", self.database);
        self.cluster.sql("postgres", &format!("CREATE ROLE {name} NOLOGIN PASSWORD 'x'"));
        let url = format!("postgresql://{name}:{WRONG_SECRET}@127.0.0.1:{}/x", self.cluster.port());
        Some(self.at(&url))
    }

    async fn dead(&self) -> Option<Arc<dyn SqlEngine>> {
        Some(self.at("postgresql://postgres@127.0.0.1:1/x"))
    }

    async fn silent(&self) -> Option<Arc<dyn SqlEngine>> {
        let port = self.silent.port();
        Some(self.at(&format!("postgresql://postgres@127.0.0.1:{port}/x")))
    }

    fn by_cursor(&self, source: Source) -> Option<Source> {
        Some(Source { domain: Domain::Cursor, cursor: Some("tx".into()), ..source })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_the_promises_of_engines() {
    let Some(cluster) = Cluster::or_say() else { return };
    engine_suite(&PostgresStand::new(cluster).await).await;
}

/// A server of its own: open transactions hold back the horizon of every database.
#[tokio::test(flavor = "multi_thread")]
async fn the_horizon_waits_for_open_transactions() {
    if Cluster::or_say().is_none() {
        return;
    }
    let cluster = Cluster::start(&["autovacuum=off"]).unwrap();
    let url = cluster.fresh_database();
    let database = url.rsplit('/').next().unwrap();
    let table = "CREATE TABLE logs (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), \
                 seen timestamptz DEFAULT now(), tx xid8 DEFAULT pg_current_xact_id())";
    let row = "INSERT INTO logs DEFAULT VALUES";
    cluster.sql(database, table);
    cluster.sql(database, row);
    let (writer, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    writer.batch_execute(&format!("BEGIN; {row}")).await.unwrap();
    cluster.sql(database, row);

    let engine = connect(&EngineKind::Postgres(address(&url)), &tenant(), None).unwrap();
    let by_cursor = Source { domain: Domain::Cursor, cursor: Some("tx".into()), ..source("logs") };
    let read = async |source: &Source, from: Position, to: Position| {
        let window = Window::new(from, to).unwrap();
        let scan = Scan { read: window, emit: window, ..everything(source) };
        let (_, rows) = run(&*engine, &scan).await.unwrap();
        rows.iter().map(|one| one.identity.clone().unwrap().to_string()).collect::<Vec<_>>()
    };
    let first = engine.horizon(&by_cursor).await.unwrap().stable.unwrap();
    assert_eq!(read(&by_cursor, Position(0), first).await, ["[1]"], "the third is not stable yet");
    let by_ingest =
        Source { domain: Domain::IngestTime, ingest_time: Some("seen".into()), ..source("logs") };
    let horizon = engine.horizon(&by_ingest).await.unwrap();
    let ingest = horizon.stable.unwrap();
    assert!(ingest < Position::at(horizon.clock.unwrap()));
    assert_eq!(read(&by_ingest, Position(0), ingest).await, ["[1]"]);

    writer.batch_execute("COMMIT").await.unwrap();
    let second = engine.horizon(&by_cursor).await.unwrap().stable.unwrap();
    assert_eq!(read(&by_cursor, first, second).await, ["[2]", "[3]"], "none is lost");
    let later = engine.horizon(&by_ingest).await.unwrap().stable.unwrap();
    assert_eq!(read(&by_ingest, ingest, later).await, ["[2]", "[3]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_is_no_cursor() {
    let Some(cluster) = Cluster::or_say() else { return };
    let url = cluster.fresh_database();
    let text = "CREATE TABLE logs (id bigserial PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, \
                at timestamptz)";
    cluster.sql(url.rsplit('/').next().unwrap(), text);
    let engine = connect(&EngineKind::Postgres(address(&url)), &tenant(), None).unwrap();
    for cursor in ["id", "n"] {
        let source =
            Source { domain: Domain::Cursor, cursor: Some(cursor.into()), ..source("logs") };
        let error = engine.horizon(&source).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Permanent);
        assert!(error.message.contains("pg_current_xact_id"), "{error}");
    }
}
