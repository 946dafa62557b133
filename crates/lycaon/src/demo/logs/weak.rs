//! The tenant whose database does not answer at first: a database file that this process holds locked.

use std::path::Path;

use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

use super::events::{COLUMNS, DATASETS};
use crate::complaint::{Complaint, Outcome};

/// A database that nobody else can read until it is unlocked.
pub(crate) struct WeakTenant {
    database: Connection,
    locked: bool,
}

impl WeakTenant {
    /// Makes the database and locks it.
    pub(crate) fn make(path: &Path) -> Outcome<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Complaint::io("make", folder, &e))?;
        }
        let database = Connection::open(path).map_err(wrong)?;
        for (dataset, columns) in DATASETS.iter().zip(COLUMNS) {
            let own: String = columns.iter().map(|column| format!(", {column}")).collect();
            let sql = format!("CREATE TABLE {dataset} (event_time TEXT, ingested_at TEXT{own})");
            database.execute(&sql, []).map_err(wrong)?;
        }
        // Without a write-ahead log an exclusive lock keeps readers out as well.
        database.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").map_err(wrong)?;
        Ok(Self { database, locked: true })
    }

    /// Others can read from now on.
    pub(crate) fn unlock(&mut self) -> Outcome {
        if self.locked {
            self.database.execute_batch("COMMIT").map_err(wrong)?;
            self.locked = false;
        }
        Ok(())
    }

    /// Adds rows, seen by others once it is unlocked.
    pub(crate) fn append(&mut self, dataset: &str, rows: &[Value]) -> Outcome {
        for row in rows.iter().filter_map(Value::as_object) {
            let names: Vec<&str> = row.keys().map(String::as_str).collect();
            let marks = vec!["?"; names.len()].join(", ");
            let sql = format!("INSERT INTO {dataset} ({}) VALUES ({marks})", names.join(", "));
            let values = row.values().map(|value| match value {
                Value::Number(number) => rusqlite::types::Value::from(number.as_i64()),
                Value::String(text) => text.clone().into(),
                _ => rusqlite::types::Value::Null,
            });
            self.database.execute(&sql, params_from_iter(values)).map_err(wrong)?;
        }
        Ok(())
    }
}

fn wrong(error: rusqlite::Error) -> Complaint {
    Complaint::failed(format!("the weak tenant's database: {error}"))
}
