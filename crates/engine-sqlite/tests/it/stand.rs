//! A database file in a temporary folder.

use std::sync::Arc;

use async_trait::async_trait;
use engine_sqlite::SqliteEngine;
use loghunt::engine::{Source, SqlEngine};
use model::log::Domain;
use rows::{Row, Value};
use rusqlite::Connection;
use testkit::engine_suite::{Habits, Kind, Stand, Table};

/// How moments are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moments {
    Texts,
    Nanos,
}

pub(crate) struct SqliteStand {
    folder: tempfile::TempDir,
    moments: Moments,
}

impl SqliteStand {
    pub(crate) fn texts() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), moments: Moments::Texts }
    }

    pub(crate) fn nanos() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), moments: Moments::Nanos }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("logs.db")
    }

    pub(crate) fn write(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        connection
    }

    fn stored(&self, value: &Value) -> Value {
        match value {
            Value::Bool(truth) => Value::Int(i64::from(*truth)),
            Value::Time(time) => match self.moments {
                Moments::Texts => Value::text(time.to_string()),
                Moments::Nanos => Value::Int(i64::try_from(time.unix_nanos()).unwrap()),
            },
            other => other.clone(),
        }
    }
}

#[async_trait]
impl Stand for SqliteStand {
    fn habits(&self) -> Habits {
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) AS n FROM {table}, n";
        Habits {
            sql: true,
            nanos: true,
            offsets: self.moments == Moments::Texts,
            slow: Some(endless.into()),
            regex: Some(|column, pattern| format!("{column} REGEXP '{pattern}'")),
            identity: true,
            fingerprint: true,
            clock: true,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        let kinds = table.columns.iter().map(|(name, kind)| {
            let kind = match (kind, self.moments) {
                (Kind::Text, _) => "TEXT",
                (Kind::Int | Kind::Bool, _) => "INTEGER",
                (Kind::Float, _) => "REAL",
                (Kind::Time, Moments::Texts) => "TEXT",
                (Kind::Time, Moments::Nanos) => "INTEGER_NS",
            };
            format!(", \"{name}\" {kind}")
        });
        let columns: String = kinds.collect();
        let text = format!(
            "CREATE TABLE \"{}\" (number INTEGER PRIMARY KEY AUTOINCREMENT{columns})",
            table.name
        );
        self.write().execute(&text, []).unwrap();
        self.add(table, &table.name, &table.rows).await;
        table.name.as_str().into()
    }

    async fn add(&self, _: &Table, spelled: &str, rows: &[Row]) {
        let connection = self.write();
        for row in rows {
            let names: Vec<String> = row.keys().map(|name| format!("\"{name}\"")).collect();
            let marks = vec!["?"; names.len()].join(", ");
            let text = format!("INSERT INTO \"{spelled}\" ({}) VALUES ({marks})", names.join(", "));
            let values = row.values().map(|value| match self.stored(value) {
                Value::Null => rusqlite::types::Value::Null,
                Value::Int(number) => number.into(),
                Value::Float(number) => number.into(),
                other => other.to_string().into(),
            });
            connection.execute(&text, rusqlite::params_from_iter(values)).unwrap();
        }
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        Arc::new(SqliteEngine::new(self.path()))
    }

    fn by_cursor(&self, source: Source) -> Option<Source> {
        Some(Source { domain: Domain::Cursor, ..source })
    }

    fn seen(&self, _: Kind, value: &Value) -> Value {
        self.stored(value)
    }
}
